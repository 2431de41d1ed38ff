"""Which extractor reads each signal of a file, and the arrays that an .npz holds of it.

A rendered track has a `.json` beside it with its grid and its onsets. That is the truth, so it is preferred to any
detector, unless `--signal_source` says otherwise.
"""

import dataclasses
import os
from pathlib import Path

import numpy as np

from musika_tf import json_file
from musika_tf.conditioning.signal import GRID, Extracted, Signal
from musika_tf.errors import UserError

SOURCES = ("auto", "grid", "audio")


@dataclasses.dataclass(frozen=True)
class Choice:
    """How one stored signal of one file is made: by `extractor`, from `facts` if that is GRID."""

    signal: Signal
    extractor: str
    facts: dict | None

    @property
    def name(self):
        return self.signal.stored_name

    def is_in(self, arrays):
        """Whether an `.npz`, as a dict of arrays, holds the signal by this extractor."""
        return f"conditioning_{self.name}" in arrays and self.signal.extractor_in(arrays) == self.extractor

    def arrays(self, audio, times):
        """What an `.npz` holds of the signal of a Recording at `times`, float64 `[n]` seconds of the latents' centres.

        Dict of `conditioning_<name>` float32 `[n, k]`, `extractor_<name>` text, `confidence_<name>` float32.
        """
        if self.facts is None:
            extracted = self.signal.extract(audio, times)
        else:
            extracted = Extracted(self.signal.from_grid(self.facts, times), GRID)
        return {
            f"conditioning_{self.name}": extracted.stored,
            f"extractor_{self.name}": np.str_(extracted.extractor),
            f"confidence_{self.name}": np.float32(extracted.confidence),
        }


def choose(signals, audio_path, source="auto"):
    """A Choice for each array that the signals of one file need.

    Args:
      source: one of SOURCES: the `.json` beside it where there is one, that alone, or the audio alone.

    Raises:
      UserError: the `.json` is missing or damaged, or an extractor is not installed.
    """
    from_grid = source != "audio" and any(signal.grid_keys for signal in signals)
    facts = read_facts(audio_path) if from_grid else {}
    choices = {}
    for signal in signals:
        checks = signal.grid_keys.items()
        known = bool(checks) and all(is_right(facts.get(key)) for key, is_right in checks)
        if source == "grid" and signal.grid_keys and not known:
            path = Path(audio_path).with_suffix(".json")
            raise UserError(
                f"{path}: {signal.name} is read from here, a JSON object with {' and '.join(signal.grid_keys)}; "
                "tools/render_corpus.py writes such files; --signal_source=audio reads the audio itself"
            )
        if signal.stored_name not in choices:
            try:
                extractor = GRID if known else signal.extractor()
            except UserError as error:
                raise UserError(f"{audio_path}: {error}") from error
            choices[signal.stored_name] = Choice(signal, extractor, facts if known else None)
    return list(choices.values())


def read_facts(audio_path):
    """The dict in the `.json` beside an audio file, empty if there is none; UserError names a damaged one."""
    path = Path(audio_path).with_suffix(".json")
    if not os.path.isfile(path):
        return {}
    try:
        facts = json_file.read(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: no JSON ({error}); repair or remove it") from error
    return facts if isinstance(facts, dict) else {}


def doubt(choice, arrays):
    """A line about a signal that is too unsure for training; "" if it is not."""
    confidence = float(arrays[f"confidence_{choice.name}"])
    if confidence >= choice.signal.least_confidence:
        return ""
    return f"{choice.name} is not clear (confidence {confidence:.2f}); train_gan.py will leave it out"
