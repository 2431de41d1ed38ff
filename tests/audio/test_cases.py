"""Files whose headers mislead, against a second decoder: every sample that decodes is used.

`tests/fixtures/cases/expected.csv` has what ffmpeg finds in each of them.
"""

import csv
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from musika_tf.audio import blocks, ffmpeg, files
from musika_tf.collection import scan
from musika_tf.collection.table import LEFT_OUT, USED

CASES = Path(__file__).parents[1] / "fixtures" / "cases"
EXPECTED = {row["file"]: row for row in csv.DictReader((CASES / "expected.csv").read_text().splitlines())}
RATE = files.SAMPLE_RATE
needs_ffmpeg = pytest.mark.skipif(not ffmpeg.is_installed(), reason="needs ffmpeg")

BY_FFMPEG = (
    "two_ogg_chained.ogg",
    "two_opus_chained.opus",
    "ogg_flac.oga",
)  # which soundfile does not read, or in part
# Where the other decoder is wrong, or lacks it: it takes five frames of a picture in a tag for sound, leaves out the
# last block of a Vorbis stream behind a tag, reads the filling of the last block of GSM, and has no DWVW.
OURS = {"id3v2_at_the_end.mp3": 24_192, "vorbis_behind_id3.ogg": 22_050, "gsm.aiff": 4410, "dwvw.aiff": 4410}


def decoded(path, n_channels):
    """float32 `[samples, channels]`, by ffmpeg."""
    command = [
        "ffmpeg",
        "-nostdin",
        "-v",
        "quiet",
        "-threads",
        "1",
        "-i",
        path,
        "-f",
        "f32le",
        "-c:a",
        "pcm_f32le",
        "-",
    ]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return np.frombuffer(done.stdout, "<f4").reshape(-1, n_channels)


@pytest.mark.parametrize("name", EXPECTED)
def test_every_sample_is_used_and_parts_are_parts(name):
    path, expected = CASES / name, EXPECTED[name]
    if path.name in BY_FFMPEG and not ffmpeg.is_installed():
        pytest.skip("needs ffmpeg")
    info = files.probe(path)
    assert info.n_samples == OURS.get(path.name) or info.n_samples == int(expected["samples"])
    assert (info.sample_rate, info.n_channels) == (int(expected["sample_rate"] or 8000), int(expected["channels"] or 1))
    whole = files.read(path, sample_rate=info.sample_rate)
    assert len(whole) == info.n_samples
    tolerance = 1e-8 if "opus" in name else 0
    np.testing.assert_allclose(np.concatenate(list(blocks.read(path, None))), whole, rtol=0, atol=tolerance)
    for start in (1, 1000, len(whole) - 500):
        part = files.read(path, start, 700, info.sample_rate)
        np.testing.assert_allclose(part, whole[start : start + 700], rtol=0, atol=tolerance)


# Lossy decoders round differently, and ffmpeg shapes its own dither in some.
@needs_ffmpeg
@pytest.mark.parametrize("name", [name for name in EXPECTED if EXPECTED[name]["channels"] == "2"])
def test_the_samples_are_those_of_the_other_decoder(name):
    path = CASES / name
    ours, theirs = files.read(path, sample_rate=int(EXPECTED[name]["sample_rate"])), decoded(path, 2)
    if path.name == "too_few_frames.mp3":  # ffmpeg leaves out a part of the middle
        ours, theirs = ours[:3600], theirs[:3600]
    n_samples = min(len(ours), len(theirs))
    inner = slice(2400, n_samples)  # of a file that begins inside a frame decoders make different things at first
    assert np.sqrt(np.mean((ours[inner] - theirs[inner]) ** 2)) < 1e-3


def test_what_the_rows_say():
    rows = {row.path.name: row for row in scan.scan(CASES).rows}
    for name in ("half_of_au.au", "half_of_nist.sph", "half_of_voc.voc", "half_of_w64.w64"):
        assert (rows[name].status, rows[name].what) == (LEFT_OUT, "truncated (0.1 of 0.2 s are there)")
    assert rows["alaw_clipped.wav"].flags == ("clipped",)
    assert rows["all_clipped_float.wav"].what == "clipped (100 % of its samples)"
    assert rows["id3v2_at_the_end.mp3"].flags == rows["ape_png_cover.mp3"].flags == ("tags",)
    if ffmpeg.is_installed():
        left_out = {name for name, row in rows.items() if row.status == LEFT_OUT}
        assert left_out == {name for name in rows if name.startswith("half_of")}
        assert rows["two_ogg_chained.ogg"].what == "" and rows["ogg_flac.oga"].status == USED


def test_without_ffmpeg_the_row_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(ffmpeg.shutil, "which", lambda name: None)
    for name in BY_FFMPEG:
        (path,) = CASES.rglob(name)
        shutil.copy(path, tmp_path / name)
    (tmp_path / "song.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(100))
    rows = {row.file: row for row in scan.scan(tmp_path).rows}
    for name in BY_FFMPEG[:2]:
        assert rows[name].status == USED and rows[name].flags[0] == "partly" and rows[name].seconds == 0.5
        assert rows[name].what.startswith("the streams chained behind its first not used; to use them, install ffmpeg")
    for name, kind in (("song.m4a", "MP4 or M4A"), ("ogg_flac.oga", "Ogg with")):
        assert (rows[name].status, rows[name].flags) == (LEFT_OUT, ("needs-ffmpeg",))
        assert rows[name].what.startswith(f"needs ffmpeg ({kind}") and "apt-get install ffmpeg" in rows[name].what


@pytest.mark.parametrize("side", [0, 1])
def test_sides_of_opus_surround_by_the_tones_of_their_channels(side):
    waveform = files.read(next(CASES.rglob("L300*.opus")), sample_rate=48_000)[:, side]
    spectrum = np.abs(np.fft.rfft(waveform[4800:-4800] * np.hanning(len(waveform) - 9600)))
    frequencies = np.fft.rfftfreq(len(waveform) - 9600, 1 / 48_000)
    level = {tone: spectrum[np.abs(frequencies - tone) < 20].max() for tone in (300, 500, 700, 900, 1100, 1300)}
    mine, other = ((300, 1100), (500, 1300))[:: 1 - 2 * side]
    for tone, gain in ((mine[0], 1.0), (700, np.sqrt(0.5)), (mine[1], np.sqrt(0.5))):
        assert level[tone] / level[mine[0]] == pytest.approx(gain, rel=0.1)
    for tone in (*other, 900):
        assert level[tone] < 0.01 * level[mine[0]]


# Other containers and codecs, made here.


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source.wav"
    soundfile.write(path, 0.5 * np.sin(np.arange(2.5 * RATE)[:, None] * [[0.05, 0.07]]), RATE, "PCM_16")
    return path


def convert(source, path, *options):
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", source, *options, path]
    subprocess.run(command, stdin=subprocess.DEVNULL, check=True)
    return path


FFMPEG_KINDS = {
    "alac.m4a": ("-c:a", "alac"), "aac.m4a": ("-c:a", "aac"),
    "faststart.m4a": ("-c:a", "aac", "-movflags", "faststart"),
    "x.aac": ("-c:a", "aac"), "x.wma": ("-c:a", "wmav2"), "x.ac3": ("-c:a", "ac3"), "x.mka": ("-c:a", "libvorbis"),
    "x.wv": ("-c:a", "wavpack"), "x.tta": ("-c:a", "tta"),
}  # fmt: skip


@needs_ffmpeg
@pytest.mark.parametrize("name", FFMPEG_KINDS)
def test_what_ffmpeg_reads(source, tmp_path, name):
    path = convert(source, tmp_path / name, *FFMPEG_KINDS[name])
    info, whole, theirs = files.probe(path), files.read(path), decoded(path, 2)
    np.testing.assert_array_equal(whole, theirs)
    assert info.n_samples == len(theirs) >= 2.4 * RATE and not info.as_stored
    np.testing.assert_array_equal(np.concatenate(list(blocks.read(path))), whole)
    for start in (1, 50_000, len(whole) - 10):
        np.testing.assert_array_equal(files.read(path, start, 3000), whole[start : start + 3000])
    if name in ("alac.m4a", "x.wv", "x.tta"):
        np.testing.assert_array_equal(whole, files.read(source))
    elif name.endswith((".m4a", ".mka")):  # the delay of the encoder is stated
        assert np.abs(whole[RATE // 2 : RATE] - files.read(source)[RATE // 2 : RATE]).max() < 0.05
    renamed = path.rename(tmp_path / "renamed.dat")
    assert scan.headers(renamed)[0].seconds == info.n_samples / RATE


@needs_ffmpeg
def test_edit_lists_are_honoured(source, tmp_path):
    path = convert(source, tmp_path / "whole.m4a", "-c:a", "aac")
    cut = tmp_path / "cut.m4a"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-ss", "1", "-i", path, "-c", "copy", cut], check=True, stdin=subprocess.DEVNULL
    )
    heard, wanted = files.read(cut), files.read(path)[RATE:]
    n_samples = min(len(heard), len(wanted)) - 3000
    assert len(heard) == len(decoded(cut, 2)) and abs(len(heard) - 1.5 * RATE) < 2100
    assert np.abs(heard[3000:n_samples] - wanted[3000:n_samples]).max() < 0.01


@needs_ffmpeg
def test_what_is_cut_off_or_a_film(source, tmp_path):
    audio = tmp_path / "audio"
    audio.mkdir()
    path = convert(source, audio / "x.m4a", "-c:a", "alac", "-movflags", "faststart")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    picture = ("-f", "lavfi", "-i", "color=red:s=64x64:d=2.5", "-c:v", "mpeg4", "-c:a", "aac", "-shortest")
    convert(source, audio / "film.mp4", *picture)
    rows = {row.file: row for row in scan.scan(audio).rows}
    assert (rows["x.m4a"].status, rows["x.m4a"].flags) == (LEFT_OUT, ("truncated",))
    assert rows["film.mp4"].what == "not audio (a film)"


@needs_ffmpeg
def test_copies_go_when_there_is_no_room(source, tmp_path, monkeypatch):
    paths = [convert(source, tmp_path / f"{i}.m4a", "-c:a", "alac", "-metadata", f"title={i}") for i in range(3)]
    copies = ffmpeg._Copies()
    monkeypatch.setattr(ffmpeg, "_copies", copies)
    n_bytes = round(2.5 * RATE) * 8
    for most, kept in ((2 * n_bytes, 2), (n_bytes - 1, 0)):
        monkeypatch.setattr(ffmpeg, "_MOST_BYTES", most)
        for path in paths:
            np.testing.assert_array_equal(files.read(path, 5000, 100), files.read(source, 5000, 100))
        assert len(copies._sizes) == len(list(Path(copies._folder.name).iterdir())) == kept


# WAV


def test_a_size_that_32_bits_did_not_hold(tmp_path):
    path, n_samples = tmp_path / "x.wav", (2**32 + 2**20) // 4
    soundfile.write(path, np.full([1000, 2], 0.25), RATE, "PCM_16")
    data = bytearray(path.read_bytes())
    data[40:44] = (n_samples * 4 % 2**32).to_bytes(4, "little")
    path.write_bytes(data)
    with open(path, "r+b") as file:  # sparse: it takes no room
        file.truncate(44 + 4 * n_samples)
        file.seek(-400, 2)
        file.write(data[44:444])
    assert files.probe(path).n_samples == n_samples
    assert (files.read(path, n_samples - 100) == 0.25).all() and (files.read(path, 0, 1000) == 0.25).all()
    assert not files.read(path, n_samples - 200, 100).any()


@pytest.mark.parametrize("where", ["streamed", "streamed behind ID3", "chunks follow", "empty", "junk follows"])
def test_wav_sizes(tmp_path, where):
    path, sound = tmp_path / "x.wav", np.random.default_rng(0).uniform(-0.5, 0.5, [3000, 2])
    soundfile.write(path, sound if where != "empty" else sound[:0], RATE, "PCM_16")
    data = path.read_bytes()
    if where.startswith("streamed"):
        data = data[:40] + bytes(4) + data[44:]
    if "ID3" in where:
        data = b"ID3\x04\0\0\0\0\0\x10" + bytes(16) + data
    data += {"chunks follow": b"LIST\x04\0\0\0INFO", "junk follows": bytes(5000)}.get(where, b"")
    path.write_bytes(data)
    info = files.probe(path)
    assert info.n_samples == (0 if where == "empty" else 3000)
    assert [flag for flag, _ in info.notes] == (["partly"] if where == "junk follows" else [])
    np.testing.assert_allclose(files.read(path), sound[: info.n_samples], atol=2**-15)


# FLAC and Ogg


@pytest.mark.parametrize("n_samples", [100, 4096, 50_000, 300_001])
@pytest.mark.parametrize(
    ("rate", "subtype", "channels"), [(RATE, "PCM_16", 2), (96_000, "PCM_24", 1), (11_025, "PCM_16", 6)]
)
def test_the_length_of_flac(tmp_path, n_samples, rate, subtype, channels):
    path, sound = tmp_path / "x.flac", np.random.default_rng(0).uniform(-0.5, 0.5, [n_samples, channels])
    soundfile.write(path, sound, rate, subtype)
    assert files.probe(path).as_stored
    whole, data = files.read(path, sample_rate=rate), bytearray(path.read_bytes())
    for stated in (0, n_samples - 1, 1):
        data[21:26] = (int.from_bytes(data[21:26], "big") >> 36 << 36 | stated).to_bytes(5, "big")
        path.with_name(f"{stated}.flac").write_bytes(b"ID3\x04\0\0\0\0\0\x10" + bytes(16) + data + b"TAG" + bytes(125))
        assert files.probe(path.with_name(f"{stated}.flac")).n_samples == n_samples
        np.testing.assert_array_equal(files.read(path.with_name(f"{stated}.flac"), sample_rate=rate), whole)


@needs_ffmpeg
@pytest.mark.parametrize("serials", ["other", "the same"])
def test_chained_ogg(tmp_path, serials):
    paths = [tmp_path / f"{i}.ogg" for i in range(2)]
    for i, path in enumerate(paths):
        with soundfile.SoundFile(path, "w", RATE, 2, "VORBIS", format="OGG") as file:
            for start in range(0, 20 * RATE, 4096):
                file.write(np.random.default_rng(start + i).uniform(-0.5, 0.5, [min(4096, 20 * RATE - start), 2]))
    if serials == "the same":
        from musika_tf.audio import ogg

        for path in paths:
            ogg.set_serial(path, 7)
    chained = tmp_path / "both.ogg"
    chained.write_bytes(b"".join(path.read_bytes() for path in paths))
    assert files.probe(paths[0]).as_stored
    info = files.probe(chained)
    assert info.n_samples == len(decoded(chained, 2)) >= 40 * RATE - 1024
    part = files.read(chained, info.n_samples - 5 * RATE, RATE)
    alone = files.read(paths[1], 15 * RATE, RATE)
    np.testing.assert_allclose(part, alone, atol=1e-5)


@needs_ffmpeg
@pytest.mark.parametrize(("first", "second"), [(1.0, 1.0), (1.0, 0.2), (0.2, 1.0), (9.0, 9.0), (9.0, 3.0), (3.0, 9.0)])
def test_joined_flac(tmp_path, monkeypatch, first, second):
    paths = [tmp_path / "a.flac", tmp_path / "b.flac"]
    for path, seconds in zip(paths, (first, second), strict=True):
        soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, [round(seconds * RATE), 2]), RATE, "PCM_16")
    joined = tmp_path / "joined.flac"
    joined.write_bytes(paths[0].read_bytes() + paths[1].read_bytes())
    wholes = [files.read(path) for path in paths]
    np.testing.assert_array_equal(files.read(joined), np.concatenate(wholes))
    assert files.probe(paths[0]).as_stored and files.probe(paths[1]).as_stored
    monkeypatch.setattr(ffmpeg, "is_installed", lambda: False)
    alone = joined.rename(tmp_path / "alone.flac")  # of another name, because what was found is remembered
    assert files.probe(alone).n_samples == len(wholes[0])
    assert files.probe(alone).notes[0][1].startswith("what is joined to its end not used; to use them, install ffmpeg")


def test_flac_that_decodes_and_does_not_seek(tmp_path):
    path, sound = tmp_path / "x.flac", np.random.default_rng(0).uniform(-0.5, 0.5, [RATE, 2])
    soundfile.write(path, sound, RATE, "PCM_16")
    data = bytearray(path.read_bytes())
    data[8:12] = b"\x22\x12\x61\x12"  # smallest and largest block
    path.write_bytes(data)
    whole = files.read(path)
    np.testing.assert_allclose(whole, sound, atol=2**-15)
    np.testing.assert_array_equal(files.read(path, 20_000, 3000), whole[20_000:23_000])


FFMPEG_CODECS = {
    "ac3.wav": ("-c:a", "ac3"), "mp2.wav": ("-c:a", "mp2"), "alac.caf": ("-c:a", "alac"), "x.avi": ("-c:a", "mp3"),
    "x.ts": ("-c:a", "aac"), "x.mov": ("-c:a", "aac"), "x.flv": ("-c:a", "mp3"),
}  # fmt: skip


@needs_ffmpeg
@pytest.mark.parametrize("name", FFMPEG_CODECS)
def test_codecs_that_soundfile_refuses(source, tmp_path, monkeypatch, name):
    path = convert(source, tmp_path / name, *FFMPEG_CODECS[name])
    np.testing.assert_array_equal(files.read(path), decoded(path, 2))
    monkeypatch.setattr(ffmpeg, "is_installed", lambda: False)
    with pytest.raises(files.AudioFileError, match="read where ffmpeg is installed; install ffmpeg"):
        files.probe(path.rename(tmp_path / f"other {name}"))


LAYOUTS = {"2.1": "LRF", "4.0": "LRCb", "quad": "LRlr", "5.0": "LRClr", "4.1": "LRCFb", "6.0": "LRCblr"}


@needs_ffmpeg
@pytest.mark.parametrize("layout", LAYOUTS)
def test_channels_of_ffmpeg_are_where_their_layout_says(tmp_path, layout):
    n_channels, sound = len(LAYOUTS[layout]), tmp_path / "x.wav"
    soundfile.write(
        sound, np.random.default_rng(0).uniform(-0.5, 0.5, [4410, n_channels]), RATE, "PCM_16", format="WAV"
    )
    path = tmp_path / "x.wv"
    places = "|".join(map(str, range(n_channels)))
    convert(sound, path, "-af", f"channelmap={places}:{layout}", "-c:a", "wavpack", "-sample_fmt", "s16p")
    stored = soundfile.read(sound, dtype="float32")[0]
    gains = {"L": (1, 0), "R": (0, 1), "C": (0.5**0.5,) * 2, "F": (0, 0), "l": (0.5**0.5, 0), "r": (0, 0.5**0.5),
             "b": (0.5, 0.5)}  # fmt: skip
    matrix = np.array([gains[place] for place in LAYOUTS[layout]])
    np.testing.assert_allclose(files.read(path), stored @ (matrix / matrix.sum(axis=0)), atol=1e-6)
