"""What a corpus knows of a track: used where it is what a signal needs, refused by name where a grid is asked for."""

import numpy as np
import pytest

from musika_tf.conditioning import extraction, signals
from musika_tf.errors import UserError

TEMPO, BEAT, DENSITY = (signals.find(name) for name in ("tempo", "beat", "note_density"))
GRID = '{"bpm": %s, "first_beat_seconds": %s}'
ONSETS = '{"onsets_seconds": %s, "seconds": %s}'


def chosen(folder, signal, facts):
    (folder / "a.json").write_text(facts)
    return extraction.choose([signal], folder / "a.wav", "grid")


@pytest.mark.parametrize(
    ("signal", "facts"),
    [
        (TEMPO, GRID % ("[120, 130]", 0)),
        (TEMPO, GRID % ("0", 0)),
        (BEAT, GRID % ("-1", 0)),
        (BEAT, GRID % ("1" + "0" * 400, 0)),
        (BEAT, GRID % ("120", "NaN")),
        (BEAT, GRID % ("120", "true")),
        (DENSITY, ONSETS % ("3", 9)),
        (DENSITY, ONSETS % ("[1, null]", 9)),
        (DENSITY, ONSETS % ("[1]", 0)),
        (DENSITY, ONSETS % ("[1]", "[9]")),
        (TEMPO, "[120]"),
    ],
)
def test_facts_of_another_kind_are_no_grid(tmp_path, signal, facts):
    with pytest.raises(UserError, match=f"a.json: {signal.name} is read from here"):
        chosen(tmp_path, signal, facts)


@pytest.mark.parametrize("facts", ["{", "[" * 100_000])
def test_damaged_facts_are_named(tmp_path, facts):
    with pytest.raises(UserError, match="a.json: no JSON"):
        chosen(tmp_path, TEMPO, facts)


@pytest.mark.parametrize("source", extraction.SOURCES)
@pytest.mark.parametrize("names", ["", "position"])
def test_facts_that_no_signal_needs_are_not_read(tmp_path, names, source):
    (tmp_path / "a.json").write_text("{")
    choices = extraction.choose(signals.parse(names), tmp_path / "a.wav", source)
    assert [choice.name for choice in choices] == ([names] if names else [])


def test_onsets_of_a_shorter_track_are_refused(tmp_path):
    (choice,) = chosen(tmp_path, DENSITY, ONSETS % ("[1, 2]", 3))
    assert np.isfinite(choice.arrays(None, np.arange(0.05, 3.05, 0.09))["conditioning_note_density"]).all()
    with pytest.raises(UserError, match="note_density: the .json beside it says 3 s, but it is longer"):
        choice.arrays(None, np.arange(0.05, 60, 0.09))
