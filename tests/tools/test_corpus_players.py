"""What plays the corpus of many kinds: songs of a game, scores in parts, recordings.

Synthetic songs and tones stand in for Debian's packages; only the tests that say so need fluidsynth.
"""

import io
import pathlib
import struct
import sys

import numpy as np
import pytest
import soundfile
from paths import ROOT

sys.path.insert(0, str(ROOT / "tools"))

from corpus import ensembles, freedoom, mixing, performing, recordings, rooms, scores, slow, soundfont  # noqa: E402

from musika_tf.errors import UserError  # noqa: E402

mido = pytest.importorskip("mido")
SAMPLE_RATE = 44100
SOUNDFONT = pathlib.Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")


def _has_fluidsynth():
    try:
        soundfont.check(SOUNDFONT, "general")
    except UserError:
        return False
    return True


needs_fluidsynth = pytest.mark.skipif(not _has_fluidsynth(), reason="fluidsynth or fluid-soundfont-gm is not installed")


# Freedoom's songs


def _song(tempo=500_000):
    """Two bars: bass on channel 0, guitar on 1, drums on 9."""
    song = mido.MidiFile(ticks_per_beat=96)
    for channel, program, note in ((0, 33, 40), (1, 29, 60), (9, 0, 36)):
        track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=tempo)])
        track.append(mido.Message("program_change", channel=channel, program=program))
        track.append(mido.Message("control_change", channel=channel, control=7, value=90))
        for _ in range(200):
            track.append(mido.Message("note_on", channel=channel, note=note, velocity=90))
            track.append(mido.Message("note_off", channel=channel, note=note, time=24))
        song.tracks.append(track)
    return song


def _bytes(song):
    file = io.BytesIO()
    song.save(file=file)
    return file.getvalue()


def _wad(lumps):
    data, directory = b"", b""
    for name, lump in lumps:
        directory += struct.pack("<ii8s", 12 + len(data), len(lump), name)
        data += lump
    return struct.pack("<4sii", b"IWAD", len(lumps), 12 + len(data)) + data + directory


@pytest.fixture
def doom_dir(tmp_path):
    first, second = _bytes(_song()), _bytes(_song(400_000))
    lumps = [(b"D_E1M1", first), (b"D_E1M2", first), (b"D_JINGLE", first[:100]), (b"PLAYPAL", bytes(9000))]
    (tmp_path / "freedoom1.wad").write_bytes(_wad(lumps))
    (tmp_path / "freedoom2.wad").write_bytes(_wad([(b"D_TENSE", second), (b"D_DOOM", first)]))
    return tmp_path


def _notes(song):
    return [message for track in song.tracks for message in track if message.type == "note_on"]


def test_each_song_is_there_once_and_in_one_split(doom_dir):
    player = freedoom.Freedoom(doom_dir, SOUNDFONT)
    assert player.pieces(False) == ("D_E1M1",)
    assert player.pieces(True) == ("D_TENSE",)


@pytest.mark.parametrize("damage", [None, b"", b"IWAD", struct.pack("<4sii", b"IWAD", 9, 5000)])
def test_a_missing_or_damaged_wad_is_named(doom_dir, damage):
    (doom_dir / "freedoom2.wad").unlink()
    if damage is not None:
        (doom_dir / "freedoom2.wad").write_bytes(damage)
    with pytest.raises(UserError, match=r"--freedoom_dir: .*freedoom2.wad can't be read .*`apt-get install freedoom`"):
        freedoom.Freedoom(doom_dir, SOUNDFONT)


def test_parts_of_a_song_make_the_whole():
    song, desk = _song(), freedoom._desk(np.random.default_rng(0))
    rhythm = freedoom._is_rhythm(song)
    assert np.flatnonzero(rhythm).tolist() == [0, 9]
    parts = [freedoom._edited(song, channels, desk, {}, 0, 1.0) for channels in (rhythm, ~rhythm)]
    assert sum(len(_notes(part)) for part in parts) == len(_notes(song))
    for part in parts:
        assert part.length == pytest.approx(song.length)
        assert len({message.channel for message in _notes(part)}) in (1, 2)


def test_a_later_take_changes_key_tempo_and_instruments_but_no_drums():
    song, desk = _song(), freedoom._desk(np.random.default_rng(0))
    edited = freedoom._edited(song, np.ones(16, bool), desk, {29: 30}, 3, 1.1)
    pitches = {message.channel: message.note for message in _notes(edited)}
    assert pitches == {0: 43, 1: 63, 9: 36}
    assert edited.length == pytest.approx(song.length / 1.1, rel=1e-3)
    assert (1, 30) in freedoom._programs(edited) and (0, 33) in freedoom._programs(edited)


def test_rhythm_stands_in_the_middle_and_the_rest_beside_it():
    song, desk = _song(), freedoom._desk(np.random.default_rng(0))
    edited = freedoom._edited(song, np.ones(16, bool), desk, {}, 0, 1.0)
    pans = {message.channel: message.value for message in edited.tracks[0] if message.control == freedoom.PAN}
    assert abs(pans[0] - 64) <= 11 and abs(pans[9] - 64) <= 11
    assert max(abs(pan - 64) for pan in pans.values()) > 25


@needs_fluidsynth
def test_a_song_is_played(doom_dir):
    mix, facts = freedoom.Freedoom(doom_dir, SOUNDFONT).render(np.random.default_rng(1), ("D_E1M1",), 1)
    assert len(mix) / SAMPLE_RATE == pytest.approx(25 / facts["tempo"], abs=3)
    assert 0.1 < rooms.correlation(mix) < 0.99
    again, _ = freedoom.Freedoom(doom_dir, SOUNDFONT).render(np.random.default_rng(1), ("D_E1M1",), 1)
    np.testing.assert_array_equal(mix, again)


# Scores in parts


@pytest.fixture
def parts():
    onsets = np.arange(0, 64.0)
    bars = np.arange(0, 64.0, 4)
    return tuple(scores.Score("none", onsets, onsets + 1, np.full(64, pitch), bars) for pitch in (76, 67, 60, 48))


def test_parts_keep_one_tempo(parts):
    played = ensembles.perform(np.random.default_rng(0), parts, 1000.0, 0.0)
    assert [height for height, _ in played] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    onsets = np.array([notes.onsets for _, notes in played])
    assert np.abs(onsets - onsets.mean(axis=0)).max() < 0.05
    assert all((np.diff(notes.onsets) > 0).all() and (notes.ends > notes.onsets).all() for _, notes in played)


def test_a_long_piece_is_cut_at_bars(parts):
    played = ensembles.perform(np.random.default_rng(0), parts, 10.0, 0.0)
    assert 5 < max(notes.ends.max() for _, notes in played) < 15


def test_every_ensemble_has_four_places_of_general_midi():
    for name, programs in ensembles.ENSEMBLES.items():
        assert len(programs) == 4 and all(0 <= program < 128 for program in programs), name


def test_each_part_has_its_instrument_and_place(parts):
    rng = np.random.default_rng(0)
    played = ensembles.perform(rng, parts, 30.0, 0.0)
    events = list(ensembles.events(rng, played, ensembles.ENSEMBLES["jazz"]))
    pitches = {fields["channel"]: fields["note"] for _, _, kind, fields in events if kind == "note_on"}
    assert pitches == {0: 76, 1: 67, 2: 60, 3: 36}  # the double bass sounds an octave lower
    pans = [fields["value"] for _, _, kind, fields in events if fields.get("control") == ensembles.PAN]
    assert len(set(pans)) == 4 and min(pans) < 45 and max(pans) > 83


def test_midi_files_keep_offs_before_ons(tmp_path):
    notes = performing.Notes(np.array([0.0, 1.0]), np.array([1.0, 2.0]), np.array([60, 60]), np.array([80, 80]))
    performing.write_midi(reversed(list(performing.note_events(notes, 2))), tmp_path / "a.mid")
    messages = [message for message in mido.MidiFile(tmp_path / "a.mid") if not message.is_meta]
    assert [message.type for message in messages] == ["note_on", "note_off", "note_on", "note_off"]
    assert [message.time for message in messages] == pytest.approx([0, 1, 0, 1])


@needs_fluidsynth
def test_chorales_are_played_by_an_ensemble():
    pytest.importorskip("music21")
    names = scores.chorales(False)[:1]
    mix, facts = ensembles.Ensembles(scores.chorales, SOUNDFONT).render(np.random.default_rng(0), names, 0)
    assert facts["ensemble"] in ensembles.ENSEMBLES
    assert 10 < len(mix) / SAMPLE_RATE < 210
    assert mixing.rms(mix) > 0.001 and rooms.correlation(mix) < 0.99


# Ambient


def test_slow_parts_are_bound(parts):
    (_, part), *_ = ensembles.perform(np.random.default_rng(0), parts, 1000.0, 0.0)
    moving = performing.Notes(part.onsets, part.ends, 60 + np.arange(len(part.onsets)) % 2, part.velocities)
    slower = slow._slowly(moving, 2.0, 0.25, -3)
    np.testing.assert_allclose(slower.onsets, 2.0 + 4 * part.onsets)
    assert (slower.ends[:-1] > slower.onsets[1:]).all()
    assert set(slower.pitches) == {57, 58}


@pytest.mark.parametrize("manner", [slow.AMBIENT, slow.STRINGS])
def test_every_manner_has_four_places_of_general_midi(manner):
    assert all(len(programs) == 4 and all(0 <= program < 128 for program in programs) for programs in manner.programs)


@needs_fluidsynth
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("word", "manner"), [("ambient", slow.AMBIENT), ("strings", slow.STRINGS)])
def test_slow_music_sounds_as_it_is_called_also_through_the_autoencoder(word, manner, seed):
    pytest.importorskip("music21")
    pytest.importorskip("musicnn")
    import musika_tf
    from musika_tf.conditioning import tags

    mix, facts = slow.SlowChorales(SOUNDFONT, manner).render(
        np.random.default_rng(seed), scores.chorales(False)[seed : seed + 1], 0
    )
    assert 30 < len(mix) / SAMPLE_RATE < slow.LONGEST_SECONDS + 20 and 0.25 <= facts["pace"] <= 0.55
    excerpt = mixing.set_loudness(mix[: 30 * SAMPLE_RATE], -18)
    model = musika_tf.load(ROOT / "models" / "music-ae")
    for sound in (excerpt, model.decode(model.encode(excerpt, SAMPLE_RATE))):
        heard = tags.activations(sound, np.arange(2.0, 28.0)).mean(axis=0)
        assert word in [tags.TAGS[i] for i in heard.argsort()[-2:]]


# Recorded music


def _tone(path, channels, seconds=2, hertz=440):
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = 0.3 * np.sin(2 * np.pi * hertz * np.arange(seconds * SAMPLE_RATE) / SAMPLE_RATE)
    soundfile.write(path, np.repeat(tone[:, None], channels, axis=1), SAMPLE_RATE, format="OGG")


@pytest.fixture
def games_dir(tmp_path):
    for pattern in recordings.GAMES.values():
        _tone(tmp_path / pattern.replace("*", "one"), channels=1)
    for stem, hertz in (("song", 100), ("guitar", 1000)):
        _tone(tmp_path / recordings.STEMS_FOLDER / "A song" / f"{stem}.ogg", 2, hertz=hertz)
    return tmp_path


def test_mono_games_become_wide_and_take_other_speeds(games_dir):
    player = recordings.Games(games_dir)
    assert len(player.pieces(False)) == len(recordings.GAMES)
    original, facts = player.render(np.random.default_rng(0), ("a7xpg/one",), 0)
    assert facts["semitones"] == 0 and len(original) == 2 * SAMPLE_RATE
    assert rooms.correlation(original) < 0.9
    other, facts = player.render(np.random.default_rng(0), ("a7xpg/one",), 1)
    assert len(other) == pytest.approx(2 * SAMPLE_RATE / 2 ** (facts["semitones"] / 12), rel=1e-3)


def test_stems_are_mixed_then_rebalanced(games_dir):
    player = recordings.Stems(games_dir)
    assert player.pieces(False) == ("A song",) and player.pieces(True) == ()
    first, facts = player.render(np.random.default_rng(0), ("A song",), 0)
    assert facts == {"band_db": 0, "guitar_db": 0, "semitones": 0}
    assert _level(first, 1000) / _level(first, 100) == pytest.approx(1, abs=0.1)
    rebalanced, facts = player.render(np.random.default_rng(0), ("A song",), 1)
    speed = 2 ** (facts["semitones"] / 12)
    ratio = _level(rebalanced, 1000 * speed) / _level(rebalanced, 100 * speed)
    assert 20 * np.log10(ratio) == pytest.approx(facts["guitar_db"] - facts["band_db"], abs=2.5)


def _level(mix, hertz):
    spectrum = np.abs(np.fft.rfft(mix * np.hanning(len(mix))[:, None], axis=0)) ** 2
    place = round(hertz * len(mix) / SAMPLE_RATE)
    return np.sqrt(spectrum[place - 10 : place + 11].sum())


def test_missing_games_are_named(games_dir):
    (games_dir / "gunroar/sounds/musics/one.ogg").unlink()
    with pytest.raises(UserError, match=r"lacks gunroar.*`apt-get install gunroar-data`"):
        recordings.Games(games_dir)
    with pytest.raises(UserError, match=r"`apt-get install fretsonfire-songs-sectoid`"):
        recordings.Stems(games_dir / "nowhere")


def test_an_unreadable_recording_is_named(games_dir):
    path = games_dir / "a7xpg/sounds/one.ogg"
    path.write_text("no sound")
    with pytest.raises(UserError, match="one.ogg"):
        recordings.read(path)
