"""Keyword arguments, as `musika_tf.Model` takes them, -> what the programs make of their flags."""

import contextlib
import re

import numpy as np

from musika_tf import durations
from musika_tf.audio import channels
from musika_tf.conditioning import curves
from musika_tf.conditioning.steering import SETTINGS
from musika_tf.errors import UserError
from musika_tf.generate.request import STREAM, TRUNCATION, TRUNCATIONS, Request

_KEYWORDS = {flag: setting for setting, flag in SETTINGS.items()}  # of the signals: bpm -> tempo, ...
_MOST_CHANNELS = 64
_FLAG = re.compile(r"--(\w+)")
_ARGUMENTS = {"length": "seconds", "bundle_dir": "path"}  # flags that have another name here


def request(
    model_path,
    seed,
    seconds,
    *,
    bars=None,
    start=0,
    loop=False,
    style_seed=None,
    truncation=TRUNCATION,
    precision="float32",
    **steering,
):
    """The arguments of `Model.generate`, and the Model's precision, as a Request of one piece, which has no end without
    `seconds` and `bars`; UserError where one is malformed, or they contradict each other."""
    if bars is not None and seconds is not None:
        raise UserError(f"bars={bars}: says how long the piece is; leave out seconds")
    least, most = TRUNCATIONS
    if not least <= truncation <= most:
        raise UserError(f"truncation={truncation}: give a number from {least} to {most}")
    with named_as_arguments():
        seconds = None if seconds is None else _seconds(seconds)
        return Request(
            shipped=str(model_path),
            bundle_dir=None,
            seed=whole("seed", seed),
            seconds=seconds,
            start=durations.parse_time(_time(start), "start"),
            out=STREAM if seconds is None and bars is None else None,
            style_seed=None if style_seed is None else whole("style_seed", style_seed),
            truncation=float(truncation),
            loop=bool(loop),
            bars=None if bars is None else whole("bars", bars, least=1),
            settings=_settings(steering),
            precision=precision,
        )


@contextlib.contextmanager
def named_as_arguments():
    """Errors speak of arguments where those of the programs speak of flags: "bpm=60: ..." for "--bpm=60: ..."."""
    try:
        yield
    except UserError as error:
        raise UserError(_FLAG.sub(lambda found: _ARGUMENTS.get(found[1], found[1]), str(error))) from error


def whole(name, value, least=None):
    """A whole number, of NumPy's, too."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or isinstance(value, str) or number != value or (least is not None and number < least):
        raise UserError(f"{name}={value}: give a whole number{'' if least is None else f' from {least} on'}")
    return number


def _time(value):
    """Seconds as a number, or a time as text -> text."""
    return value if isinstance(value, str) else curves.plain(float(value))


def _seconds(value):
    """How long a piece is: an exact Fraction, None without end."""
    text = _time(value)
    return None if text.strip().lower() == "inf" else durations.parse(text, "seconds")


def _settings(steering):
    """Keyword arguments -> what the flags of the same names would hold: dict of setting -> text."""
    unknown = sorted(set(steering) - set(_KEYWORDS))
    if unknown:
        raise UserError(f"{unknown[0]}: no such argument; what steers a piece is {', '.join(_KEYWORDS)}")
    return {_KEYWORDS[keyword]: _text(keyword, value) for keyword, value in steering.items() if value is not None}


def _text(keyword, value):
    """A number, points, words with values, or text -> text as the flags take it."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return ",".join(f"{word}={_text(keyword, part)}" for word, part in value.items())
    try:
        if np.ndim(value) == 0:
            return repr(float(value))
        return ",".join(f"{_time(time)}:{float(number)!r}" for time, number in value)
    except (TypeError, ValueError):
        raise UserError(f"{keyword}={value}: give a number, (time, value) points, or text as the flag takes") from None


def stereo(waveform):
    """float32 `[samples, 2]` of what a user calls a waveform."""
    waveform = np.asarray(waveform)
    if waveform.ndim == 1:
        waveform = waveform[:, None]
    shape = list(waveform.shape)
    if waveform.ndim != 2 or not waveform.size or waveform.shape[1] > _MOST_CHANNELS:
        raise UserError(f"waveform: of shape {shape}; give [samples, channels] or [samples]")
    if not np.issubdtype(waveform.dtype, np.floating):
        raise UserError(f"waveform: of {waveform.dtype}; give floats within -1..1, such as int16 samples / 32768")
    return np.ascontiguousarray(channels.to_stereo(finite("waveform", waveform)))


def finite(name, values):
    """float32 of finite values."""
    with np.errstate(over="ignore"):
        values = np.asarray(values, np.float32)
    if not np.isfinite(values).all():
        raise UserError(f"{name}: holds NaN or infinite values; give finite ones")
    return values
