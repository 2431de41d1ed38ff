"""ffmpeg as a player that knows nothing of this server: plays a piece, seeks in it, and listens to the radio."""

import json
import subprocess
import time

import numpy as np
import pytest
import soundfile
import tiny

from musika_tf.audio import ffmpeg
from musika_tf.generate import rendering
from musika_tf.web import asking
from musika_tf.web.limits import Limits

httpx = pytest.importorskip("httpx", reason="the extra app is not installed")
from musika_tf.web import radio  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not ffmpeg.is_installed(), reason="needs ffmpeg")]
RATE = 44_100
QUERY = {"model": "steerable", "seed": "7", "length": "4", "bpm": "132"}


def address(web, path, **fields):
    return str(httpx.URL(f"{web.address}/{path}", params=fields))


def played(url, *before):
    """int `[samples, 2]` that ffmpeg hears; options stand `before` the address."""
    command = ["ffmpeg", "-nostdin", "-v", "error", *before, "-i", url, "-f", "s16le", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.int16).reshape(-1, 2).astype(int)


@pytest.fixture(scope="module")
def written(steerable, catalogue, tmp_path_factory):
    """int `[samples, 2]` of the file that generate.py writes of QUERY."""
    path = tmp_path_factory.mktemp("written") / "song.wav"
    rendering.write(path, *tiny.load(steerable), asking.parse(QUERY, catalogue, Limits())[1])
    return soundfile.read(path, dtype="int16")[0].astype(int)


def test_a_piece_is_the_file_of_generate_py(web, written):
    np.testing.assert_array_equal(played(address(web, "piece.wav", **QUERY, download="1")), written)
    np.testing.assert_allclose(played(address(web, "piece.wav", **QUERY)), written, atol=1)


@pytest.mark.parametrize("seconds", [0.5, 3])
def test_ffmpeg_seeks(web, written, seconds):
    url = address(web, "piece.wav", **QUERY, download="1")
    np.testing.assert_array_equal(played(url, "-ss", str(seconds)), written[round(seconds * RATE) :])


def test_ffprobe_knows_its_length_and_what_it_is(web):
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_format", address(web, "piece.wav", **QUERY)]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["format"]
    assert float(found["duration"]) == 4 and "seed=7" in found["tags"]["comment"]


def test_the_radio_plays_on_and_a_change_is_heard(web, catalogue, eventually):
    fields = {**QUERY, "station": "tuned"}
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", address(web, "radio.wav", **fields), "-t", "25"]
    begun = time.monotonic()
    with subprocess.Popen([*command, "-f", "s16le", "-"], stdout=subprocess.PIPE) as listener:
        heard = listener.stdout.read(4 * 5 * RATE)
        answer = web.client.post("/radio/tuned", json={"note_density": "0.9"})
        sent = time.monotonic() - begun + radio.LEAD_SECONDS  # at most
        heard += listener.stdout.read()
    assert answer.status_code == 200 and listener.returncode == 0
    eventually(lambda: web.site.studio.streams == 0)  # with its listener, the work ends
    samples = np.frombuffer(heard, np.int16).reshape(-1, 2).astype(int)
    assert len(samples) == 25 * RATE
    before = web.client.get("/piece.wav", params={**QUERY, "length": "25"}).content
    before = np.frombuffer(before[before.index(b"data") + 8 :], np.int16, samples.size).reshape(-1, 2)
    changed = np.flatnonzero(np.any(np.abs(samples - before) > 2, axis=1))[0] / RATE
    assert 5 <= changed < sent + 2 * radio._SLICE_SECONDS
    assert np.all(np.abs(samples).reshape(-1, RATE // 10, 2).max(axis=(1, 2)) > 0), "a gap"
