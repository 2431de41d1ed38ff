"""examples/numpy_player.py: its random numbers are TensorFlow's, and what it plays is what the bundle renders."""

import subprocess
import sys

import exported
import numpy as np
import pytest
import soundfile
import tensorflow as tf
import tiny
from paths import ROOT

from musika_tf.generate import rendering
from musika_tf.generate.piece import Piece
from musika_tf.generate.styles import StylePlan
from musika_tf.randomness import Stream, normal_rows, truncated_normal_rows

player = exported.example("numpy_player")
FORMATS = [pytest.param("onnx", marks=exported.needs_onnx), pytest.param("litert", marks=exported.needs_litert)]
PER_LATENT = tiny.AUTOENCODER.samples_per_latent


@pytest.mark.parametrize(("seed", "row", "size"), [(0, 0, 4), (7, 12345, 10), (-3, -5, 65)])
def test_noise_is_that_of_the_bundle(seed, row, size):
    ours = player.normal(seed, Stream.DECODER1_NOISE, row, size)
    np.testing.assert_allclose(ours, normal_rows(seed, Stream.DECODER1_NOISE, row, 1, size)[0], atol=1e-6)


@pytest.mark.parametrize("bound", [0.1, 2.0, 3.9])
def test_anchors_are_those_of_the_bundle(bound):
    ours = player.truncated_normal(2**40, Stream.ANCHORS, -1, 50, bound)
    theirs = truncated_normal_rows(2**40, Stream.ANCHORS, -1, 1, 50, tf.constant(bound))[0]
    np.testing.assert_allclose(ours, theirs, atol=2e-6)


def rendered(folder, first, n_latents, seed, style=None, **settings):
    """The range as `generate.py` renders it."""
    loaded, metadata = tiny.load(folder)
    piece = Piece(seed, style or StylePlan.constant(seed), first * PER_LATENT, n_latents * PER_LATENT, **settings)
    return np.concatenate(list(rendering.waveforms(loaded, metadata, piece)))


@pytest.mark.long
@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize(("first", "n_latents"), [(0, 70), (-3, 5), (1000, 1)])
def test_it_plays_what_the_bundle_renders(file_format, first, n_latents, exported_steerable, steerable):
    played = list(player.Player(exported_steerable(file_format), seed=5).stream(first, n_latents))
    assert max(map(len, played)) <= tiny.AUTOENCODER.window_latents * PER_LATENT  # constant memory
    expected = rendered(steerable, first, n_latents, seed=5)
    assert np.abs(expected).max() > 0.02
    np.testing.assert_allclose(np.concatenate(played), expected, atol=1e-4)


@pytest.mark.long
@pytest.mark.parametrize("file_format", FORMATS)
def test_it_refines_windows_as_the_bundle_does(file_format, tmp_path_factory, steerable):
    bundle, folder = exported.refining(tmp_path_factory, file_format)
    n_latents = 2 * tiny.GAN.window
    played = np.concatenate(list(player.Player(folder, seed=5).stream(-3, n_latents)))
    expected = rendered(bundle, -3, n_latents, seed=5)
    np.testing.assert_allclose(played, expected, atol=1e-4)
    assert np.abs(expected - rendered(steerable, -3, n_latents, seed=5)).max() > 0.02


@pytest.mark.long
@exported.needs_onnx
def test_a_loop_is_refined_over_its_end(tmp_path_factory):
    bundle, folder = exported.refining(tmp_path_factory)
    length = tiny.GAN.anchor_spacing
    looping = player.Player(folder, seed=5, given={"tempo": 124.0}, loop=1)
    played = np.concatenate(list(looping.stream(length - 30, 60)))
    settings = {"settings": {"tempo": "124"}, "loop_samples": length * PER_LATENT}
    np.testing.assert_allclose(played, rendered(bundle, length - 30, 60, 5, **settings), atol=1e-4)


@pytest.mark.long
@exported.needs_onnx
def test_values_of_signals_can_be_given(exported_steerable, steerable):
    given = {"tempo": 124.0, "note_density": 0.25, "tag:techno": 0.5}
    played = player.Player(exported_steerable("onnx"), seed=5, given=given).stream(0, 20)
    settings = {"tempo": "124", "note_density": "0.25", "tags": "techno=0.5"}
    expected = rendered(steerable, 0, 20, seed=5, settings=settings)
    np.testing.assert_allclose(np.concatenate(list(played)), expected, atol=1e-4)
    assert np.abs(expected - rendered(steerable, 0, 20, seed=5)).max() > 0.01


@pytest.mark.long
@exported.needs_onnx
def test_a_loop_goes_to_another_style_and_back(exported_steerable, steerable):
    length = tiny.GAN.anchor_spacing
    seconds = length * PER_LATENT / 44_100
    styles = [(0, 5), (seconds / 2, 9), (seconds, 5)]
    looping = player.Player(exported_steerable("onnx"), seed=5, styles=styles, given={"tempo": 124.0}, loop=1)
    played = np.concatenate(list(looping.stream(length - 30, 60)))  # over its end
    plan = StylePlan.morph(5, 9, seconds, loop=True)
    settings = {"settings": {"tempo": "124"}, "loop_samples": length * PER_LATENT}
    np.testing.assert_allclose(played, rendered(steerable, length - 30, 60, 5, plan, **settings), atol=1e-4)
    start = np.concatenate(list(looping.stream(0, 10)))
    np.testing.assert_allclose(played[30 * PER_LATENT : 40 * PER_LATENT], start, atol=1e-6)


@pytest.mark.long
@exported.needs_onnx
def test_as_a_program_without_tensorflow(exported_steerable, steerable, tmp_path):
    forbid = "import sys; sys.modules['tensorflow'] = sys.modules['musika_tf'] = None; "
    code = f"{forbid}sys.argv = sys.argv[1:]; import runpy; runpy.run_path(sys.argv[0], run_name='__main__')"
    arguments = [ROOT / "examples/numpy_player.py", exported_steerable("onnx"), "song.wav", "--seed=5", "--seconds=0.2"]
    arguments += ["--given", "tempo=124", "note_density=0.25"]
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, cwd=tmp_path)
    played, rate = soundfile.read(tmp_path / "song.wav")
    expected = rendered(steerable, 0, 18, seed=5, settings={"tempo": "124", "note_density": "0.25"})
    assert (rate, played.shape) == (44_100, (8820, 2))
    np.testing.assert_allclose(played, expected[:8820], atol=1e-4)
