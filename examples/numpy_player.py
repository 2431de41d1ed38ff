"""Plays what `musika-tf export` wrote, by NumPy and ONNX Runtime or LiteRT; nothing of TensorFlow or musika_tf:

    python examples/numpy_player.py exported/techno song.wav --seed 7 --seconds 30

The samples are those of the bundle for the same seed, but for rounding.
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


def network(path, outputs):
    """A function of arrays, in the order of the network's inputs, to the list of its outputs."""
    if path.suffix == ".onnx":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # NumPy needs the core in between
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        names = [x.name for x in session.get_inputs()]
        return lambda *arrays: session.run(outputs, dict(zip(names, arrays, strict=True)))
    from ai_edge_litert.interpreter import Interpreter

    run = (interpreter := Interpreter(str(path))).get_signature_runner()
    names = [x["name"].removeprefix("serving_default_").split(":")[0] for x in interpreter.get_input_details()]
    return lambda *arrays: [run(**dict(zip(names, arrays, strict=True)))[name] for name in outputs]


class Player:
    """A model. Positions are latents on its endless line; `given` holds values of signals, such as {"tempo": 128}."""

    def __init__(self, folder, seed=0, style_seed=None, truncation=2.0, given=None):
        self.about = json.loads(pathlib.Path(folder, "player.json").read_text())
        self.seed, self.style_seed = seed, seed if style_seed is None else style_seed
        self.truncation, self.given, self.streams = truncation, given or {}, self.about["streams"]
        for name in ("generator", "decoder2", "decoder1"):
            facts = self.about["networks"][name]
            setattr(self, name, network(pathlib.Path(folder, facts["file"]), facts["outputs"]))
        self.latents = functools.lru_cache(2)(self.latents)

    def noise(self, name, index):
        """The noise of a network's window, float32 `[1, size]`."""
        size = self.about["networks"][name]["inputs"]["noise"][1]
        return normal(self.seed, self.streams[f"{name}_noise"], index, size)[None]

    def coordinates(self, index):
        """Coordinates of the generator's window `index`: float32 `[1, window, channels]`."""
        a, positions = self.about, index * self.about["window"] + np.arange(self.about["window"])
        spans = (2 * positions + 1 - a["window"]) / (2 * a["anchor_spacing"])  # between anchors
        before, size = math.floor(spans[0]), a["anchor_size"]
        anchors = np.stack([truncated_normal(self.seed, self.streams["anchors"], before + i, size, self.truncation)
                            for i in range(math.floor(spans[-1]) - before + 2)])  # fmt: skip
        left, share = np.floor(spans).astype(int) - before, (spans % 1).astype(np.float32)[:, None]
        line = anchors[left] * (1 - share) + anchors[left + 1] * share
        style = truncated_normal(self.style_seed, self.streams["style"], 0, size, self.truncation)
        parts = [line, np.tile(style, [len(line), 1]), *(self.signal(row, positions) for row in a["conditioning"])]
        return np.concatenate(parts, axis=1).astype(np.float32)[None]

    def drawn(self, row, bound):
        """A style's own number for a signal, within +-bound."""
        return float(truncated_normal(self.style_seed, self.streams["conditioning"], row, 1, bound)[0])

    def signal(self, row, positions):
        """A conditioning signal as the generator sees it: `[n, channels]`."""
        low, high = self.about["tempo_range"]
        bpm = np.clip(round((low + high) / 2 + self.drawn(0, 2) / 2 * (high - low) / 2), math.ceil(low), int(high))
        bpm = self.given.get("tempo", float(np.clip(bpm, low, high)))
        if row["kind"] == "clock":
            seconds = (positions + 0.5) * self.about["samples_per_latent"] / self.about["sample_rate"]
            bars = seconds * bpm / 60 / row["beats_per_bar"]
            angles = 2 * math.pi * (bars % 1)[:, None] * row["harmonics"]
            values = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
        elif row["name"] in self.given or row["kind"] == "tempo":
            values = np.full([len(positions), 1], self.given.get(row["name"], bpm))
        elif row["kind"] == "liked":
            liking = normal(self.style_seed, self.streams["conditioning"], row["row"], row["n_values"])
            values = np.full([len(positions), 1], row["pieces"][liking[: len(row["pieces"])].argmax()])
        else:
            value = row["centre"] + row["spread"] * self.drawn(row["row"], 1)
            values = np.full([len(positions), 1], np.clip(value, row["lowest"][0], row["highest"][0]))
        return (values - row["mean"]) / row["deviation"]

    def latents(self, index):
        """Latents of the generator's window `index`: float32 `[window, channels]`."""
        (made,) = self.generator(self.coordinates(index), self.noise("generator", index))
        return made[0] * np.float32(self.about["latent_deviation"]) + np.float32(self.about["latent_mean"])

    def frames(self, index):
        """Windowed frames of decoder window `index`, in time: `[2, frames, fft_length]`."""
        a, window, n = self.about, self.about["window"], self.about["window_latents"]
        latents = np.stack([self.latents(p // window)[p % window] for p in range(index * n - 1, index * n + n + 1)])
        coded, spectra = np.split(latents[1:-1], [a["latent_size"]], axis=1), []
        for channel in coded[: 1 if a["stereo"]["layout"] == "parametric" else 2]:
            (level1,) = self.decoder2(channel[None], self.noise("decoder2", index))
            magnitude, cosine, sine = (x[0] for x in self.decoder1(level1, self.noise("decoder1", index)))
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
        hop, edge, tail = a["hop_length"], (a["fft_length"] - a["hop_length"]) // 2, 0.0
        start, end = first * a["samples_per_latent"], math.inf if n_latents is None else first + n_latents
        window, end = (first - 1) // step, end * a["samples_per_latent"]
        while (at := window * step * a["samples_per_latent"] - edge) < end:  # first sample that this window ends
            frames = self.frames(window)
            n = frames.shape[1]
            waveform = np.zeros([2, n + 3, hop])
            for j in range(4):
                waveform[:, j : j + n] += frames[:, :, j * hop : (j + 1) * hop]
            waveform[:, :3] += tail
            tail, window, done = waveform[:, n:], window + 1, waveform[:, :n].reshape(2, -1)
            done = done[:, max(start - at, 0) : min(end - at, n * hop)]
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
    made.add_argument("--bpm", type=float, help="for models with a beat; default: what the style draws")
    return made


def main():
    arguments = parser().parse_args()
    player = Player(arguments.folder, arguments.seed, given={"tempo": arguments.bpm} if arguments.bpm else None)
    n_samples = round(arguments.seconds * player.about["sample_rate"])
    with wave.open(arguments.out, "wb") as file:
        file.setparams((2, 2, player.about["sample_rate"], 0, "NONE", ""))
        for block in player.stream(n_latents=-(-n_samples // player.about["samples_per_latent"])):
            file.writeframes(np.round(block[: n_samples - file.tell()] * 32767).astype("<i2").tobytes())


if __name__ == "__main__":
    main()
