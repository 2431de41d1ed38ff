"""What tools/render_corpus.py plays: one module per kind of music, and what they share.

samples.py  files of a folder -> trimmed, cached waveforms
mixing.py   placing, panning, ducking, echo, reverb, loudness
synth.py    the few voices that no sample gives: acid line, bass notes, chords
grid.py     tempo: bars and sixteenths -> sample positions
techno.py   the form and the sounds of a techno track, drawn from a seed
layers.py   the table of layers and their place in the mix
drums.py    kick, hats, claps, percussion, fills
tones.py    bass, lines, chords, textures
patterns.py steps, keys, Euclidean rhythms
scores.py   public-domain scores -> lists of notes
piano.py    excerpts of scores, humanised, played by fluidsynth
"""
