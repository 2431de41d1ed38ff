"""Style over time: a list of keyframes, each a blend of styles.

    [{"time": 0, "style": 7}, {"time": "1m30s", "style": {"7": 0.5, "9": 0.5}}, {"time": "2m", "style": 9}]

Weights are linear between keyframes and constant beyond them; in a loop they continue from the last keyframe to the
first. Only proportions matter: `coordinates.style_line` scales every blend to the deviation of one style.
"""

import dataclasses
import json
import reprlib
import sys

import numpy as np

from musika_tf import durations, json_file
from musika_tf.errors import UserError

_EXAMPLE = '[{"time": 0, "style": 7}, {"time": "1m30s", "style": {"7": 0.5, "9": 0.5}}]'
_MOST = sys.float_info.max  # JSON's whole numbers have no bound


@dataclasses.dataclass(frozen=True)
class StylePlan:
    """Keyframes of style: ((seconds, ((seed, weight), ...)), ...), times ascending; in each no seed twice, no weight
    below 0 and one above."""

    keyframes: tuple

    @classmethod
    def constant(cls, seed):
        """One style throughout."""
        return cls(((0.0, ((int(seed), 1.0),)),))

    @classmethod
    def morph(cls, seed, to, seconds, loop=False):
        """From one style to another in `seconds` (a float); in a loop of that length, there and back."""
        turn = seconds / 2.0 if loop else seconds
        return cls(((0.0, ((int(seed), 1.0),)), (float(turn), ((int(to), 1.0),))))

    @property
    def seeds(self):
        """All seeds in the order of their first appearance; the first draws the signals that nothing steers."""
        return tuple(dict.fromkeys(seed for _, blend in self.keyframes for seed, _ in blend))

    def weights(self, times, period=None):
        """The weights of the m `seeds`: float32 `[n, m]`; `[1, m]` if the style stays the same.

        Args:
          times: seconds, float64 `[n]`.
          period: length of the loop in seconds, or None.
        """
        seeds = self.seeds
        rows = np.array([[dict(blend).get(seed, 0.0) for seed in seeds] for _, blend in self.keyframes])
        rows = np.ldexp(rows, -np.frexp(rows.max(axis=1, keepdims=True))[1])  # exact; or squares could be 0 or infinite
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)  # or a keyframe of large weights would win the way
        if len(rows) == 1:
            return rows.astype(np.float32)
        at = np.array([seconds for seconds, _ in self.keyframes])
        columns = [np.interp(times, at, column, period=period) for column in rows.T]
        return np.stack(columns, axis=1).astype(np.float32)

    def text(self):
        """The plan without spaces, for a comment tag: a seed, or the keyframes as JSON."""
        if len(self.keyframes) == 1 and len(self.seeds) == 1:
            return str(self.seeds[0])
        rows = [[seconds, {str(seed): weight for seed, weight in blend}] for seconds, blend in self.keyframes]
        return json.dumps(rows, separators=(",", ":"))


def read(path):
    """The StylePlan of a JSON file; UserError names what is wrong with it. A "time" is seconds, or text as `--start`
    takes it; a "style" is a seed, or a dict of weights by seed."""
    try:
        keyframes = json_file.read(path)
    except OSError as error:
        raise UserError(f"--style_file={path}: can't be read ({error.strerror})") from error
    except ValueError as error:
        raise UserError(f"--style_file={path}: no JSON ({error}); write {_EXAMPLE}") from error
    return _plan(keyframes, f"--style_file={path}")


def _plan(keyframes, where):
    if not isinstance(keyframes, list) or not keyframes:
        raise UserError(f"{where}: not a list of keyframes; write {_EXAMPLE}")
    rows = [_keyframe(row, f"{where}, keyframe {i}") for i, row in enumerate(keyframes, start=1)]
    for i, (before, after) in enumerate(zip(rows, rows[1:], strict=False), start=2):
        if after[0] <= before[0]:
            raise UserError(f"{where}, keyframe {i}: its time is not after the one before")
    return StylePlan(tuple(rows))


def _keyframe(row, where):
    """(seconds, blend) of one entry of the file."""
    if not isinstance(row, dict) or set(row) != {"time", "style"}:
        raise UserError(f'{where}: needs "time" and "style" and nothing else; write {_EXAMPLE}')
    time, style = row["time"], row["style"]
    if isinstance(time, str):
        seconds = float(durations.parse_time(time, where))
    elif isinstance(time, (int, float)) and not isinstance(time, bool) and 0 <= time <= _MOST:
        seconds = float(time)
    else:
        raise UserError(f'{where}: "time" is {_shown(time)}; write seconds from 0 on, or "1m30s"')
    blend = style.items() if isinstance(style, dict) else [(style, 1.0)]
    weights = tuple((_seed(seed, where), _weight(weight, where)) for seed, weight in blend)
    if not any(weight for _, weight in weights):
        raise UserError(f"{where}: no style has a weight above 0")
    if len({seed for seed, _ in weights}) < len(weights):
        raise UserError(f"{where}: names a seed twice")
    return seconds, weights


def _seed(value, where):
    try:
        if isinstance(value, (int, str)) and not isinstance(value, bool) and abs(int(value)) < 2**63:
            return int(value)
    except ValueError:
        pass
    raise UserError(f"{where}: {_shown(value)} is no style; write a seed (a whole number below 2^63) or weights")


def _weight(value, where):
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= _MOST:
        return float(value)
    raise UserError(f"{where}: weight {_shown(value)}; write a number from 0 on")


def _shown(value):
    """A value of the file as JSON, abbreviated where it is long."""
    return reprlib.repr(value) if isinstance(value, (list, dict)) else json.dumps(value)[:100]
