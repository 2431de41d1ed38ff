"""The radio: a stream of the piece, changes that begin in time and without a click, and who ends with whom."""

import asyncio
import contextlib

import numpy as np
import pytest

from musika_tf.audio.writer import to_int16
from musika_tf.conditioning.signals import SIGNALS
from musika_tf.web import radio
from musika_tf.web.limits import Limits
from musika_tf.web.radio import Radio, Track
from musika_tf.web.studio import Studio

pytestmark = pytest.mark.long
RATE = 44_100


@pytest.fixture(scope="module")
def model(catalogue):
    return catalogue.load("steerable")


@pytest.fixture
def unhurried(monkeypatch):
    """A stream as fast as it is rendered."""
    monkeypatch.setattr(radio, "LEAD_SECONDS", 1e9)


def hear(catalogue, fields, seconds, changes=()):
    """float64 `[samples, 2]` of a station; `changes`: (seconds heard, fields) each."""

    async def main():
        stations, studio, changes_left = Radio(catalogue, Limits()), Studio(Limits()), list(changes)
        asked, piece = stations.parse(fields)
        heard, n_samples = [], 0
        with stations.listening("one", catalogue.load(asked.model), asked, piece) as station:
            async for data in station.listen(studio):
                heard.append(np.frombuffer(data, np.int16).reshape(-1, 2) / 32768)
                n_samples += len(heard[-1])
                if n_samples >= seconds * RATE:
                    break
                if changes_left and n_samples >= changes_left[0][0] * RATE:
                    stations.change("one", changes_left.pop(0)[1])
        studio.close()
        return np.concatenate(heard)

    return asyncio.run(main())


def test_a_station_plays_the_piece(catalogue, model, unhurried):
    heard = hear(catalogue, {"model": "steerable", "seed": "3", "bpm": "120"}, 3)
    expected = model.generate(3, len(heard) / RATE, bpm=120)
    np.testing.assert_allclose(heard, to_int16(expected) / 32768, atol=2 / 32768)


def test_a_change_comes_with_the_next_slice_and_without_a_click(catalogue, unhurried):
    fields = {"model": "steerable", "seed": "3", "bpm": "120", "note_density": "0.1"}
    before, after = hear(catalogue, fields, 4), hear(catalogue, {**fields, "note_density": "0.9"}, 4)
    changed = hear(catalogue, fields, 4, [(2.0, {"note_density": "0.9"})])
    length = min(map(len, (before, after, changed)))
    before, after, changed = before[:length], after[:length], changed[:length]
    begin = np.flatnonzero(np.any(np.abs(changed - before) > 2 / 32768, axis=1))[0]
    fade = 8 * 512
    assert 2.0 <= begin / RATE < 2.0 + 2 * radio._SLICE_SECONDS
    np.testing.assert_allclose(changed[begin + fade :], after[begin + fade :], atol=2 / 32768)
    assert np.abs(before[begin + fade :] - after[begin + fade :]).max() > 0.02  # it is heard
    steps = np.abs(np.diff(changed, axis=0)).max(axis=1)
    usual = max(np.abs(np.diff(each, axis=0)).max() for each in (before, after))
    assert steps[begin - 10 : begin + fade + 10].max() <= 1.1 * usual


def test_the_clock_goes_on_where_it_was_in_the_bar(catalogue, model):
    stations = Radio(catalogue, Limits())
    parsed = [stations.parse({"model": "steerable", "bpm": bpm})[1] for bpm in ("120", "140", "112.5")]
    track, seconds, phase, last = Track(model, parsed[0]), 0.0, 0.0, 0.0
    for piece, bpm, change in zip(parsed[1:], (120, 140), (3.3, 7.9), strict=True):
        phase += (change - last) * bpm / 60
        track, last = track.followed_by(piece, change), change
        seconds = np.array([change, change + 0.1])
        clock = SIGNALS["beat"].clock(phase + np.array([0, 0.1]) * piece.bpm(model.metadata) / 60).numpy()
        np.testing.assert_allclose(track._renderer.steering.at(seconds)[:, 1:11], clock, atol=1e-5)
        np.testing.assert_allclose(track._renderer.steering.at(seconds)[:, 0], piece.bpm(model.metadata))


def test_it_is_sent_no_faster_than_it_plays(catalogue, monkeypatch):
    monkeypatch.setattr(radio, "LEAD_SECONDS", 0.5)

    async def main():
        stations, studio = Radio(catalogue, Limits()), Studio(Limits())
        asked, piece = stations.parse({})
        now, sent = asyncio.get_running_loop().time, 0
        with stations.listening("one", catalogue.load(asked.model), asked, piece) as station:
            begun = now()
            async for data in station.listen(studio):
                assert sent / RATE <= now() - begun + 0.5 + 0.01
                sent += len(data) // 4
                if sent > 1.5 * RATE:
                    return

    asyncio.run(main())


def test_stations_end_a_while_after_their_last_listener(web, eventually):
    with web.client.stream("GET", "/radio.wav?model=steerable&station=mine&bpm=130") as one:
        chunks = one.iter_bytes()
        assert next(chunks)[:4] == b"RIFF" and one.headers["x-station"] == "mine"
        with web.client.stream("GET", "/radio.wav?station=mine") as two:
            heard = two.iter_bytes()  # kept: httpx closes the connection with it
            next(heard)
            assert web.site.radio.stations["mine"].listeners == 2
        eventually(lambda: web.site.radio.stations["mine"].listeners == 1)
        answer = web.client.post("/radio/mine", json={"bpm": "140", "tags": "techno=0.3"})
        assert answer.json() == {
            "station": "mine", "model": "steerable", "seed": "0", "bpm": "140", "tags": "techno=0.3",
            "heard_within_seconds": 4.0,
        }  # fmt: skip
        wrong = web.client.post("/radio/mine", json={"bpm": "1"})
        assert wrong.status_code == 400 and wrong.json()["field"] == "bpm"
        assert web.client.post("/radio/mine", json={"seed": "1"}).json()["field"] == "seed"
        next(chunks)
    eventually(lambda: web.site.studio.streams == 0)
    web.site.radio._forget()
    assert web.site.radio.stations["mine"].listeners == 0  # it may have lost its connection
    web.site.radio.stations["mine"].left -= 61
    assert web.client.post("/radio/mine", json={"bpm": "140"}).status_code == 404
    assert web.site.radio.stations == {}


def test_of_too_many_stations_those_left_first_end(catalogue):
    stations = Radio(catalogue, Limits(streams=3))
    asked, piece = stations.parse({})
    model = catalogue.load(asked.model)
    listeners = [contextlib.ExitStack() for _ in range(6)]
    for i, listener in enumerate(listeners):
        listener.enter_context(stations.listening(f"s{i}", model, asked, piece))
    assert len(stations.stations) == 6  # with listeners
    for i in (5, 3, 1, 2):
        listeners[i].close()
    with stations.listening("s0", model, asked, piece) as station:
        assert set(stations.stations) == {"s0", "s4", "s3", "s1", "s2"} and station.listeners == 2
    with pytest.raises(radio.UnknownStation):
        stations.change("s5", {"bpm": "130"})
