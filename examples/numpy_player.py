"""Plays what `musika-tf export` wrote, by NumPy and ONNX Runtime or LiteRT; nothing of TensorFlow or musika_tf:

    python examples/numpy_player.py exported/techno song.wav --seed 7 --seconds 30

The samples are those of the bundle for the same seed, but for rounding; those of generate.py where it is told the same
of each signal, such as --position=0.5 there, and --given position=0.5 here.
"""

import argparse
import functools
import json
import math
import pathlib
import statistics
import wave

import numpy as np

PHILOX_ROUNDS, LOW = 10, 0xFFFFFFFF  # Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3
NORMAL = statistics.NormalDist()


def philox(counters, key):
    """Philox 4x32: counters uint32 `[n, 4]` and two numbers -> random uint32 `[n, 4]`."""
    (c0, c1, c2, c3), (k0, k1) = counters.astype(np.uint64).T, map(int, key)
    for _ in range(PHILOX_ROUNDS):
        p0, p1 = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & LOW, (p0 >> 32) ^ c3 ^ k1, p0 & LOW
        k0, k1 = (k0 + 0x9E3779B9) & LOW, (k1 + 0xBB67AE85) & LOW
    return np.stack([c0, c1, c2, c3], axis=1).astype(np.uint32)


def uniform(seed, stream, row, size):
    """Row `row` of an endless table: float32 `[blocks, 4]` in [0, 1), where 4 * blocks >= size."""
    halves = np.array([seed, stream], np.int64).view(np.uint32)[None]
    mixed = philox(halves, (0x3EC8F720, 0x02461E29))[0]
    blocks = -(-size // 4)
    places = np.uint64(row * blocks + 2**48) + np.arange(blocks, dtype=np.uint64)
    counters = np.concatenate([places[:, None].view(np.uint32), np.tile(mixed[2:], [blocks, 1])], axis=1)
    return (philox(counters, mixed[:2]) & 0x7FFFFF).astype(np.float32) / np.float32(2**23)


def normal(seed, stream, row, size):
    """N(0, 1) by Box and Muller: float32 `[size]`."""
    u = uniform(seed, stream, row, size)
    radius = np.sqrt(-2 * np.log(np.maximum(u[:, ::2], np.float32(1e-7))))
    angle = np.float32(2 * math.pi) * u[:, 1::2]
    return np.stack([np.sin(angle) * radius, np.cos(angle) * radius], axis=2).ravel()[:size]


def truncated_normal(seed, stream, row, size, bound):
    """N(0, 1) within +-bound, by inversion: float32 `[size]`."""
    tail = np.float32(math.erfc(bound / math.sqrt(2)) / 2)
    share = tail + (uniform(seed, stream, row, size).ravel()[:size] + np.float32(2.0**-24)) * (1 - 2 * tail)
    return np.array([NORMAL.inv_cdf(float(x)) for x in share], np.float32)


def network(path, inputs, outputs):
    """A function of arrays, in the order of the names `inputs`, to the list of its outputs."""
    if path.suffix == ".onnx":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # NumPy needs the core in between
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return lambda *arrays: session.run(outputs, dict(zip(inputs, arrays, strict=True)))
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(str(path)).get_signature_runner()
    return lambda *arrays: list(map(run(**dict(zip(inputs, arrays, strict=True))).get, outputs))


class Player:
    """A model. Positions are latents on its endless line.

    Args:
      styles: [(seconds, seed), ...] of styles that go over into one another; default: one, of `seed`.
      given: values of signals, such as {"tempo": 128}.
      loop: anchors after which the line begins again; default: it has no end.
    """

    def __init__(self, folder, seed=0, styles=None, truncation=2.0, given=None, loop=None):
        self.about = json.loads(pathlib.Path(folder, "player.json").read_text())
        self.seed, self.styles, self.truncation = seed, styles or [(0, seed)], truncation
        self.given, self.loop, self.streams = given or {}, loop, self.about["streams"]
        for name, facts in self.about["networks"].items():
            if not name.startswith("encoder"):
                setattr(self, name, network(pathlib.Path(folder, facts["file"]), facts["inputs"], facts["outputs"]))
        self.generated, self.latents = functools.lru_cache(3)(self.generated), functools.lru_cache(2)(self.latents)

    def looped(self, index, size):
        """A number on the line, which counts spans of `size` latents, as that of a loop's first round."""
        return index % (self.loop * self.about["anchor_spacing"] // size) if self.loop else index

    def noise(self, name, index, size=None):
        """The noise of a network's window, float32 `[1, size]`."""
        size = size or self.about["networks"][name]["inputs"]["noise"][1]
        return normal(self.seed, self.streams[f"{name}_noise"], index, size)[None]

    def coordinates(self, index):
        """Coordinates of the generator's window `index`: float32 `[1, window, channels]`."""
        window, spacing = self.about["window"], self.about["anchor_spacing"]
        positions = index * window + np.arange(window) + 0.5
        seconds = positions * self.about["samples_per_latent"] / self.about["sample_rate"]
        spans = (positions - window / 2) / spacing
        near = np.arange(math.floor(spans[0]), math.floor(spans[-1]) + 2)
        anchors = [self.drawn(self.seed, "anchors", self.looped(int(i), spacing)) for i in near]
        line = [np.interp(spans, near, column) for column in np.transpose(anchors)]
        signals = [self.signal(row, seconds) for row in self.about["conditioning"]]
        return np.concatenate([np.transpose(line), self.style(seconds), *signals], axis=1).astype(np.float32)[None]

    def drawn(self, seed, stream, row):
        """A random vector, an anchor or a style: float32 `[anchor_size]`."""
        return truncated_normal(seed, self.streams[stream], row, self.about["anchor_size"], self.truncation)

    def style(self, seconds):
        """The style at each of these times, as far from the ordinary as one alone: `[n, anchor_size]`."""
        times, seeds = zip(*self.styles, strict=True)
        weights = np.stack([np.interp(seconds, times, alone) for alone in np.eye(len(times))], axis=1)
        styles = [self.drawn(seed, "style", 0) for seed in seeds]
        return weights / np.linalg.norm(weights, axis=1, keepdims=True) @ styles

    def of_style(self, row, bound):
        """The first style's own number for a signal, within +-bound."""
        return float(truncated_normal(self.styles[0][1], self.streams["conditioning"], row, 1, bound)[0])

    def signal(self, row, seconds):
        """A conditioning signal at each of these times, as the generator sees it: `[n, channels]`."""
        low, high = self.about["tempo_range"]
        bpm = np.clip(round((low + high) / 2 + self.of_style(0, 2) / 2 * (high - low) / 2), math.ceil(low), int(high))
        bpm = self.given.get("tempo", float(np.clip(bpm, low, high)))
        if row["kind"] == "clock":
            angles = 2 * math.pi * (seconds * bpm / 60 / row["beats_per_bar"] % 1)[:, None] * row["harmonics"]
            values = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
        elif row["name"] in self.given or row["kind"] == "tempo":
            values = self.given.get(row["name"], bpm)
        elif row["kind"] == "liked":
            liking = normal(self.styles[0][1], self.streams["conditioning"], row["row"], row["n_values"])
            values = row["pieces"][liking[: len(row["pieces"])].argmax()]
        else:
            value = row["centre"] + row["spread"] * self.of_style(row["row"], 1)
            values = np.clip(value, row["lowest"], row["highest"])
        standardised = (values - np.array(row["mean"])) / row["deviation"]
        return np.broadcast_to(standardised, [len(seconds), len(row["mean"])])

    def generated(self, index):
        """The generator's window `index`: latents float32 `[window, channels]`, the refiner's noise on them, and the
        signals that they follow."""
        coordinates = self.coordinates(index)
        (made,) = self.generator(coordinates, self.noise("generator", index))
        latents = made[0] * np.float32(self.about["latent_deviation"]) + np.float32(self.about["latent_mean"])
        noise = self.noise("refiner", index, latents.size).reshape(latents.shape) if "refiner" in self.about else None
        return latents, noise, coordinates[0, :, 2 * self.about["anchor_size"] :]

    def latents(self, index):
        """Latents of window `index`, which a refiner makes of those generated and of the ends of its neighbours."""
        if "refiner" not in self.about:
            return self.generated(index)[0]
        window, margin = self.about["window"], self.about["refiner"]["margin"]
        three = [self.generated(self.looped(i, window)) for i in (index - 1, index, index + 1)]
        spans = [np.concatenate(part)[None, window - margin : 2 * window + margin] for part in zip(*three, strict=True)]
        return self.refiner(*(span for span in spans if span.size))[0][0]

    def frames(self, index):
        """Windowed frames of decoder window `index`, in time: `[2, frames, fft_length]`."""
        a, window, n = self.about, self.about["window"], self.about["window_latents"]
        positions = range(index * n - 1, index * n + n + 1)
        latents = np.stack([self.latents(self.looped(p // window, window))[p % window] for p in positions])
        noise2, noise1 = (self.noise(name, self.looped(index, n)) for name in ("decoder2", "decoder1"))
        coded, spectra = np.split(latents[1:-1], [a["latent_size"]], axis=1), []
        for channel in coded[: 1 if a["stereo"]["layout"] == "parametric" else 2]:
            (level1,) = self.decoder2(channel[None], noise2)
            magnitude, cosine, sine = (x[0] for x in self.decoder1(level1, noise1))
            decibels = magnitude * a["spectrum"]["db_range"] - a["spectrum"]["db_offset"]
            amplitude = np.sqrt(np.exp(decibels * np.float32(math.log(10) / 10)) + a["spectrum"]["floor"])
            spectra.append(amplitude * (cosine + 1j * sine))
        if len(spectra) == 1:
            spectra = self.turned(latents[:, a["latent_size"] :]) * spectra[0]
        hann = 0.5 - 0.5 * np.cos(2 * math.pi * np.arange(a["fft_length"]) / a["fft_length"])
        return np.fft.irfft(spectra, a["fft_length"]) * (hann / 1.5)

    def turned(self, parameters):
        """Parametric stereo: pans and likenesses `[m + 2, 2 * bands]` -> gain and turn of both channels, complex
        `[2, frames, bins]`."""
        a, n = self.about["stereo"], self.about["frames_per_latent"]
        centres, places = np.arange(len(parameters)), (np.arange(n * (len(parameters) - 2)) + 0.5) / n + 0.5
        between = [np.interp(places, centres, column) for column in parameters.T]
        pan, likeness = np.split(np.clip(between, -1, 1).T.astype(np.float32), 2, axis=1)
        left, right = (math.sqrt(2) * np.sin(math.pi / 4 * (1 + side * pan)) for side in (-1, 1))
        half = (1 - likeness) * (math.pi / 4)
        tilt = np.arctan2((right - left) * np.sin(half), (left + right) * np.cos(half))
        bands, turns = a["band_of_bin"], a["turns"]
        return np.stack([(gain * np.cos(angle))[:, bands] + 1j * (gain * np.sin(angle))[:, bands] * turns
                         for gain, angle in ((left, tilt + half), (right, tilt - half))])  # fmt: skip

    def stream(self, first=0, n_latents=None):
        """Yields consecutive float32 `[samples, 2]` from latent `first` on; without `n_latents` there is no end."""
        a, step = self.about, self.about["window_latents"]
        edge, tail = (a["fft_length"] - a["hop_length"]) // 2, 0.0
        start, end = first * a["samples_per_latent"], math.inf if n_latents is None else first + n_latents
        window, end = (first - 1) // step, end * a["samples_per_latent"]
        while (at := window * step * a["samples_per_latent"] - edge) < end:  # first sample that this window ends
            quarters = np.split(self.frames(window), 4, axis=2)
            waveform = sum(np.pad(q, [(0, 0), (j, 3 - j), (0, 0)]) for j, q in enumerate(quarters))
            waveform[:, :3] += tail
            tail, window, done = waveform[:, -3:], window + 1, waveform[:, :-3].reshape(2, -1)
            done = done[:, max(start - at, 0) : min(end - at, done.shape[1])]
            if done.size:
                yield self.limited(done.T).astype(np.float32)

    def limited(self, waveform):
        """Bends samples beyond the knee."""
        knee, room = self.about["limiter"]["knee"], self.about["limiter"]["ceiling"] - self.about["limiter"]["knee"]
        inside = np.clip(waveform, -knee, knee)
        return inside + room * np.tanh((waveform - inside) / room)


def parser():
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("folder")
    made.add_argument("out", help="a WAV file to write")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--seconds", type=float, default=30.0)
    made.add_argument("--given", nargs="*", default=[], metavar="SIGNAL=VALUE", help="such as tempo=128 position=0.5")
    return made


def main():
    arguments = parser().parse_args()
    given = {name: float(value) for name, value in (text.split("=") for text in arguments.given)}
    player = Player(arguments.folder, arguments.seed, given=given)
    n_samples = round(arguments.seconds * player.about["sample_rate"])
    with wave.open(arguments.out, "wb") as file:
        file.setparams((2, 2, player.about["sample_rate"], 0, "NONE", ""))
        for block in player.stream(n_latents=-(-n_samples // player.about["samples_per_latent"])):
            file.writeframes(np.round(block[: n_samples - file.tell()] * 32767).astype("<i2").tobytes())


if __name__ == "__main__":
    main()
