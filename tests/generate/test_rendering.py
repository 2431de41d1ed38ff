"""Everything is a function of time: ranges, streams and files of a piece have the samples of the whole."""

import dataclasses
import itertools
import signal

import numpy as np
import pytest
import soundfile
import tiny
from comments import read_comment, read_piece

from musika_tf.generate import loops, rendering
from musika_tf.generate.piece import Piece
from musika_tf.generate.styles import StylePlan

RATE = 44_100
PER_LATENT = tiny.AUTOENCODER.samples_per_latent  # 512
WINDOW = tiny.GAN.window * PER_LATENT  # 0.74 s
PART = rendering.PART_WINDOWS * WINDOW
METADATA = {
    "name": "tiny",
    "autoencoder_id": "0123456789ab",
    "steps": 12,
    "sample_rate": RATE,
    "samples_per_latent": PER_LATENT,
    "window": tiny.GAN.window,
    "autoencoder_config": dataclasses.asdict(tiny.AUTOENCODER),
    # As if it had been trained at any tempo, so that loops of any length hold whole bars.
    "conditioning": [{**row, "range": [30.0, 300.0]} for row in tiny.conditioner().metadata()],
}
STEADY = StylePlan.constant(2)
MORPH = StylePlan(((0.5, ((2, 1.0),)), (7.0, ((5, 1.0), (6, 1.0)))))


@pytest.fixture(scope="module")
def model():
    return tiny.bundle()


def at(bpm):
    """Settings of a tempo."""
    return {"tempo": repr(bpm)}


def render(model, *args, **options):
    return np.concatenate(list(rendering.waveforms(model, METADATA, Piece(*args, **options))))


@pytest.fixture(scope="module")
def whole(model):
    """Five latents more than one part, and an odd number of samples."""
    return render(model, 1, STEADY, 0, PART + 5 * PER_LATENT + 77)


@pytest.fixture(scope="module")
def moving(model):
    """A piece that changes its style, steered to a tempo."""
    return render(model, 1, MORPH, 0, PART + 12_345, settings=at(117.5))


def test_length_is_exact_across_parts(whole):
    assert whole.shape == (PART + 5 * PER_LATENT + 77, 2)
    assert whole.std() > 0.01


@pytest.mark.parametrize("n_samples", [1, 511, 512, 513, 12_345])
def test_length_is_exact(model, whole, n_samples):
    waveform = render(model, 1, STEADY, 0, n_samples)
    assert waveform.shape == (n_samples, 2)
    np.testing.assert_allclose(waveform, whole[:n_samples], atol=1e-5)


RANGES = [(1, 1), (511, 2), (100_001, 54_321), (PART - 700, 1401), (PART, 3), (WINDOW - 5, 10), (3 * WINDOW, 99)]


@pytest.mark.parametrize(("start", "n"), RANGES)
def test_range_equals_the_same_range_of_the_whole(model, whole, start, n):
    waveform = render(model, 1, STEADY, start, n)
    assert waveform.shape == (n, 2)
    np.testing.assert_allclose(waveform, whole[start : start + n], atol=1e-5)


@pytest.mark.parametrize(("start", "n"), RANGES)
def test_range_of_a_moving_piece_equals_the_same_range_of_the_whole(model, moving, start, n):
    waveform = render(model, 1, MORPH, start, n, settings=at(117.5))
    np.testing.assert_allclose(waveform, moving[start : start + n], atol=1e-5)


def test_range_may_begin_before_0(model, whole):
    waveform = render(model, 1, STEADY, -1000, 3000)
    np.testing.assert_allclose(waveform[1000:], whole[:2000], atol=1e-5)


def test_parts_of_any_size_are_the_whole(model, moving, monkeypatch):
    monkeypatch.setattr(rendering, "PART_WINDOWS", 1)
    monkeypatch.setattr(rendering, "_FIRST_LATENTS", 3)
    np.testing.assert_allclose(render(model, 1, MORPH, 0, len(moving), settings=at(117.5)), moving, atol=1e-5)


@pytest.mark.parametrize(("start", "end"), [(0, 100), (777, WINDOW), (WINDOW, PART + 20), (PART, PART + 500)])
def test_a_range_of_a_piece_is_cut_as_the_piece_is(model, whole, start, end):
    song = Piece(1, STEADY, 0, len(whole))
    part = np.concatenate(list(rendering.waveforms(model, METADATA, song, start, end)))
    np.testing.assert_allclose(part, whole[start:end], atol=1e-5)


@pytest.mark.parametrize("start", [-WINDOW - 5, 0, 1, 17 * PER_LATENT, 11 * WINDOW, 2**52])
def test_cuts_begin_small_and_end_on_the_grid_of_parts(start):
    cuts = list(itertools.islice(rendering.cuts(METADATA, start), 12))
    sizes = np.diff([start, *cuts])
    assert (sizes > 0).all() and sizes.max() <= PART
    assert 15 * PER_LATENT <= sizes[0] <= 16 * PER_LATENT
    assert (sizes[1:] <= 16 * sizes[:-1]).all()
    assert all(cut % WINDOW == 0 for cut in cuts[1:])
    assert all(cut % PART == 0 for cut in cuts[2:]) and set(sizes[3:]) == {PART}


def test_an_endless_piece_begins_like_one_with_an_end(model, whole):
    endless = rendering.waveforms(model, METADATA, Piece(1, STEADY))
    first = np.concatenate([next(endless) for _ in range(3)])
    assert len(first) == PART  # it ends with the third cut
    np.testing.assert_allclose(first, whole[: len(first)], atol=1e-5)


def test_no_click_at_the_seams_of_parts_and_windows(whole):
    steps = np.abs(np.diff(whole, axis=0)).max(axis=1)
    cuts = [cut for cut in itertools.takewhile(lambda cut: cut < len(whole), rendering.cuts(METADATA, 0))]
    windows = range(WINDOW, len(whole), WINDOW)
    seams = [seam - 1 for seam in {*cuts, *windows}]
    assert len(seams) >= 8
    assert steps[seams].max() <= np.quantile(steps, 0.999)
    assert np.mean(steps[seams]) < 3 * steps.mean()  # of networks that never learned to hide their seams


def test_other_seeds_differ_along_the_whole_length(model, whole):
    other = render(model, 2, STEADY, 0, len(whole))
    blocks = np.abs(other - whole)[: len(whole) // WINDOW * WINDOW].reshape(-1, WINDOW, 2)
    assert (blocks.max(axis=(1, 2)) > 0.05).all()
    # No block of one piece is a block of itself later on, either.
    own = whole[: len(whole) // WINDOW * WINDOW].reshape(-1, WINDOW, 2)
    for i, j in itertools.combinations(range(len(own)), 2):
        assert np.abs(own[i] - own[j]).max() > 0.05


def test_style_moves_from_one_to_the_other(model):
    plan = StylePlan(((1.6, ((2, 1.0),)), (4.0, ((5, 1.0),))))
    settings = at(117.5)

    def part(start, style):
        return render(model, 1, style, start, 9000, settings=settings)

    # Until the first keyframe and from the last one on it is one style alone, as far as whole windows go.
    for start, style in [(0, 2), (int(4.8 * RATE), 5)]:
        np.testing.assert_allclose(part(start, plan), part(start, StylePlan.constant(style)), atol=1e-5)
    between = part(int(2.8 * RATE), plan)
    for style in (2, 5):
        assert np.abs(between - part(int(2.8 * RATE), StylePlan.constant(style))).max() > 1e-3
    blend = StylePlan(((0.0, ((2, 1.0), (5, 1.0))),))
    difference = np.abs(between - part(int(2.8 * RATE), blend)).max()
    assert difference < np.abs(between - part(int(2.8 * RATE), StylePlan.constant(2))).max()


def test_a_plan_of_one_style_is_that_style(model, whole):
    plan = StylePlan(((0.0, ((2, 3.0),)), (2.0, ((2, 1.0),))))
    np.testing.assert_allclose(render(model, 1, plan, 0, 9000), whole[:9000], atol=1e-5)


def test_steering_to_the_drawn_tempo_changes_nothing(model, whole):
    bpm = float(tiny.conditioner().draw_bpm(2))
    np.testing.assert_allclose(render(model, 1, STEADY, 0, 9000, settings=at(bpm)), whole[:9000], atol=1e-5)
    faster = render(model, 1, STEADY, 0, 9000, settings=at(bpm + 9))
    assert np.abs(faster - whole[:9000]).max() > 1e-3


# Loops

SHORT_LOOP = 2 * WINDOW + 3456  # its fade is a quarter: 1.7 s
EXACT_LOOP = 3 * WINDOW  # one anchor


@pytest.mark.parametrize("style", [STEADY, StylePlan.morph(2, 5, 1.0, loop=True)])
def test_a_loop_of_whole_anchors_repeats(model, style):
    assert loops.fade_samples(METADATA, EXACT_LOOP) == 0
    options = {"loop_samples": EXACT_LOOP, "settings": at(240 / (EXACT_LOOP / RATE))}
    twice = render(model, 1, style, 0, 2 * EXACT_LOOP + 100, **options)
    # But for the rounding of matrix products, whose shapes differ from cut to cut.
    np.testing.assert_allclose(twice[EXACT_LOOP:], twice[: EXACT_LOOP + 100], atol=5e-6)
    far = render(model, 1, style, 10**6 * EXACT_LOOP + 500, 3000, **options)
    np.testing.assert_allclose(far, twice[500:3500], atol=1e-5)


def test_a_loop_of_any_length_repeats(model):
    options = {"loop_samples": SHORT_LOOP, "settings": at(240 / (SHORT_LOOP / RATE))}
    assert loops.fade_samples(METADATA, SHORT_LOOP) == SHORT_LOOP // 4
    one = render(model, 1, STEADY, 0, SHORT_LOOP, **options)
    twice = render(model, 1, STEADY, 0, 2 * SHORT_LOOP, **options)
    np.testing.assert_allclose(twice, np.concatenate([one, one]), atol=1e-5)
    inside = render(model, 1, STEADY, SHORT_LOOP - 2000, 4000, **options)
    np.testing.assert_allclose(inside, np.concatenate([one[-2000:], one[:2000]]), atol=1e-5)
    far = render(model, 1, STEADY, -(10**6) * SHORT_LOOP, 2000, **options)
    np.testing.assert_allclose(far, one[:2000], atol=1e-5)


@pytest.mark.parametrize("length", [SHORT_LOOP, 100_000, EXACT_LOOP, 7 * WINDOW + 1])
def test_the_end_of_a_loop_goes_on_into_its_start(model, length):
    """Across the seam the waveform moves as it does elsewhere: step and bend are among the ordinary ones."""
    steps, bends = [], []
    for seed in range(6):
        one = render(model, seed, STEADY, 0, length, loop_samples=length, settings=at(240 / (length / RATE)))
        around = np.concatenate([one[-3:], one[:3]])
        step, bend = (np.abs(np.diff(one, order, axis=0)) for order in (1, 2))
        steps.append(np.abs(np.diff(around, axis=0))[2].max() / np.quantile(step, 0.99))
        bends.append(np.abs(np.diff(around, 2, axis=0))[1:3].max() / np.quantile(bend, 0.99))
    assert max(steps) < 1.5 and max(bends) < 1.5, (steps, bends)
    assert np.median(steps) < 0.7 and np.median(bends) < 0.7


def test_before_its_fade_a_loop_of_usual_spacing_is_the_endless_piece(model):
    length, settings = 9 * WINDOW, at(120.0)  # three anchors, 384 latents apart as ever
    loop = render(model, 1, STEADY, 2 * WINDOW, 4 * WINDOW, loop_samples=length, settings=settings)
    endless = render(model, 1, STEADY, 2 * WINDOW, 4 * WINDOW, settings=settings)
    # Coordinates differ by rounding, which a resonator that is nearly at rest turns into another phase.
    differences = np.abs(loop - endless)
    assert np.quantile(differences, 0.999) < 1e-4 and differences.max() < 1e-3


# Files


@pytest.mark.parametrize("extension", ["wav", "flac"])
@pytest.mark.parametrize(
    "song",
    [
        Piece(-(2**62), StylePlan.constant(9), 1001, 4321, 0.123456789),
        Piece(3, MORPH, 1001, 4321, loop_samples=SHORT_LOOP, settings=at(120.1)),
    ],
)
def test_file_is_made_again_from_its_comment(model, tmp_path, extension, song):
    one, other = tmp_path / f"one.{extension}", tmp_path / f"other.{extension}"
    rendering.write(one, model, METADATA, song)
    comment = read_comment(one)
    assert comment.startswith("musika_tf model=tiny id=0123456789ab steps=12 seed=")
    again = read_piece(comment)
    assert again == song
    rendering.write(other, model, METADATA, again)
    assert one.read_bytes() == other.read_bytes()
    waveform, rate = soundfile.read(one)
    assert waveform.shape == (4321, 2) and rate == RATE
    expected = np.concatenate(list(rendering.waveforms(model, METADATA, song)))
    np.testing.assert_allclose(waveform, expected, atol=1e-4)


def test_progress_ends_at_the_end(model, tmp_path):
    done = []
    rendering.write(tmp_path / "a.wav", model, METADATA, Piece(1, STEADY, 0, PART + 9), done.append)
    assert done == [16 * PER_LATENT, WINDOW, PART, PART + 9]


def test_failure_leaves_no_file(model, tmp_path):
    class Failing:
        def render(self, **asked):
            if int(asked["first_latent"]) > 0:
                raise RuntimeError("out of memory")
            return model.render(**asked)

    with pytest.raises(RuntimeError):
        rendering.write(tmp_path / "a.wav", Failing(), METADATA, Piece(1, STEADY, 0, PART + 9))
    assert not list(tmp_path.iterdir())


def test_a_signal_waits_until_tensorflow_is_done_and_leaves_no_file(model, tmp_path):
    done = []

    class Interrupted:
        def render(self, **asked):
            signal.raise_signal(signal.SIGINT)
            done.append(model.render(**asked))
            return done[-1]

    with pytest.raises(KeyboardInterrupt):
        rendering.write(tmp_path / "a.wav", Interrupted(), METADATA, Piece(1, STEADY, 0, PART + 9))
    assert len(done) == 1 and not list(tmp_path.iterdir())
