"""What a model generates is measured as the report measures it, on the pieces that generate.py makes."""

from fractions import Fraction

import numpy as np
import pytest
import soundfile

from musika_tf.audio import files
from musika_tf.conditioning.musicnn import Embedding
from musika_tf.evaluation import embeddings, full_report, hearing, model, pieces
from musika_tf.evaluation.set_rows import TRACK_FIGURES
from musika_tf.generate import production, rendering
from musika_tf.generate.request import Request
from musika_tf.model import bundle
from musika_tf.model.codec import Codec
from musika_tf.model.line import Line


def levels(mono, rate):
    """Loudness of the quarters of each second, float32 `[seconds, 4]`."""
    return mono[: len(mono) // rate * rate].reshape(-1, 4, rate // 4).std(axis=2).astype(np.float32)


class Network:
    """Stands in for MusiCNN."""

    tags = ("piano", "techno")

    def __call__(self, waveform):
        features = levels(waveform.mean(axis=1), files.SAMPLE_RATE)
        return Embedding(features, np.tile([0.2, 0.8], (len(features), 1)))


EARS = hearing.Ears(
    embeddings.Network("levels-1", lambda chunks, hop: levels(np.concatenate(list(chunks)), 16_000)),
    lambda features: np.tile([0.2, 0.8], (len(features), 1)),
    Network.tags,
)


@pytest.fixture(scope="module")
def reported(steerable, tmp_path_factory):
    """(folder of a report of two pieces, what it holds)."""
    folder = tmp_path_factory.mktemp("report")
    soundfile.write(folder / "real.wav", 0.1 * np.random.default_rng(0).standard_normal([6 * 44_100, 2]), 44_100)
    wanted = full_report.Order(folder, str(folder / "real.wav"), bundle=str(steerable), n_pieces=2, seconds=5)
    return folder, full_report.write(wanted, EARS)


@pytest.mark.long
def test_the_figures_are_those_of_the_report(reported, steerable):
    _, report = reported
    source = pieces.Source.load(steerable)
    result = model.evaluate_model(source, source.pieces((1, 2), 5), None, Network())
    assert result["first_tags"] == {"techno": 2} and result["frechet_distance"] is None
    for track, row in zip(result["generated"], report["sets"][0]["tracks"], strict=True):
        assert (track["name"], track["seconds"]) == (row["name"], row["seconds"]) and track["seconds"] == 5
        for figure in TRACK_FIGURES:
            assert track[figure] == pytest.approx(row[figure], rel=1e-5), figure
    for name in pieces.NO_WINDOWS:
        assert result[name] == pytest.approx(report[name], rel=1e-5) and result[name] is not None
    assert result["seams"] == report["about"]["seams"] | {"seconds": pytest.approx(64 * 32 / 44_100)}
    assert not result["seams"]["assumed"]


@pytest.mark.long
def test_the_pieces_are_those_of_generate(reported, steerable, tmp_path):
    folder, _ = reported
    out = str(tmp_path / "a.flac")
    production.run(Request(str(steerable), None, 2, Fraction(5), out=out), prepare=None)
    made, expected = (soundfile.read(path, dtype="int16")[0] for path in (folder / "pieces" / "seed-2.flac", out))
    np.testing.assert_array_equal(made, expected)


@pytest.mark.long
def test_the_latents_whose_windows_count_are_those_that_are_heard(steerable):
    source = pieces.Source.load(steerable)
    (piece,) = source.pieces((1,), 3)
    autoencoder, gan, conditioner, metadata = bundle.load_networks(steerable)
    line = Line(Codec(autoencoder), gan, conditioner)
    latents = pieces._latents(line, piece, metadata, 64)
    assert len(latents) == 4 * 64
    decoded = line.codec.decode(latents, np.int64(1), np.float32(1)).numpy()
    heard = np.concatenate(list(rendering.waveforms(source.loaded, metadata, piece)))
    inner = slice(4096, len(decoded) - 4096)  # whose neighbours are there in both
    np.testing.assert_allclose(decoded[inner], heard[inner], atol=1e-3)
    assert source.window_figures(source.pieces((1,), 1)) == pieces.NO_WINDOWS
