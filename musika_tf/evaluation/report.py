"""Measures folders of audio and reconstructions, and prints what it found as tables."""

import collections
import dataclasses
import functools

import numpy as np

from musika_tf.audio import files, resampling, spectrogram
from musika_tf.config import AutoencoderConfig
from musika_tf.errors import UserError
from musika_tf.evaluation import baselines, file_sets, notes, stereo, structure
from musika_tf.frechet import between, frechet_distance, gaussian, parts

PUBLISHED = AutoencoderConfig()  # whose decoder is assumed where nothing says what made the audio
NO_DISTANCE = dict.fromkeys(("frechet_distance", "frechet_means", "frechet_covariances", "spread_within"))
SHORTEST_SECONDS = 4.5  # four beats at the slowest tempo that is searched, and one patch of MusiCNN


@dataclasses.dataclass(frozen=True)
class TrackFigures:
    """One file, measured; the figures are those of `structure` and `stereo.correlation`.

    Attributes:
      first_tag: MusiCNN's strongest tag, activations averaged over the patches.
      pulse: at the tempo in `name.json` ("bpm") where there is one.
      loudness: dB of full scale.
      silence: the longest, seconds.
      seams: None where no two windows of a decoder would meet, or nothing changes.
    """

    name: str
    seconds: float
    first_tag: str
    pulse: float
    stereo: float
    loudness: float
    silence: float
    peak: float
    seams: float | None


def compare_folders(generated, reference, network, decoder=None):
    """Measures files, and the Frechet distance of generated to reference ones.

    Args:
      generated, reference: `file_sets.FileSet`; None: no reference.
      network: `musicnn.MusiCNN`, or another callable waveform -> `Embedding` with `.tags`.
      decoder: AutoencoderConfig of what made the generated ones, None where that is not known.

    Returns:
      Dict of plain values: `frechet_distance` and its parts `frechet_means` and `frechet_covariances`, `spread_within`
      (how much the features vary within a track, over that of the reference), all None without reference;
      `first_tags` of the generated ones, `generated` and `reference` (`TrackFigures`), `seams` (`seams_of`).

    Raises:
      UserError: a file that is too short.
    """
    figures, features = _measure_tracks(generated, network, decoder or PUBLISHED)
    heard, heard_features = _measure_tracks(reference, network, decoder or PUBLISHED) if reference else ([], None)
    return {
        **(_distance(features, heard_features) if reference else NO_DISTANCE),
        "first_tags": _first_tags(figures),
        "generated": figures,
        "reference": heard,
        "seams": seams_of(decoder),
    }


def _distance(generated, reference):
    """The figures of NO_DISTANCE, of lists of features `[patches, 200]`, one for each track."""
    gaussians = [gaussian(np.concatenate(songs)) for songs in (generated, reference)]
    spreads = [np.mean([song.var(axis=0).sum() for song in songs]) for songs in (generated, reference)]
    values = between(*gaussians), *parts(*gaussians), float(spreads[0] / spreads[1]) if spreads[1] else None
    return dict(zip(NO_DISTANCE, values, strict=True))


def _first_tags(tracks):
    """How many tracks have which tag first, the most frequent before the others."""
    return dict(collections.Counter(track["first_tag"] for track in tracks).most_common())


def _measure_tracks(file_set, network, decoder):
    """List of `TrackFigures`, as dicts, and of features `[patches, 200]`."""
    figures, features = [], []
    for path, label, bpm in zip(file_set.paths, file_set.labels, file_set.bpm, strict=True):
        track, heard = measure(label, _read(path), network, bpm, decoder)
        figures.append(dataclasses.asdict(track))
        features.append(heard)
    return figures, features


def measure(name, waveform, network, bpm, decoder):
    """`TrackFigures` and features of one waveform float32 `[samples, 2]` at 44.1 kHz, whose tempo may be known;
    `decoder`: AutoencoderConfig of the seams."""
    embedding = network(waveform)
    figures = TrackFigures(
        name=name,
        seconds=len(waveform) / files.SAMPLE_RATE,
        first_tag=network.tags[int(embedding.tags.mean(axis=0).argmax())],
        pulse=structure.pulse_strength(waveform, bpm),
        stereo=stereo.correlation(waveform),
        loudness=structure.loudness(waveform),
        silence=structure.longest_silence_seconds(waveform),
        peak=structure.peak(waveform),
        seams=structure.seam_ratio(waveform, decoder),
    )
    return figures, embedding.features


def seams_of(decoder):
    """Where seams are looked for: `seconds` from one to the next, and whether that is `assumed` because the
    AutoencoderConfig is not known (None)."""
    config = decoder or PUBLISHED
    seconds = config.window_frames * config.hop_length / config.sample_rate
    return {"seconds": seconds, "assumed": decoder is None}


def seams_text(seams):
    """What `seams_of` says, as a sentence."""
    every = f"seams: change every {seams['seconds']:.4g} s over change elsewhere;"
    if seams["assumed"]:
        return f"{every} windows of the published size are assumed, nothing says which decoder made this audio"
    return f"{every} there the decoder's windows meet"


def _read(path):
    waveform = files.read(path)
    if reason := too_short(len(waveform) / files.SAMPLE_RATE):
        raise UserError(f"{path}: {reason}")
    return waveform


def too_short(seconds):
    """Why audio of this length can't be measured; "" if it can."""
    if seconds < SHORTEST_SECONDS:
        return f"{seconds:.1f} s is too short to measure, {SHORTEST_SECONDS} s are needed"
    return ""


def evaluate_autoencoder(paths, reconstruct, network, ear, decoder=None):
    """Compares ways to reconstruct held-out tracks.

    Args:
      paths: audio files that no model has seen.
      reconstruct: dict of name -> function from waveform float32 `[samples, 2]` to one at least as long.
      network: as in `compare_folders`.
      ear: `notes.BasicPitch`, or another callable waveform -> `notes.Heard`.
      decoder: AutoencoderConfig, whose seams are looked for in all of them; None: those of the published size.

    Returns:
      List of dicts, first that of the originals: `name`; `frechet_distance` to the originals; means over tracks of
      `magnitude_db` (mean abs difference of log magnitudes in dB), `seams`, `pulse`, `stereo` (correlation),
      `level_db` and `coherence` (`stereo.errors`), and `frame_f1` and `note_f1` (`notes`, of the middle 24 seconds).

    Raises:
      UserError: a track that is too short.
    """
    systems = {"original": lambda waveform: waveform, **reconstruct}
    rows, features = {name: [] for name in systems}, {name: [] for name in systems}
    for path in paths:
        waveform = _read(path)
        original = _Measured.of(waveform, ear, decoder or PUBLISHED)
        bpm = file_sets.true_bpm(path)
        for name, function in systems.items():
            made = np.asarray(function(waveform), np.float32)[: len(waveform)]
            measured = _Measured.of(made, ear, decoder or PUBLISHED)
            rows[name].append(measured.against(original) | {"pulse": structure.pulse_strength(made, bpm)})
            features[name].append(network(made).features)
    originals = np.concatenate(features["original"])
    return [
        {"name": name, "frechet_distance": frechet_distance(originals, np.concatenate(features[name]))}
        | {key: _mean([row[key] for row in rows[name]]) for key in rows[name][0]}
        for name in systems
    ]


def _mean(values):
    """Of those that are not None; None without any."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


@dataclasses.dataclass(frozen=True)
class _Measured:
    """What a reconstruction is compared by."""

    magnitude: np.ndarray
    seams: float | None
    correlation: float
    image: stereo.Image
    notes: notes.Heard

    @classmethod
    def of(cls, waveform, ear, decoder):
        """Of a waveform `[samples, 2]`."""
        return cls(
            magnitude=baselines.log_magnitude(waveform),
            seams=structure.seam_ratio(waveform, decoder),
            correlation=stereo.correlation(waveform),
            image=stereo.image(waveform),
            notes=ear(notes.excerpt(waveform)),
        )

    def against(self, original):
        """The figures that need no tempo, as `evaluate_autoencoder` names them."""
        level_error, coherence_error = stereo.errors(original.image, self.image)
        return {
            "magnitude_db": float(np.mean(np.abs(self.magnitude - original.magnitude))) * spectrogram.DB_RANGE,
            "seams": self.seams,
            "stereo": self.correlation,
            "level_db": level_error,
            "coherence": coherence_error,
            "frame_f1": notes.frame_f1(original.notes, self.notes),
            "note_f1": notes.note_f1(original.notes, self.notes),
        }


def baseline_systems():
    """What an autoencoder has to beat, as `reconstruct` of `evaluate_autoencoder`."""
    return {
        "random phase": lambda waveform: baselines.random_phase(baselines.log_magnitude(waveform), len(waveform)),
        "Griffin-Lim": lambda waveform: baselines.griffin_lim(baselines.log_magnitude(waveform), len(waveform)),
        "MP3 32 kbit/s": lambda waveform: baselines.mp3(waveform, 32),
        "MP3 64 kbit/s": lambda waveform: baselines.mp3(waveform, 64),
    }


def autoencoder_systems(autoencoder, seed=0):
    """An autoencoder's, as `reconstruct` of `evaluate_autoencoder`; `seed` of the decoders' noise.

    Waveforms come and go at 44.1 kHz; an autoencoder of another rate gets, and makes, its own.
    """
    import tensorflow as tf

    from musika_tf.model.codec import Codec

    path = Codec(autoencoder)
    seed, signature = tf.constant(seed, tf.int64), [tf.TensorSpec([None, 2], tf.float32)]
    level1 = tf.function(lambda w: path.through_level1(w, seed, 1.0), signature, autograph=False)
    whole = tf.function(lambda w: path.decode(path.encode(w), seed, 1.0), signature, autograph=False)
    systems = {
        "Griffin-Lim, level 1": lambda w: baselines.griffin_lim(level1(w)[1].numpy(), len(w)),
        "random phase, level 1": lambda w: baselines.random_phase(level1(w)[1].numpy(), len(w)),
        "level 1": lambda w: level1(w)[0].numpy(),
        "whole autoencoder": lambda w: whole(w).numpy(),
    }
    rate = autoencoder.config.sample_rate
    return {name: functools.partial(_at_rate, rate, function) for name, function in systems.items()}


def _at_rate(rate, function, waveform):
    """What a function of waveforms at `rate` Hz makes of one at 44.1 kHz, at 44.1 kHz."""
    made = function(resampling.resample(waveform, files.SAMPLE_RATE, rate))
    return resampling.resample(made, rate, files.SAMPLE_RATE)


def folders_text(result):
    """`compare_folders`' result as text: a line per generated file, then one per folder."""
    kinds = [kind for kind in ("generated", "reference") if result[kind]]
    summary = [_folder_summary(kind, result[kind]) for kind in kinds]
    lines = [
        table(result["generated"]),
        table(summary),
        *(f"MusiCNN's first tag, {kind}: {_counts(result[kind])}" for kind in kinds),
        f"Frechet distance (MusiCNN): {_distance_text(result)}",
        seams_text(result["seams"]),
    ]
    if result.get("position_share") is not None:
        shares = f"{result['position_share']:.3f} (each piece's own: {result['position_share_per_piece']:.3f})"
        lines.append(f"position within the window explains this share of the latents' variance: {shares}")
        lines.append(
            f"neighbouring windows against other spans, 1 in music: {result['neighbour_distance']:.2f} as far apart"
        )
    return "\n\n".join(lines)


def _distance_text(result):
    if result["frechet_distance"] is None:
        return "no --reference_dir"
    spread = result["spread_within"]
    within = "" if spread is None else f"; features vary {spread:.2f} times as much within a track"
    of = f"means {result['frechet_means']:.2f}, covariances {result['frechet_covariances']:.2f}"
    return f"{result['frechet_distance']:.2f} ({of}{within})"


def _counts(tracks):
    return ", ".join(f"{tag} {count} of {len(tracks)}" for tag, count in _first_tags(tracks).items())


def _folder_summary(kind, tracks):
    mean = {f"mean {key}": _mean([t[key] for t in tracks]) for key in ("pulse", "stereo", "loudness", "seams")}
    worst = {f"max {key}": max(t[key] for t in tracks) for key in ("silence", "peak")}
    return {"folder": kind, "files": len(tracks), "minutes": sum(t["seconds"] for t in tracks) / 60} | mean | worst


def table(rows):
    """Dicts with equal keys as text in columns, numbers with up to four digits."""
    cells = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    first, *others = (max(map(len, column)) for column in zip(*cells, strict=True))
    form = "  ".join([f"{{:<{first}}}", *(f"{{:>{width}}}" for width in others)])
    return "\n".join(form.format(*line) for line in cells)


def _cell(value):
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
