"""The registry: names, and what every signal keeps to."""

import clicks
import numpy as np
import pytest
import tensorflow as tf

from musika_tf.conditioning import signals, tags
from musika_tf.conditioning.signal import Span, centres, check_range
from musika_tf.errors import UserError

EVERY = [*signals.SIGNALS.values(), signals.find("tag:ambient")]
FACTS = {"bpm": 120.0, "first_beat_seconds": 0.0, "onsets_seconds": [0.1, 0.3], "seconds": 1.0}


def test_centres_are_half_a_latent_in():
    np.testing.assert_allclose(centres(3, 44_100 / 4096), np.array([0.5, 1.5, 2.5]) * 4096 / 44_100, rtol=1e-15)


@pytest.mark.parametrize("signal", EVERY, ids=lambda signal: signal.name)
def test_drawn_signals_have_their_channels_and_stay_in_the_trained_range(signal):
    low, high, mean, deviation = (np.full(signal.n_channels, v, np.float32) for v in (0.2, 0.6, 0.3, 0.2))
    span = Span(mean, deviation, low, high)
    times = tf.constant(clicks.times(5), tf.float64)
    drawn = [signal.draw(seed, times, span, tf.constant(120.0)).numpy() for seed in range(20)]
    assert all(d.shape == (len(times), signal.n_channels) and d.dtype == np.float32 for d in drawn)
    np.testing.assert_array_equal(drawn[3], signal.draw(3, times, span, tf.constant(120.0)))
    np.testing.assert_array_equal(drawn[3][7:9], signal.draw(3, times[7:9], span, tf.constant(120.0)))
    if signal.name not in ("tempo", "beat"):  # which the piece's tempo decides
        assert np.min(drawn) >= 0.2 - 1e-6 and np.max(drawn) <= 0.6 + 1e-6
        assert len({float(d[0, 0]) for d in drawn}) > 2


@pytest.mark.parametrize("signal", [s for s in EVERY if s.grid_keys], ids=lambda signal: signal.name)
def test_signals_from_a_grid(signal):
    times = clicks.times(1)
    values = signal.from_grid(FACTS, times)
    assert values.shape == (len(times), signal.n_channels) and values.dtype == np.float32


def test_signals_have_rows_of_their_own_to_draw_from():
    words = [signals.find(tags.PREFIX + word) for word in tags.TAGS]
    rows = [s.draw_row for s in (*signals.SIGNALS.values(), *words) if s.name not in ("tempo", "beat")]
    assert len(set(rows)) == len(rows) == 52
    assert 0 not in rows  # the tempo's


def test_parse_keeps_the_order():
    assert [signal.name for signal in signals.parse(" beat, tempo,")] == ["beat", "tempo"]
    assert signals.parse("") == []


def test_tags_stand_for_the_chosen_words():
    names = [signal.name for signal in signals.parse("tempo,tags,tag:harp")]
    assert names == ["tempo", *(f"tag:{word}" for word in tags.CHOSEN), "tag:harp"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("tempo,mood", "no signal 'mood'; there are tempo, beat, note_density, position, tags"),
        ("tag:moody", "no word 'moody'; there are ambient, "),
        ("tempo,beat,tempo", "the same signal twice"),
        ("tags,tag:techno", "the same signal twice"),
    ],
)
def test_parse_lists_the_valid_names(text, named):
    with pytest.raises(UserError) as error:
        signals.parse(text)
    assert str(error.value).startswith(f"--conditioning={text}: {named}")


def test_summary_names_all():
    assert all(name in signals.summary() for name in (*signals.SIGNALS, "tags", *tags.CHOSEN))


def test_find_takes_names():
    assert signals.find("tempo") is signals.SIGNALS["tempo"]
    assert signals.find("tag:no vocals").word == "no vocals"


def test_range_of_a_span_and_of_the_law():
    span = Span(*(np.array([v], np.float32) for v in (0.0, 0.0, 0.1, 0.3)))
    check_range([0.1, 0.3], span, (0, 1), "f", "t", "")
    check_range([1.0], None, (0, 1), "f", "t", "")
    with pytest.raises(UserError, match="--f=t: 0.31 is outside of .*, 0.1 to 0.3 BPM"):
        check_range([0.2, 0.31], span, (0, 1), "f", "t", "BPM")
