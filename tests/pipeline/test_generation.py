"""Files from a bundle: exact lengths, and every file can be made again from its comment."""

import numpy as np
import pytest
import soundfile
import tiny

from musika_tf.audio.writer import read_comment
from musika_tf.errors import UserError
from musika_tf.pipeline import generation
from musika_tf.pipeline.generation import Piece

PER_LATENT = tiny.AUTOENCODER.samples_per_latent
PART = generation._PART_WINDOWS * tiny.GAN.window * PER_LATENT  # samples of one call of the bundle
METADATA = {
    "name": "tiny",
    "autoencoder_id": "0123456789ab",
    "steps": 12,
    "sample_rate": 44_100,
    "samples_per_latent": PER_LATENT,
    "window": tiny.GAN.window,
}


@pytest.fixture(scope="module")
def model():
    return tiny.bundle()


def render(model, piece):
    return np.concatenate(list(generation.waveforms(model, METADATA, piece)))


@pytest.fixture(scope="module")
def whole(model):
    """Five latents more than one part, and an odd number of samples."""
    return render(model, Piece(1, 2, 0, PART + 5 * PER_LATENT + 77))


def test_length_is_exact_across_parts(whole):
    assert whole.shape == (PART + 5 * PER_LATENT + 77, 2)
    assert whole.std() > 0.01


@pytest.mark.parametrize("n_samples", [1, 511, 512, 513, 12_345])
def test_length_is_exact(model, whole, n_samples):
    waveform = render(model, Piece(1, 2, 0, n_samples))
    assert waveform.shape == (n_samples, 2)
    np.testing.assert_allclose(waveform, whole[:n_samples], atol=1e-5)


@pytest.mark.parametrize(("start", "n"), [(1, 1), (511, 2), (100_001, 54_321), (PART - 700, 1401), (PART, 3)])
def test_range_equals_the_same_range_of_the_whole(model, whole, start, n):
    waveform = render(model, Piece(1, 2, start, n))
    assert waveform.shape == (n, 2)
    np.testing.assert_allclose(waveform, whole[start : start + n], atol=1e-5)


def test_range_may_begin_before_0(model, whole):
    waveform = render(model, Piece(1, 2, -1000, 3000))
    np.testing.assert_allclose(waveform[1000:], whole[:2000], atol=1e-5)


@pytest.mark.parametrize("extension", ["wav", "flac"])
def test_file_is_made_again_from_its_comment(model, tmp_path, extension):
    piece = Piece(seed=-(2**62), style_seed=9, start_sample=1001, n_samples=4321, truncation=0.123456789)
    one, other = tmp_path / f"one.{extension}", tmp_path / f"other.{extension}"
    generation.write(one, model, METADATA, piece)
    comment = read_comment(one)
    assert comment.startswith("musika_tf model=tiny id=0123456789ab steps=12 seed=")
    assert generation.read_comment(comment) == piece
    generation.write(other, model, METADATA, generation.read_comment(comment))
    assert one.read_bytes() == other.read_bytes()
    waveform, rate = soundfile.read(one)
    assert waveform.shape == (4321, 2) and rate == 44_100
    np.testing.assert_allclose(waveform, render(model, piece), atol=1e-4)


def test_progress_ends_at_the_end(model, tmp_path):
    done = []
    generation.write(tmp_path / "a.wav", model, METADATA, Piece(1, 2, 0, PART + 9), done.append)
    assert done == [PART, PART + 9]


def test_failure_leaves_no_file(model, tmp_path):
    class Failing:
        def generate(self, *args):
            if int(args[2]) > 0:
                raise RuntimeError("out of memory")
            return model.generate(*args)

    with pytest.raises(RuntimeError):
        generation.write(tmp_path / "a.wav", Failing(), METADATA, Piece(1, 2, 0, PART + 9))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "comment", ["", None, "seed=1", "made by hand", "seed=x style_seed=1 start_sample=0 n_samples=9"]
)
def test_comment_of_another_file_is_refused(comment):
    with pytest.raises(UserError, match="not of a file that generate.py wrote"):
        generation.read_comment(comment)


def test_random_seeds_differ_and_are_short():
    seeds = {generation.random_seed() for _ in range(50)}
    assert len(seeds) > 45  # a birthday in a million is rare
    assert all(0 <= seed < 10**6 for seed in seeds)
