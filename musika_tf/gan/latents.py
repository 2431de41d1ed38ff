"""The files of latents that encode.py writes, read and checked."""

import dataclasses
import logging

import numpy as np

from musika_tf import npz
from musika_tf.errors import UserError
from musika_tf.stereo.layouts import Mirror

logger = logging.getLogger(__name__)


@dataclasses.dataclass
class LatentPieces:
    """The encoded pieces that are long enough, in memory (about 20 MB an hour) or memory-mapped.

    Attributes:
      latents: list of float32 `[n, latent_size]`.
      conditioning: list of float32 `[n, n_conditioning]`, as stored.
      extractors: what read each signal off the pieces, by its name.
      mirror: None until their autoencoder is known.
    """

    latents: list
    conditioning: list
    model_id: str
    extractors: dict = dataclasses.field(default_factory=dict)
    mirror: Mirror | None = None

    @property
    def n_latents(self):
        return sum(len(piece) for piece in self.latents)

    def check_model(self, model_id, latents_dir, source):
        """UserError where these are latents of another autoencoder than that of `source`, whose identity is given."""
        if self.model_id != model_id:
            raise UserError(
                f"--latents_dir={latents_dir}: latents of model {self.model_id}, the autoencoder of {source} is "
                f"{model_id}; encode the audio with it"
            )

    def statistics(self):
        """Mean and deviation per channel, of all pieces and their mirror images, as training sees them.

        Piece by piece and in float64, so that memory-mapped ones will do.
        """
        n = 2 * self.n_latents
        mean = sum(sum(x.sum(axis=0) for x in self._both(piece)) for piece in self.latents) / n
        variance = sum(sum(np.square(x - mean).sum(axis=0) for x in self._both(piece)) for piece in self.latents) / n
        return mean.astype(np.float32), np.sqrt(variance).astype(np.float32)

    def _both(self, piece):
        """A piece and its mirror image in float64."""
        piece = np.asarray(piece, np.float64)
        return piece, self.mirror(piece)


def each_piece(paths, signals, min_latents, known):
    """Yields (latents, conditioning) of each piece that is used; arguments and errors as `load_pieces`.

    The model_id and the extractors are entered in `known`, LatentPieces, as they are found.
    """
    latent_size = None
    for path in paths:
        data = read_latents(path)
        known.model_id = known.model_id or data["model_id"]
        if data["model_id"] != known.model_id:
            raise UserError(
                f"{path}: latents of model {data['model_id']} among those of {known.model_id}; encode them apart"
            )
        latents = data["latents"]
        if reason := _useless(data, signals, min_latents):
            logger.warning("%s: %s", path, reason)
            continue
        latent_size = latent_size or latents.shape[1]
        if latents.shape[1] != latent_size:
            raise UserError(
                f"{path}: latents of {latents.shape[1]} numbers among those of {latent_size}; "
                "remove it and encode the audio again"
            )
        conditioning = _channels(path, data, signals)
        _check_extractors(path, data, signals, known.extractors)
        yield latents, conditioning


def read_latents(path, names=None):
    """The arrays of these names, by default all, in an `.npz` of encode.py.

    Returns:
      Dict: `latents` float32 `[n, latent_size]` and `conditioning_...` `[n, k]`, finite; `model_id` and `extractor_...`
      as text; `n_samples`, `sample_rate`, `audio_bytes`, `audio_modified` and `confidence_...`, arrays of one number.

    Raises:
      UserError: it is missing, damaged, or no such file; pickled objects are never read.
    """
    try:
        data = {name: _checked(name, array) for name, array in npz.read(path, names).items()}
        for name in names or ("latents", "model_id"):
            if name not in data:
                raise ValueError(f"{name} is missing")
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{path}: no latents that encode.py wrote ({reason}); remove it, and encode the audio again"
        ) from error
    return data


# Dimensions and kinds of dtype of the arrays, by name or by its first word.
_FORMS = {"latents": (2, "f"), "conditioning": (2, "f"), "flags": (1, "U"), "model_id": (0, "U"), "extractor": (0, "U")}
_FORMS |= {"confidence": (0, "f")}
_FORMS |= dict.fromkeys(("n_samples", "sample_rate", "audio_bytes", "audio_modified"), (0, "iu"))


def _checked(name, array):
    """An array of an `.npz`, as what it is by its name; ValueError where it is not."""
    kind = name if name in _FORMS else name.split("_")[0]
    n_dimensions, dtypes = _FORMS.get(kind, (array.ndim, array.dtype.kind))
    is_right = array.ndim == n_dimensions and array.dtype.kind in dtypes
    if not is_right or (kind == "latents" and array.dtype != np.float32):
        raise ValueError(f"{name} {'are' if n_dimensions else 'is'} {array.dtype} {array.shape}")
    if n_dimensions == 2 and array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name} are not all finite")
    return str(array) if kind in ("model_id", "extractor") else array


def _channels(path, data, signals):
    columns = [np.zeros([len(data["latents"]), 0], np.float32)]
    for signal in signals:
        stored = data.get(f"conditioning_{signal.stored_name}")
        if stored is None:
            wanted = ",".join(dict.fromkeys(signal.stored_name for signal in signals))
            raise UserError(f"{path}: has no signal {signal.name!r}; encode with --conditioning={wanted}")
        if len(stored) != len(data["latents"]):
            raise UserError(f"{path}: {len(stored)} values of {signal.name!r}; remove it and encode the audio again")
        picked = signal.pick(stored)
        if picked.shape[1] != signal.n_channels:
            raise UserError(
                f"{path}: {picked.shape[1]} channels of {signal.name!r}, which has {signal.n_channels}; "
                "remove it and encode the audio again"
            )
        columns.append(picked)
    return np.concatenate(columns, axis=1)


def _useless(data, signals, min_latents):
    """Why a piece can't be trained with, "" if it can (of digital silence older files don't tell)."""
    n_latents = len(data["latents"])
    if n_latents < min_latents:
        return f"left out, its {n_latents} latents are fewer than the {min_latents} of a span"
    if "silent" in data.get("flags", ()):
        return "left out, it is digital silence"
    for signal in signals:
        confidence = float(data.get(f"confidence_{signal.stored_name}", 1.0))
        if confidence < signal.least_confidence:
            return f"left out, its {signal.name} is not clear (confidence {confidence:.2f})"
    return ""


def _check_extractors(path, data, signals, known):
    """Enters the extractors of a file in `known`; refuses those of other files, since they measure differently."""
    for signal in signals:
        extractor = signal.extractor_in(data)
        if known.setdefault(signal.name, extractor) != extractor:
            raise UserError(
                f"{path}: {signal.name} by {extractor} among files where it is by {known[signal.name]}; run encode.py "
                "over all of them again, on one machine and with one --signal_source (grid, audio)"
            )
