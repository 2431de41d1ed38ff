"""Reads the checkpoints of the published implementation, and turns them into bundles.

| file | network | hub repository |
|---|---|---|
| enc.h5, dec.h5 | encoder 1, decoder 1 | marcop/musika_ae |
| enc2.h5, dec2.h5 | encoder 2, decoder 2 | marcop/musika_ae |
| gen_ema.h5, critic.h5 | averaged generator, critic | marcop/musika_techno, _misc or _misc_small |

They are legacy Keras weight files, whose layer names say nothing. What holds is the order of the layers, by depth in
the graph: parallel branches alternate, noise layers are ordered among themselves. Kernels are 2-D of height 1.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from musika_tf import json_file, npz
from musika_tf.config import AutoencoderConfig, GanConfig
from musika_tf.errors import UserError

AUTOENCODER_FILES, GENERATOR_FILE = ("enc.h5", "dec.h5", "enc2.h5", "dec2.h5"), "gen_ema.h5"
FILES = (*AUTOENCODER_FILES, GENERATOR_FILE, "critic.h5")
EXPECTED = "expected.npz"
TOLERANCE = 1e-4
PUBLISHED = "--parity needs one made by the published code from these weights"


class StoredLayer(NamedTuple):
    """A layer of a weight file: its name there, and its arrays (kernel, bias; or a noise scalar `[1]`)."""

    name: str
    arrays: list

    @property
    def is_noise(self):
        return len(self.arrays) == 1 and self.arrays[0].shape == (1,)


def load(checkpoint_dir):
    """Autoencoder and Gan of an original checkpoint, a folder with the six FILES; a config.json there has to agree with
    their sizes. UserError: a file is missing, damaged, or not what its name says."""
    from musika_tf.autoencoder.model import Autoencoder
    from musika_tf.gan.model import Gan

    folder = Path(checkpoint_dir)
    stored = {name: read_layers(folder / name) for name in FILES}
    ae_config, gan_config = _configs(folder, stored)
    autoencoder = Autoencoder.create(ae_config)
    gan = Gan.create(gan_config, ae_config.latent_channels)
    for name, layers in _layers_in_file_order(autoencoder, gan).items():
        _assign(folder / name, layers, stored[name])
    gan.generator.set_weights(gan.averaged.get_weights())
    return autoencoder, gan


def read_layers(path):
    """The layers with weights of a legacy Keras weight file, in the file's order: list of StoredLayer, float32;
    UserError where it is missing, damaged or of another kind."""
    import h5py

    if not path.is_file():
        raise UserError(
            f"{path}: missing; put {', '.join(FILES)} into one folder (enc* and dec* from the hub's marcop/musika_ae, "
            "the others from marcop/musika_techno, marcop/musika_misc or marcop/musika_misc_small)"
        )
    try:
        with h5py.File(path, "r") as file:
            layers = [
                StoredLayer(group.name[1:], [np.asarray(group[w][()], np.float32) for w in group.attrs["weight_names"]])
                for group in (file[name] for name in file.attrs["layer_names"])
            ]
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:  # all that h5py raises on bad bytes
        reason = str(error).strip("'\"").splitlines()[0]
        raise UserError(f"{path}: no Keras weight file, or a damaged one ({reason}); download it again") from error
    for layer in layers:
        if not all(np.isfinite(array).all() for array in layer.arrays):
            raise UserError(f"{path}: damaged, layer {layer.name} holds values that are no numbers; download it again")
    return [layer for layer in layers if layer.arrays]


def _configs(folder, stored):
    """AutoencoderConfig and GanConfig from the shapes of the weights, confirmed by config.json if there is one."""
    kernels = {name: [each.arrays[0].shape for each in layers if not each.is_noise] for name, layers in stored.items()}
    noted = _noted(folder / "config.json")

    def size(name, index, axis, divisor):
        shapes = kernels[name]
        if len(shapes) < 3 or len(shapes[index]) < 2 or shapes[index][axis] % divisor:
            raise _foreign(folder / name, "its first and last layers have other sizes")
        return shapes[index][axis] // divisor

    bins = size("enc.h5", 0, -2, 1)
    if bins % 2 == 0:
        raise _foreign(folder / "enc.h5", f"it starts from {bins} channels, which is no number of STFT bins")
    autoencoder = AutoencoderConfig(
        sample_rate=noted["sr"],  # weights don't know it
        hop_length=(bins - 1) // 2,
        width=size("enc.h5", 0, -1, 4 * 4) * 4,
        latent_size=size("enc2.h5", -1, -1, 1),
        stereo="stacked",
        phase_head="angle",
        linear_paths=False,
    )
    gan = GanConfig(
        width=size("gen_ema.h5", 0, -1, 4 * 7),
        critic_width=size("critic.h5", 0, -1, 3),
        anchor_size=size("gen_ema.h5", 1, -2, 2),
        # After the stem and its AdaIN comes the first block: 1x1 where it does not upsample, in the small variant.
        window=64 if kernels["gen_ema.h5"][2][:-2] == (1, 1) else 128,
    )
    _confirm(folder / "config.json", noted, autoencoder, gan)
    return autoencoder, gan


def _noted(path):
    """What config.json says, or the published sample rate alone where there is none."""
    try:
        noted = dict(json_file.read(path)) if path.is_file() else {}
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path}: no JSON object ({error}); repair it or delete it") from error
    rate = noted.setdefault("sr", AutoencoderConfig.sample_rate)
    try:
        AutoencoderConfig(sample_rate=rate)
    except UserError as error:
        wanted = str(error).rpartition(": ")[2]
        raise UserError(f"{path}: sr is {rate!r}, the samples per second; {wanted}") from error
    return noted


def _confirm(path, noted, autoencoder, gan):
    """UserError where config.json (`noted`) contradicts the weights, or asks for what was never published."""
    known = {
        "hop": autoencoder.hop_length,
        "latdepth": autoencoder.latent_size,
        "coorddepth": gan.anchor_size,
        "base_channels": gan.width,
        "small": gan.window == 64,
        "window": autoencoder.window_frames,
        "mu_rescale": -25.0,
        "sigma_rescale": 75.0,
    }
    for key, value in known.items():
        if noted.get(key, value) != value:
            raise UserError(f"{path}: {key} is {noted[key]}, but {value} fits these weights; correct or delete it")


def _foreign(path, why):
    return UserError(f"{path}: not the {path.name} of a 44.1 kHz checkpoint: {why}; see marcop/musika_* on the hub")


def _layers_in_file_order(autoencoder, gan):
    """Every layer with weights, by file; noise layers may stand anywhere between the others."""
    e1, d1, e2, d2 = autoencoder.networks.values()
    generator, critic = gan.averaged, gan.critic

    def stages(*stages):
        return [layer for s in stages for layer in (s.layer, s.noise, s.adain.to_scale)]

    def noisy(convs):
        return [layer for conv in convs for layer in (conv.conv, conv.noise)]

    # Magnitude and phase branch off u2: equally deep, so their layers alternate, magnitude first.
    trunk = noisy([d1.g0, d1.g1, d1.g2, d1.g3, d1.u2, d1.u1, d1.v1, d1.u0, d1.v0])
    up = [layer for block in generator.blocks for layer in (*stages(block.first, block.second), block.shortcut)]
    down = [layer for block in critic.blocks for layer in (block.first, block.second, block.project) if layer]
    return {
        "enc.h5": [*e1.hidden, e1.out],
        "dec.h5": [*trunk, d1.magnitude_out, d1.phase_out.angle],
        "enc2.h5": [*e2.hidden, e2.out],
        "dec2.h5": [*noisy(d2.hidden), d2.out],
        "gen_ema.h5": [*stages(generator.stem), *up, *stages(generator.last), generator.out],
        "critic.h5": [critic.stem, *down, critic.last, *critic.heads],
    }


def _assign(path, layers, stored):
    """Copies `stored` layers into `layers`: the n-th noise into the n-th noise, the n-th other into the n-th other."""
    from musika_tf.layers import Noise, TransposedConv, interleaved

    for noise in (True, False):
        ours = [layer for layer in layers if isinstance(layer, Noise) == noise]
        theirs = [layer for layer in stored if layer.is_noise == noise]
        if len(ours) != len(theirs):
            raise _foreign(path, f"{len(theirs)} {'noise' if noise else 'other'} layers instead of {len(ours)}")
        for layer, source in zip(ours, theirs, strict=True):
            found, wanted = ([a.shape for a in arrays] for arrays in (source.arrays, layer.get_weights()))
            if isinstance(layer, TransposedConv):
                wanted[0] = layer.stock_shape
            # Kernels have a height of 1 in front, and a noise scalar is stored as [1].
            if len(found) != len(wanted) or any(f not in (w, (1, *w)) for f, w in zip(found, wanted, strict=True)):
                raise _foreign(path, f"layer {source.name} has shapes {found} instead of {wanted}, a height of 1 aside")
            arrays = [array.reshape(shape) for array, shape in zip(source.arrays, wanted, strict=True)]
            if isinstance(layer, TransposedConv):
                arrays[0] = interleaved(arrays[0])
            layer.set_weights(arrays)


def parity(autoencoder, gan, expected):
    """The largest absolute difference of every stage to what the published code computes, noise off.

    Of the arrays of expected.npz the results may be cut short along any axis.

    Returns:
      Dict by stage, in the signal's order; a later one contains those before it.

    Raises:
      UserError: an array is missing or of another shape or kind; begins with its name.
    """
    _check_inputs(autoencoder.config, gan, expected)
    differences = {}
    for stage, ours in _results(autoencoder, gan, expected).items():
        theirs = _array(expected, stage)
        cut = tuple(slice(n) for n in theirs.shape)
        if theirs.ndim != ours.ndim or not theirs.size or ours[cut].shape != theirs.shape:
            found, wanted = _sizes(theirs.shape), _sizes(ours.shape)
            raise UserError(f"{stage} has the shape {found} instead of {wanted} or a part of it")
        differences[stage] = float(np.max(np.abs(ours[cut] - theirs)))
    return differences


def _check_inputs(config, gan, expected):
    """UserError where these networks can't take an input of `expected`, see `parity`."""
    hop, window = config.hop_length, config.window_frames
    shapes = {
        "waveform": (f"({window} n + 3) * {hop}", 2),  # whole windows of frames
        "coordinates": ("pieces", gan.config.critic_window, gan.config.coordinate_size),
        "critic_input": ("pieces", 1, gan.config.critic_window, gan.latent_size),
    }
    for name, wanted in shapes.items():
        found = _array(expected, name).shape
        fits = found[1:] == wanted[1:] and found[0]
        if fits and name == "waveform":
            n_frames = found[0] // hop - 3
            fits = n_frames > 0 and n_frames % window == 0
        if not fits:
            raise UserError(f"{name} has the shape {_sizes(found)} instead of {_sizes(wanted)}")


def _array(expected, name):
    """An array of `expected`; UserError where it is missing or not of finite float32."""
    if name not in expected:
        raise UserError(f"{name} is missing")
    if expected[name].dtype != np.float32:
        raise UserError(f"{name} holds {expected[name].dtype} instead of float32")
    if not np.isfinite(expected[name]).all():
        raise UserError(f"{name} holds values that are no numbers")
    return expected[name]


def _sizes(shape):
    return f"[{', '.join(map(str, shape))}]"


def _results(autoencoder, gan, expected):
    """Our results by stage, from the waveform `[samples, 2]`, coordinates and critic's input of `expected`."""
    from musika_tf.audio import spectrogram

    def synthesis(latents):  # [n, 2 * latent_size] -> [(16 n + 3) * hop, 2], edges left to fade, clipped as published
        sides = np.stack(np.split(latents, 2, axis=-1))  # [2, n, latent_size]
        decoded = autoencoder.decode1(autoencoder.decode2(sides))
        return np.clip(spectrogram.inverse(*decoded, autoencoder.config).numpy().T, -1.0, 1.0)

    magnitude = spectrogram.log_magnitude(expected["waveform"].T, autoencoder.config)  # [2, frames, bins]
    level1 = autoencoder.encode1(magnitude)
    latents = np.concatenate(list(autoencoder.encode2(level1).numpy()), axis=-1)  # [n, 2 * latent_size]
    coordinates = expected["coordinates"]  # [pieces, critic_window, channels]
    windows = coordinates.reshape(-1, gan.config.window, coordinates.shape[-1])
    generated = gan.generate(windows).numpy().reshape(len(coordinates), 1, gan.config.critic_window, gan.latent_size)
    return {
        "spectrogram": magnitude.numpy(),
        "level1_latents": level1.numpy(),
        "latents": latents,
        "decoded_waveform": synthesis(latents),
        "generated_latents": generated,
        "generated_waveform": synthesis(generated[0, 0]),
        "critic_output": gan.critic(expected["critic_input"][:, 0])[0].numpy(),
    }


def read_expected(path):
    """The arrays of an expected.npz, which the published code made for `parity`; UserError where there is none."""
    if not path.is_file():
        raise UserError(f"{path}: missing; {PUBLISHED}")
    try:
        return npz.read(path)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: no .npz archive, or a damaged one ({reason}); {PUBLISHED}") from error


def save_bundle(checkpoint_dir, bundle_dir):
    """Writes the checkpoint's networks as a bundle; UserError where `bundle_dir` holds anything else."""
    from musika_tf.conditioning.conditioner import Conditioner
    from musika_tf.model import bundle

    bundle.check_target(bundle_dir)
    autoencoder, gan = load(checkpoint_dir)
    conditioner = Conditioner([], autoencoder.config.latents_per_second)
    about = {"licence": "that of the original checkpoint", "trained_on": "unknown: imported", "steps": 0, "flags": []}
    bundle.save(bundle_dir, autoencoder, gan, conditioner, name=Path(checkpoint_dir).resolve().name, **about)
