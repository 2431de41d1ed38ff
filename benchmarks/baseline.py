"""How fast music is made beside an UNAGAN-style baseline: python -m benchmarks.baseline [--threads=1] [--json=FILE]

This model at reference size and at that of models/techno, without signals and with --conditioning; the baseline at the
published size and at that of one core, its mel spectrograms alone, and with Griffin-Lim. All with fresh weights.
"""

from absl import flags

import baselines.unagan.flags  # noqa: F401 (it defines the flags)
from baselines.unagan.config import UnaganConfig
from benchmarks import generate, presets
from musika_tf.programs import settings

FLAGS = flags.FLAGS
FLAGS.set_default("seconds", "120")  # benchmarks.generate defines it

_PRESETS = (
    "flags/reference.flags",
    "flags/techno.flags",
    "baselines/unagan/paper.flags",
    "baselines/unagan/one_core.flags",
)


def rows_of(name, values):
    """The rows of one preset: of the baseline where it sets the baseline's sizes, otherwise of this model."""
    if values["unagan_width"].present:
        return _baseline(name, settings.config(UnaganConfig, values))
    signals = tuple(filter(None, (values["conditioning"].value or "tempo,beat,position").split(",")))
    rows = generate.rows_of(f"{name}, unconditional", values)
    return rows + generate.rows_of(f"{name}, {', '.join(signals)}", values, signals)


def _baseline(name, config):
    from baselines.unagan import mel
    from baselines.unagan.model import Unagan
    from benchmarks import arithmetic, measure

    model, rows = Unagan.create(config), []
    for seconds in map(float, FLAGS.seconds):
        n_samples = round(seconds * mel.SAMPLE_RATE)
        n_frames = mel.n_frames(n_samples)
        operations = arithmetic.unagan(config) * n_frames

        def network(n_frames=n_frames):
            return model.generate(1, n_frames)

        def whole(n_samples=n_samples, network=network):
            mel.to_waveform(network(), n_samples, 1)

        for what, function in (("mel spectrogram alone", network), ("with Griffin-Lim", whole)):
            rows.append(measure.row(f"UNAGAN-style, {name}, {what}", function, operations, seconds, FLAGS.runs))
    return rows


if __name__ == "__main__":
    presets.run(rows_of, _PRESETS)
