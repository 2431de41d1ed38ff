"""MP3 files whose length libsndfile gets wrong: all their frames, and nothing else, are heard."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import soundfile

from musika_tf.audio import files, mp3, tags

CASES = Path(__file__).parents[1] / "fixtures" / "cases"
RATE = files.SAMPLE_RATE
DELAY = 576 + 529  # of the encoder, as its tag says, and of the decoder


def encoded(seconds=6, rate=RATE, channels=2, mode="VARIABLE", seed=0):
    """An MP3 file with a good tag: loud for a second, then soft, so that its bit rate falls."""
    gain = np.where(np.arange(seconds * rate) < rate, 1, 1e-3)[:, None]
    noise = np.random.default_rng(seed).uniform(-0.9, 0.9, (seconds * rate, channels)) * gain

    def write(path):
        options = {"bitrate_mode": mode, "compression_level": 0.3}
        with soundfile.SoundFile(path, "w", rate, channels, format="MP3", **options) as file:
            file.write(noise.astype(np.float32))
        return path.read_bytes()

    return write


def first_frames(data, n=1):
    """Bytes of the first n frames."""
    place = 0
    for _ in range(n):
        place += mp3.frame_bytes(data, place)
    return place


@pytest.fixture(scope="module", params=[(RATE, 2, "VARIABLE"), (RATE, 1, "CONSTANT"), (22_050, 2, "VARIABLE"),
                                        (48_000, 2, "AVERAGE")], ids=str)  # fmt: skip
def good(request, tmp_path_factory):
    rate, channels, mode = request.param
    path = tmp_path_factory.mktemp("mp3") / "good.mp3"
    encoded(6, rate, channels, mode)(path)
    return path


def sound(path):
    return files.read(path, sample_rate=files.probe(path).sample_rate)


def derived(path, data):
    other = path.with_name("other.mp3")
    other.write_bytes(data)
    return other


def assert_parts(path):
    rate, whole = files.probe(path).sample_rate, sound(path)
    # Of 24 kHz and less mpg123 never quite forgets where it started.
    for start in (0, 1, 30_000, len(whole) - 3000, len(whole) - 1):
        part = files.read(path, start, 5000, rate)
        np.testing.assert_allclose(part, whole[start : start + 5000], rtol=0, atol=0 if rate > 24_000 else 1e-6)


def test_a_good_tag_is_trusted(good):
    data = good.read_bytes()
    source = mp3.find(data, 0, True)
    assert not source.splice and source.n_samples is None
    assert files.probe(good).as_stored and len(sound(good)) == 6 * files.probe(good).sample_rate


def test_without_a_tag_every_frame_is_heard(good):
    data = good.read_bytes()
    untagged = derived(good, data[first_frames(data) :])
    expected, found = sound(good), sound(untagged)
    per_frame = 1152 if files.probe(good).sample_rate > 24_000 else 576
    (frames,) = [n for n in itertools.accumulate([per_frame] * 2000) if n == len(found)]
    assert frames >= len(expected) + DELAY
    same = len(expected) - 2 * per_frame
    np.testing.assert_allclose(found[DELAY:][:same], expected[:same], atol=1e-6)
    assert_parts(untagged)


@pytest.mark.parametrize("field", [0, 5, 10_000, 2**31])
def test_a_tag_with_another_number_of_frames(good, field):
    data = bytearray(good.read_bytes())
    place = max(data.find(b"Xing", 0, 100), data.find(b"Info", 0, 100)) + 8
    data[place : place + 4] = field.to_bytes(4, "big")
    other = derived(good, data)
    expected, found = sound(good), sound(other)
    np.testing.assert_allclose(found[: len(expected)], expected, atol=1e-6)
    assert (len(found) == len(expected)) == (field > 0)  # of no frames, the padding is not known either
    assert_parts(other)


def test_cut_off(good):
    data = good.read_bytes()
    with pytest.raises(files.AudioFileError, match="other.mp3: truncated, only"):
        sound(derived(good, data[: len(data) // 2]))


ID3 = b"ID3\x04\0\0\0\0\x02\x01" + bytes(257)
ID3_FOOTER = b"ID3\x04\0\x10\0\0\0\x64" + bytes(100) + b"3DI\x04\0\x10\0\0\0\x64"
FALSE_FRAMES = (b"\xff\xfb\x90\x64" + bytes(413)) * 8


def ape():
    body = FALSE_FRAMES
    size = (len(body) + 32).to_bytes(4, "little")
    head = b"APETAGEX" + b"\xd0\x07\0\0" + size + b"\1\0\0\0"
    return head + b"\0\0\0\xa0" + bytes(8) + body + head + b"\0\0\0\x80" + bytes(8)


@pytest.mark.parametrize(
    ("front", "back"),
    [(ID3, b"TAG" + bytes(125)), (ID3 + ID3, ape()), (ID3 + bytes(5000), ID3_FOOTER), (ID3_FOOTER, ID3),
     (ape(), ape() + b"TAG" + bytes(125)), (b"\n", b"LYRICSBEGIN" + bytes(50) + b"000061LYRICS200"),
     (b"\xff\xfb\x90" * 50, b"")],
)  # fmt: skip
@pytest.mark.parametrize("with_tag", [True, False])
def test_what_lies_around_the_frames_is_not_heard(good, front, back, with_tag):
    data = good.read_bytes()
    data = data if with_tag else data[first_frames(data) :]
    bare, other = good.with_name("bare.mp3"), derived(good, front + data + back)
    bare.write_bytes(data)
    np.testing.assert_array_equal(sound(other), sound(bare))
    assert_parts(other)


@pytest.mark.parametrize("between", [b"", ID3, ape(), b"junk" * 3000])
def test_joined_files_are_heard_to_the_end(good, between):
    data = good.read_bytes()
    joined = derived(good, data + between + data)
    one, both = sound(good), sound(joined)
    assert len(both) >= 2 * len(one)
    np.testing.assert_allclose(both[: len(one)], one, atol=1e-6)
    per_frame = 1152 if files.probe(good).sample_rate > 24_000 else 576
    behind = -(-(len(one) + DELAY) // per_frame) * per_frame  # the first, to the end of its padding
    candidates = [both[behind + n * per_frame :][: len(one)] for n in (0, 1, 2)]  # the tag of the second is a frame
    inner = slice(5000, len(one) - 5000)
    assert min(np.abs(found[inner] - one[inner]).max() for found in candidates if len(found) == len(one)) < 1e-5
    assert_parts(joined)
    assert ("damaged" in dict(files.probe(joined).notes)) == (between[:4] == b"junk")


def test_tags_are_measured():
    assert tags.length_at(ID3, 0) == len(ID3) and tags.length_at(ID3_FOOTER, 0) == len(ID3_FOOTER)
    assert tags.front(ID3 + bytes(7) + ape() + b"\xff\xfb") == len(ID3) + 7 + len(ape())
    data = b"audio" + ape() + ID3_FOOTER + b"TAG" + bytes(125)
    assert tags.back(data, 0) == 5 and tags.only_tags(data, 5) and not tags.only_tags(data, 0)
    assert tags.front(b"audio") == 0 and tags.back(b"audio", 0) == 5


def test_a_frame_that_reaches_into_the_tags_ends_the_search(good):
    """It begins no row of frames; the search once stood still there."""
    data = good.read_bytes()
    frame = data[first_frames(data) : first_frames(data, 2)]
    other = derived(good, data + b"?" * 2000 + frame[:-128] + b"TAG" + bytes(125))
    assert [flag for flag, _ in files.probe(other).notes] == ["damaged"]
    assert len(sound(other)) >= len(sound(good))


def test_parts_are_sought_where_that_is_exact(good):
    """Or a crop of a long file takes as long as all that lies before it."""
    for path, is_sought in ((good, True), (CASES / "estimated_lengths" / "layer_2.mp2", False)):
        with files.opened(path) as file:
            assert files.can_seek(file) == is_sought
