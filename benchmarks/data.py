"""How long training waits for data: python -m benchmarks.data [--flagfile=flags/reference.flags] [--json=FILE]

The steps of the autoencoder's phases on random crops of songs that are written for it, in each format, and the GAN's
on latents in memory and in a memory-mapped cache. --audio_dir measures a collection of yours, on the disk it lies on.

| word | meaning |
|---|---|
| waiting | share of the training's time that passes between a step's end and the next batch |
| slowed | how much longer a step takes while the next batches are read than without |
| supply | batches that could be read in the time of a step, if nothing else ran |
"""

import statistics
import tempfile
import time
from pathlib import Path

from absl import flags

from benchmarks import presets
from musika_tf.config import AutoencoderConfig, AutoencoderTraining, GanConfig, GanTraining
from musika_tf.errors import UserError
from musika_tf.programs import settings

FLAGS = flags.FLAGS
flags.DEFINE_list("steps", ["1", "2", "3", "4", "gan"], "what to measure: phases of the autoencoder, and gan")
flags.DEFINE_list(
    "formats",
    ["wav", "flac", "ogg", "mp3", "48k", "mp3-cached"],
    "of the songs: wav, flac, ogg, mp3, 48k (WAV at 48 kHz); each with -cached behind it by way of --cache_dir's cache",
)
flags.DEFINE_integer("songs", 4, "songs that are written in each format", lower_bound=1)
flags.DEFINE_float("song_minutes", 4.0, "length of each", lower_bound=0.02)
flags.DEFINE_integer("rounds", 3, "rounds of --steps_each with data and without, in turn", lower_bound=1)
flags.DEFINE_integer("steps_each", 10, "steps in a round of either kind", lower_bound=1)
flags.DEFINE_integer("latent_pieces", 100, "pieces of 2,000 latents (3 minutes) for the GAN", lower_bound=1)

_FORMATS = {
    "wav": ("wav", 44_100, "PCM_16"),
    "flac": ("flac", 44_100, "PCM_16"),
    "ogg": ("ogg", 44_100, "VORBIS"),
    "mp3": ("mp3", 44_100, "MPEG_LAYER_III"),
    "48k": ("wav", 48_000, "PCM_16"),
}
_SETTLE = 3  # steps before a round counts: what was read ahead meanwhile is used up


def rows_of(name, values):
    """The rows of one preset."""
    _check("steps", ("1", "2", "3", "4", "gan"))
    _check("formats", [form + cached for form in _FORMATS for cached in ("", "-cached")])
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for step in FLAGS.steps:
            rows += _gan(name, values, folder) if step == "gan" else _phase(name, values, int(step), Path(folder))
    return rows


def _check(flag, known):
    for value in FLAGS[flag].value:
        if value not in known:
            raise UserError(f"--{flag}: no {value!r}; there are {', '.join(known)}")


def _phase(name, values, phase, folder):
    """A row for each format."""
    from musika_tf.autoencoder.critic import SpectrogramCritic
    from musika_tf.autoencoder.model import Autoencoder
    from musika_tf.autoencoder.trainer import AutoencoderTrainer
    from musika_tf.collection import augmentation, cache, dataset, scan

    config = settings.config(AutoencoderConfig, values)
    autoencoder, sample_rate = Autoencoder.create(config), config.sample_rate
    training = settings.config(AutoencoderTraining, values)
    critic = SpectrogramCritic(training.critic_width)
    trainer = AutoencoderTrainer(autoencoder, training, phase, critic)
    if FLAGS.audio_dir:
        collections = {FLAGS.audio_dir: scan.find_audio(FLAGS.audio_dir)}
    else:
        collections = {form: _songs(folder, form.removesuffix("-cached")) for form in FLAGS.formats}
    rows = []
    for form, paths in collections.items():
        if form.endswith("-cached"):
            paths = cache.cached(paths, sample_rate, folder / "cache")
        audio = dataset.Collection(paths, sample_rate)
        batches = augmentation.mixed_down(dataset.crops(audio, trainer.crop_samples, training.batch_size, seed=1))
        label = {"preset": f"{name}: phase {phase}, batch {training.batch_size}", "data": form}
        rows.append(label | measured(trainer.step, batches))
    return rows


def _songs(folder, form):
    """Files of one format, written once: chords that decay, and some noise, so that encoders have to work."""
    import numpy as np
    import soundfile

    extension, rate, encoding = _FORMATS[form]
    paths = [folder / form / f"{i}.{extension}" for i in range(FLAGS.songs)]
    if paths[0].exists():
        return paths
    paths[0].parent.mkdir()
    seconds = np.arange(rate) / rate
    for i, path in enumerate(paths):
        rng = np.random.default_rng(i)
        with soundfile.SoundFile(path, "w", rate, 2, encoding) as file:
            for _ in range(round(60 * FLAGS.song_minutes)):
                tones = (
                    np.sin(2 * np.pi * seconds[:, None] * rng.uniform(50, 5000, [1, 6])) * np.exp(-3 * seconds)[:, None]
                )
                second = tones @ rng.uniform(0, 0.2, [6, 2]) + rng.normal(0, 0.02, [rate, 2])
                for start in range(0, rate, 4096):  # libsndfile's Vorbis encoder keeps a write on the stack
                    file.write(second[start : start + 4096])
    return paths


def _gan(name, values, folder):
    """A row for latents in memory, and one for those of the cache."""
    import numpy as np

    from musika_tf.gan import data
    from musika_tf.gan.model import Gan
    from musika_tf.gan.trainer import GanTrainer
    from musika_tf.stereo import layouts

    config, training = settings.config(GanConfig, values), settings.config(GanTraining, values)
    autoencoder = settings.config(AutoencoderConfig, values)
    gan = Gan.create(config, autoencoder.latent_channels)
    trainer = GanTrainer(gan, training)
    latents = Path(folder, "latents")
    if not latents.exists():
        latents.mkdir()
        rng = np.random.default_rng(0)
        for i in range(FLAGS.latent_pieces):
            piece = rng.standard_normal([2000, gan.latent_size], np.float32)
            np.savez(latents / f"{i}.npz", latents=piece, model_id="noise")
    rows = []
    for kind, cache_dir in {"memory": None, "cache": Path(folder, "cache")}.items():
        pieces = data.load_pieces(latents, [], config.critic_window, cache_dir)
        pieces.mirror = layouts.create(autoencoder).mirror
        batches = data.batches(pieces, config.critic_window, training.batch_size, seed=1)
        label = {"preset": f"{name}: GAN, batch {training.batch_size}", "data": f"latents, {kind}"}
        rows.append(label | measured(trainer.step, batches))
    return rows


def measured(step, batches):
    """Trains on batches as the training loop does, and without them in turn.

    Args:
      step: function of a batch that trains on it and returns named scalars.
      batches: tf.data.Dataset without end.

    Returns:
      Dict of `step_seconds` without data, and the shares that the module defines.
    """
    iterator = iter(batches)
    batch = next(iterator)
    for _ in range(2):
        _timed(lambda: _finish(step(batch)))
    waits, with_data, alone = [], [], []
    for _ in range(FLAGS.rounds):
        for i in range(_SETTLE + FLAGS.steps_each):
            wait, batch = _timed(lambda: next(iterator))
            taken, _ = _timed(lambda: _finish(step(batch)))  # noqa: B023
            if i >= _SETTLE:
                waits.append(wait)
                with_data.append(taken)
        for i in range(_SETTLE + FLAGS.steps_each):
            taken, _ = _timed(lambda: _finish(step(batch)))  # noqa: B023
            alone += [taken] * (i >= _SETTLE)
    n = max(_SETTLE * 2, round(2.0 / statistics.median(alone)))  # some two seconds' worth
    reading, _ = _timed(lambda: [next(iterator) for _ in range(n)])
    return {
        "step_seconds": statistics.median(alone),
        "waiting": sum(waits) / (sum(waits) + sum(with_data)),
        "slowed": statistics.median(with_data) / statistics.median(alone) - 1.0,
        "supply": n * statistics.median(alone) / reading,
    }


def _finish(scalars):
    """Waits until a step is done: of what a GPU was asked to do the first read value says so."""
    return {name: float(value) for name, value in scalars.items()}


def _timed(function):
    begin = time.perf_counter()
    result = function()
    return time.perf_counter() - begin, result


if __name__ == "__main__":
    presets.run(rows_of)
