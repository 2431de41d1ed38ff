"""Ours beside the published code, in a process of its own: python -m benchmarks.published.ours NETWORKS TASK.

NETWORKS is one of `task.OURS`, TASK as `task.Task` writes it.
"""

import sys

import numpy as np

from benchmarks import fresh, reference, worker
from benchmarks.published.task import BFLOAT16, ENCODE, LATENTS, PUBLISHED, STEP, Task
from musika_tf.config import AutoencoderConfig, GanConfig
from musika_tf.programs import cli


def configs(networks):
    """The AutoencoderConfig and the GanConfig of networks' name; flags/reference.flags are the defaults."""
    return (reference.AUTOENCODER, reference.GAN) if networks == PUBLISHED else (AutoencoderConfig(), GanConfig())


def prepared(task, autoencoder_config, gan_config, precision="float32"):
    """(what does the task once and has done it before, parameters of the networks that it runs)."""
    from musika_tf.autoencoder.model import Autoencoder
    from musika_tf.gan.model import Gan

    gan = Gan.create(gan_config, autoencoder_config.latent_channels)
    if task.what == STEP:
        return _step(task, gan)
    return _with_bundle(task, Autoencoder.create(autoencoder_config), gan, precision)


def _step(task, gan):
    from musika_tf.config import GanTraining
    from musika_tf.gan.trainer import GanTrainer
    from musika_tf.training import devices

    trainer = GanTrainer(gan, GanTraining(batch_size=task.batch_size), devices.create())
    batch = fresh.gan_batch(gan, task.batch_size)
    trainer.step(batch)
    return lambda: trainer.step(batch), _parameters(gan.generator, gan.critic)


def _with_bundle(task, autoencoder, gan, precision):
    import musika_tf

    config, networks = autoencoder.config, autoencoder.networks
    n_samples = task.n_pieces * LATENTS * config.samples_per_latent
    with fresh.bundle_of(autoencoder, gan, name="published") as path:
        model = musika_tf.load(path, precision=precision)
        if task.what == ENCODE:
            audio = np.random.default_rng(0).uniform(-0.5, 0.5, [n_samples, 2]).astype(np.float32)
            run, used = lambda: model.encode(audio, config.sample_rate), ("encoder1", "encoder2")
            found, expected = len(run()), n_samples // config.samples_per_latent
        else:
            run, used = lambda: model.generate(seconds=n_samples / config.sample_rate), ("decoder1", "decoder2")
            found, expected = len(run()), n_samples
    assert found == expected, f"{task.what}: {found} in place of {expected}"
    parameters = _parameters(*(networks[name] for name in used))
    return run, parameters if task.what == ENCODE else parameters + _parameters(gan.averaged)


def _parameters(*networks):
    return sum(network.count_params() for network in networks)


def main(words):
    networks, task, answers = words[0], Task.read(words[1:]), worker.answers()
    precision = "bfloat16" if networks == BFLOAT16 else "float32"
    (cli.start_training if task.what == STEP else cli.start_tensorflow)(task.threads)
    from benchmarks import measure

    run, parameters = prepared(task, *configs(networks), precision)
    facts = {"name": "ours", "parameters": parameters, "machine": measure.machine()}
    worker.serve(facts, {task.what: lambda: worker.taken(run)}, answers)


if __name__ == "__main__":
    main(sys.argv[1:])
