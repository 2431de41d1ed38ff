import numpy as np
import pytest

from musika_tf.autoencoder.model import Autoencoder
from musika_tf.conditioning.conditioner import Conditioner
from musika_tf.conditioning.musicnn import Embedding
from musika_tf.config import AutoencoderConfig, GanConfig
from musika_tf.evaluation import model, structure
from musika_tf.gan.model import Gan


class Embed:
    """Features of one second each: the loudness of its quarters."""

    tags = ("piano", "techno")

    def __call__(self, waveform):
        seconds = np.asarray(waveform)[: len(waveform) // 44100 * 44100].reshape(-1, 4, 11025 * 2)
        return Embedding(seconds.std(axis=2), np.tile([0.2, 0.8], (len(seconds), 1)))


@pytest.fixture(scope="module")
def networks():
    autoencoder = Autoencoder.create(AutoencoderConfig(width=8))
    conditioner = Conditioner(("tempo", "beat"), autoencoder.config.latents_per_second)
    conditioner.lowest.assign([110.0] + [-1.0] * 10)
    conditioner.highest.assign([160.0] + [1.0] * 10)
    gan = Gan.create(GanConfig(width=4, critic_width=4), 128, conditioner.n_channels, 0.5)
    return autoencoder, gan, conditioner


@pytest.mark.long
def test_pieces_are_measured_as_the_line_makes_them(networks):
    result = model.evaluate_model(networks, (1, 2), 24, [], Embed(), lambda text: None)
    assert result["first_tags"] == {"techno": 2} and result["frechet_distance"] is None
    assert [track["name"] for track in result["generated"]] == ["seed 1", "seed 2"]
    autoencoder, gan, conditioner = networks
    windows = 3  # 24 s are 258 latents
    assert result["generated"][0]["seconds"] == pytest.approx(windows * 128 * 4096 / 44100)
    line = model.Line(model.Codec(autoencoder), gan, conditioner)
    waveform, latents = model._render(line, windows, np.int64(1))
    assert result["generated"][0]["loudness"] == pytest.approx(structure.loudness(waveform.numpy()), abs=0.01)
    assert latents.shape == (windows * 128, 128)
    _, other = model._render(line, windows, np.int64(2))
    both = [latents.numpy(), other.numpy()]
    assert result["position_share"] == pytest.approx(structure.position_share(both), abs=1e-4)
