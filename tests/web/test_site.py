"""The addresses beside the page: the bytes of generate.py's files, ranges of them, and what is refused."""

import concurrent.futures
import json
import os
import socket
import struct

import numpy as np
import pytest
import soundfile
import tiny

from musika_tf.generate import rendering
from musika_tf.web import asking
from musika_tf.web.limits import Limits

httpx = pytest.importorskip("httpx", reason="the extra app is not installed")
from serving import site_of  # noqa: E402

pytestmark = pytest.mark.long
QUERY = {"model": "steerable", "seed": "7", "length": "3.1", "bpm": "132", "note_density": "0:0.1,2:0.8"}


@pytest.fixture(scope="module")
def written(steerable, catalogue, tmp_path_factory):
    """The bytes of the files that generate.py writes of QUERY, by extension."""
    folder = tmp_path_factory.mktemp("written")
    _, piece = asking.parse(QUERY, catalogue, Limits())
    for name in ("wav", "flac"):
        rendering.write(folder / f"song.{name}", *tiny.load(steerable), piece)
    return {path.suffix[1:]: path.read_bytes() for path in folder.iterdir()}


def test_a_file_has_the_bytes_of_the_command_line(web, written, eventually):
    answer = web.client.get("/piece.wav", params={**QUERY, "download": "1"})
    assert answer.status_code == 200 and answer.headers["accept-ranges"] == "bytes"
    assert answer.content == written["wav"] and len(answer.content) > 3.1 * 44_100 * 4
    answer = web.client.get("/piece.flac", params={**QUERY, "download": "1"})
    assert answer.content == written["flac"] and answer.headers["content-length"] == str(len(written["flac"]))
    assert answer.headers["content-disposition"] == 'attachment; filename="steerable-7.flac"'
    assert os.listdir(web.site._folder.name) == []
    eventually(lambda: web.site.studio.streams == 0)


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-", 0, None),
        ("bytes=0-9", 0, 10),
        ("bytes=45-1000", 45, 1001),  # within the header, and half a sample
        ("bytes=300001-300002", 300_001, 300_003),
        ("bytes=400000-", 400_000, None),
        ("bytes=-50", -50, None),  # behind the samples
        ("bytes=5-99999999", 5, None),
    ],
)
def test_a_range_is_that_of_the_whole(web, written, asked, first, last):
    size = len(written["wav"])
    begin, end = range(size)[first], size if last is None else last
    for query in (QUERY, {**QUERY, "download": "1"}):
        answer = web.client.get("/piece.wav", params=query, headers={"Range": asked})
        assert answer.status_code == 206 and answer.headers["content-range"] == f"bytes {begin}-{end - 1}/{size}"
        assert len(answer.content) == end - begin
    assert answer.content == written["wav"][first:last]


def test_a_player_gets_the_same_samples_but_for_their_last_bit(web, written):
    played = web.client.get("/piece.wav", params=QUERY).content
    head = written["wav"].index(b"data") + 8
    assert len(played) == len(written["wav"]) and played[:head] == written["wav"][:head]
    n_values = 2 * 136_710
    samples, exact = (np.frombuffer(data[head:], np.int16, n_values).astype(int) for data in (played, written["wav"]))
    assert np.abs(samples - exact).max() <= 1 and np.mean(samples != exact) < 1e-3


def test_a_range_renders_itself_alone(web, monkeypatch):
    """Two bytes a minute into a piece that nobody has heard: one sample, not a minute."""
    rendered = []
    of_renderer = rendering.Renderer.range
    monkeypatch.setattr(
        rendering.Renderer, "range", lambda self, *span: rendered.append(span) or of_renderer(self, *span)
    )
    place = 55 * 44_100
    answer = web.client.get("/piece.wav?length=60&seed=99", headers={"Range": f"bytes={4 * place}-{4 * place + 3}"})
    assert len(answer.content) == 4 and sum(stop - begin for begin, stop in rendered) <= 2
    assert abs(rendered[0][0] - place) < 100  # the header of a file lies before its samples


def test_what_is_no_range_of_this_file(web, written):
    size = len(written["wav"])
    answer = web.client.get("/piece.wav", params=QUERY, headers={"Range": f"bytes={size}-"})
    assert answer.status_code == 416 and answer.headers["content-range"] == f"bytes */{size}"
    for headers in ({"Range": "bytes=0-1,4-5"}, {"Range": "lines=1-2"}, {"Range": "bytes=0-1", "If-Range": '"other"'}):
        with web.client.stream("GET", "/piece.wav", params=QUERY, headers=headers) as answer:
            assert answer.status_code == 200 and answer.headers["content-length"] == str(size)
    head = web.client.head("/piece.wav", params=QUERY)
    assert head.headers["content-length"] == str(size) and head.content == b""
    headers = {"Range": "bytes=1-2", "If-Range": head.headers["etag"]}
    assert web.client.get("/piece.wav", params=QUERY, headers=headers).content == written["wav"][1:3]
    other = {**QUERY, "download": "1"}
    assert web.client.head("/piece.wav", params=other).headers["etag"] != head.headers["etag"]


def test_a_picture_is_of_the_beginning(web):
    answer = web.client.get("/piece.png?length=5&seed=3")
    assert answer.headers["content-type"] == "image/png" and answer.content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", answer.content[16:24])
    assert (width, height) == (960, 192)


# fmt: off
BAD = {
    "field": ("GET", "/piece.wav?bpm=60", {}, 400, {"field": "bpm", "error": "60: 60 is outside"}),
    "model": ("GET", "/piece.wav?model=/etc/passwd", {}, 400, {"field": "model", "error": "no such model"}),
    "length": ("GET", "/piece.flac?length=99999999h", {}, 400, {"field": "length", "error": "at most 1m here"}),
    "file": ("GET", "/piece.png?note_density=/etc/x.csv", {}, 400, {"field": "note_density", "error": "not read here"}),
    "radio": ("GET", "/radio.wav?bpm=1", {}, 400, {"field": "bpm"}),
    "station": ("GET", "/radio.wav?station=../x", {}, 400, {"error": "station: give up to 64 letters"}),
    "nobody": ("POST", "/radio/nobody", {"json": {"bpm": "130"}}, 404, {"error": "nobody listens to it"}),
    "no json": ("POST", "/radio/x", {"content": b"{"}, 400, {"error": "give JSON"}),
    "a list": ("POST", "/radio/x", {"content": b"[" * 60_000}, 400, {"error": "give JSON"}),
    "a megabyte": ("POST", "/radio/x", {"content": b"x" * 2**20}, 413, {"error": "at most 65536 bytes here"}),
    "an address": ("GET", f"/piece.wav?tags={'x' * 20_000}", {}, 414, {"error": "too long an address"}),
    "letters": ("GET", f"/piece.wav?tags={'x' * 2_000}", {}, 400, {"field": "tags", "error": "at most 1000 here"}),
    "upload": ("POST", "/gradio_api/upload", {"content": b"x"}, 403, {"error": "closed here"}),
}
# fmt: on


@pytest.mark.parametrize("case", BAD)
def test_bad_requests_have_one_line(web, case):
    method, path, options, status, told = BAD[case]
    answer = web.client.request(method, path, **options)
    assert answer.status_code == status
    said = answer.json()
    assert all(text in said[name] for name, text in told.items()) and "\n" not in said["error"]
    assert web.site.studio.streams == 0 and web.site.radio.stations == {}


def test_a_body_that_nobody_announced_is_cut(web):
    answer = web.client.post("/radio/x", content=(b"x" * 1000 for _ in range(200)))
    assert answer.status_code == 413 and answer.json()["error"] == "the request has no end"


def listen(web, query, n_bytes, headers=b""):
    """A connection that has taken so many bytes of an answer and no more."""
    host, port = web.address.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=60)
    connection.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n" % (query.encode(), headers))
    received = b""
    while len(received) < n_bytes:
        data = connection.recv(n_bytes - len(received))
        assert data
        received += data
    return connection, received


def test_a_visitor_who_leaves_stops_the_work(web, monkeypatch, eventually):
    rendered = []
    of_renderer = rendering.Renderer.range
    monkeypatch.setattr(
        rendering.Renderer, "range", lambda self, *span: rendered.append(span) or of_renderer(self, *span)
    )
    connection, received = listen(web, "/piece.wav?length=60&seed=1234", 1000)
    assert received.startswith(b"HTTP/1.1 200 OK")
    connection.close()
    eventually(lambda: web.site.studio.streams == 0)
    seconds = sum(stop - begin for begin, stop in rendered) / 44_100
    assert seconds < 40  # what the connection's buffers hold


def test_a_connection_that_takes_nothing_is_closed(catalogue, eventually):
    with site_of(catalogue, Limits(stall_seconds=0.3)) as web:
        connection, _ = listen(web, "/piece.wav?length=300&seed=1", 100)
        assert web.site.studio.streams == 1
        eventually(lambda: web.site.studio.streams == 0, 30)
        connection.close()


def test_many_at_once_are_answered_or_told(catalogue):
    with site_of(catalogue, Limits(streams=3, waiting=3, wait_seconds=30)) as web:

        def ask(seed):
            return httpx.get(f"{web.address}/piece.wav?length=2&seed={seed}", timeout=60)

        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(ask, range(12)))
        statuses = [answer.status_code for answer in answers]
        assert set(statuses) <= {200, 503} and statuses.count(200) >= 3
        for answer in answers:
            if answer.status_code == 503:
                assert "try again" in answer.json()["error"] and answer.headers["retry-after"] == "30"
            else:
                assert len(answer.content) > 2 * 44_100 * 4


def test_two_visitors_have_their_own_pieces(web):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        a, b = pool.map(lambda seed: web.client.get(f"/piece.wav?length=2&seed={seed}").content, (1, 2))
    assert a == web.client.get("/piece.wav?length=2&seed=1").content and len(a) == len(b) and a != b


def test_json_is_what_answers(web):
    assert json.loads(web.client.get("/piece.wav?seed=x").text)["field"] == "seed"


def test_the_samples_are_audio(web, tmp_path):
    (tmp_path / "a.wav").write_bytes(web.client.get("/piece.wav?length=1&seed=5").content)
    samples, rate = soundfile.read(tmp_path / "a.wav")
    assert samples.shape == (44_100, 2) and rate == 44_100 and np.abs(samples).max() > 0.001
