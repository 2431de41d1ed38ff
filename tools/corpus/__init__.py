"""What tools/render_corpus.py plays: one module per kind of music, and what they share.

one corpus
  general.py     the sources of a corpus of many kinds, and their shares
  sources.py     which source plays next, and which of its pieces
  tracks.py      train/ and held_out/: audio and facts, whole or not at all
  notices.py     sources.csv and NOTICE

techno, from samples
  techno.py      the form and the sounds of a track, drawn from a seed
  layers.py      the table of layers and their place in the mix
  drums.py       kick, hats, claps, percussion, fills
  tones.py       bass, lines, chords, textures
  patterns.py    steps, keys, Euclidean rhythms
  grid.py        tempo: bars and sixteenths -> sample positions
  samples.py     files of a folder -> trimmed, cached waveforms
  synth.py       the few voices that no sample gives: acid line, bass notes, chords

notes, through a soundfont
  scores.py      public-domain scores -> lists of notes
  piano.py       excerpts of scores, humanised, for one piano
  ensembles.py   scores in parts, for quartets, choirs, bands
  slow.py        chorales as slow chords: ambient, strings
  freedoom.py    songs of a game: other keys, tempi and instruments from the second time on
  performing.py  notes in seconds -> MIDI files
  soundfont.py   MIDI files -> sound

recordings.py    produced tracks of games; a rock band's stems, rebalanced

the desk
  mixing.py      placing, panning, ducking, echo, loudness
  rooms.py       room responses, chorus, two channels made of one
  mastering.py   silence, width, loudness, dither; meters
  needs.py       imports that name what is missing
"""
