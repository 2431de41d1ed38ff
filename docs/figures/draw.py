"""Draws the figures of the docs: python docs/figures/draw.py [FOLDER]

Data comes from the default model, seed 7, by the code that generates; sizes and rates come from the configs at their
defaults.

| figure | what it shows |
|---|---|
| chain.png | one window (11.9 s) at every stage, from coordinates to waveform |
| line.png | the infinite line: windows, anchors, coordinates, and what an excerpt costs |
| gan.png | one training step of the latent GAN |
"""

import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from PIL import Image

from musika_tf import shipped
from musika_tf.audio import spectrogram
from musika_tf.config import AutoencoderConfig, GanConfig
from musika_tf.gan import coordinates
from musika_tf.model import bundle
from musika_tf.model.codec import Codec

HERE = Path(__file__).resolve().parent
SEED, TRUNCATION = 7, 2.0
INK, FAINT, BLUE, ORANGE = "#222222", "#999999", "#2a6fbb", "#d2691e"
AE, GAN = AutoencoderConfig(), GanConfig()
FRAMES_PER_SECOND = AE.sample_rate / AE.hop_length


def int64(value):
    return tf.constant(value, tf.int64)


def save(figure, folder, name):
    """Writes a figure with a small palette: flat colours and colour maps need no more."""
    buffer = BytesIO()
    figure.savefig(buffer, dpi=110, format="png", facecolor="white")
    picture = Image.open(buffer).convert("RGB").quantize(96, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    picture.save(folder / name, optimize=True)


def one_window(model, autoencoder):
    """Arrays of window 0 of piece SEED, by stage name; time is the last axis."""
    none = tf.zeros([0, 0])
    signals = model.signals(int64(SEED), int64(0), GAN.window)
    line = model.coordinates(int64(SEED), int64(SEED), int64(0), 1, TRUNCATION)[0]
    waveform = model.generate(int64(SEED), int64(SEED), int64(0), GAN.window, TRUNCATION, none)
    extended = spectrogram.extend(tf.transpose(waveform), autoencoder.config)
    magnitude = Codec(autoencoder).stereo.coded(spectrogram.stft(extended, autoencoder.config))[:1]
    return {
        "coordinates": tf.concat([line, signals / tf.reduce_max(tf.abs(signals), axis=0)], axis=-1).numpy().T,
        "latents": model.encode(waveform).numpy().T,
        "level1": autoencoder.encode1(magnitude)[0].numpy().T,
        "spectrogram": magnitude[0].numpy().T,
        "waveform": waveform[:, 0].numpy(),
    }


def draw_chain(folder, arrays):
    latents_per_second = f"{AE.latents_per_second:.2f}"
    columns = {
        "waveform": ("waveform", f"2 channels\n{AE.sample_rate:,} samples/s"),
        "spectrogram": ("magnitude, phase", f"{AE.n_bins} bins\n{FRAMES_PER_SECOND:.2f} frames/s"),
        "level1": ("level-1 latents", f"{AE.level1_size} numbers\n{FRAMES_PER_SECOND:.2f} frames/s"),
        "latents": ("latents", f"{AE.latent_size} + {2 * AE.stereo_bands} of stereo\n{latents_per_second} latents/s"),
        "coordinates": ("coordinates", f"{GAN.coordinate_size} numbers + signals\n{latents_per_second} a second"),
    }
    arrows = [("STFT", "inverse STFT"), ("encoder 1", "decoder 1"), ("encoder 2", "decoder 2"), (None, "generator")]
    figure = Figure(figsize=(12.5, 3.5))
    width, gap, left, bottom, height = 0.132, 0.075, 0.018, 0.27, 0.52
    for i, (name, (title, rate)) in enumerate(columns.items()):
        x = left + i * (width + gap)
        axes = figure.add_axes((x, bottom, width, height))
        draw_stage(axes, name, arrays[name])
        figure.text(x + width / 2, 0.86, title, ha="center", fontsize=12, color=INK, weight="bold")
        figure.text(x + width / 2, bottom - 0.04, rate, ha="center", va="top", fontsize=10, color=INK)
        if i < len(arrows):
            draw_arrows(figure, x + width, x + width + gap, *arrows[i])
    figure.text(left, 0.02, "encode  →  to train on your audio", fontsize=10.5, color=ORANGE)
    figure.text(left + 4 * (width + gap) + width, 0.02, "←  generate", fontsize=10.5, color=BLUE, ha="right")
    save(figure, folder, "chain.png")


def draw_stage(axes, name, array):
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(FAINT)
    if name == "waveform":
        columns = array[: len(array) // 400 * 400].reshape(400, -1)
        axes.fill_between(np.arange(400), columns.min(axis=1), columns.max(axis=1), color=BLUE, linewidth=0)
        axes.set_xlim(0, 400)
        axes.set_ylim(-1, 1)
        return
    if name == "spectrogram":
        limits, colours = (-0.6, 0.9), "magma"
        array = array[np.minimum(np.geomspace(2, len(array) - 1, 200).astype(int), len(array) - 1)]  # log frequency
    elif name == "coordinates":
        limits, colours = (-2, 2), "RdBu_r"
    else:
        limits, colours = (-1, 1), "RdBu_r"
    axes.imshow(array, origin="lower", aspect="auto", vmin=limits[0], vmax=limits[1], cmap=colours)


def draw_arrows(figure, left, right, there, back):
    for y, text, colour, ends in ((0.60, there, ORANGE, (left, right)), (0.44, back, BLUE, (right, left))):
        if text is None:
            continue
        begin, end = (
            (ends[0] + np.sign(ends[1] - ends[0]) * 0.006, y),
            (ends[1] - np.sign(ends[1] - ends[0]) * 0.006, y),
        )
        arrow = FancyArrowPatch(begin, end, transform=figure.transFigure, arrowstyle="-|>", mutation_scale=13)
        arrow.set(color=colour, linewidth=1.6)
        figure.add_artist(arrow)
        above = text == there
        middle = (left + right) / 2
        figure.text(
            middle,
            y + (0.025 if above else -0.03),
            text,
            ha="center",
            va="bottom" if above else "top",
            fontsize=9.5,
            color=colour,
        )


def draw_line(folder, model):
    n_windows, window, spacing = 9, GAN.window, GAN.anchor_spacing
    n = n_windows * window
    drawn = coordinates.anchor_line(GAN, int64(SEED), tf.range(n, dtype=tf.int64), TRUNCATION).numpy()
    style = coordinates.style_line(GAN, tf.constant([SEED], tf.int64), tf.ones([1, 1]), TRUNCATION).numpy()[0]
    signals = model.signals(int64(SEED), int64(0), n).numpy()
    figure = Figure(figsize=(12.5, 5.2), layout="constrained")
    top, middle = figure.subplots(2, 1, sharex=True, height_ratios=(1.0, 1.25))
    draw_anchors(top, drawn, n_windows)
    beat = signals[:, 1:2]
    rows = [drawn[:, :24], np.repeat(style[None, :24], n, axis=0), np.repeat(beat, 6, axis=1) * 2]
    middle.imshow(np.concatenate(rows, axis=1).T, aspect="auto", vmin=-2, vmax=2, cmap="RdBu_r", extent=(0, n, 54, 0))
    for y in (24, 48):
        middle.axhline(y, color=INK, linewidth=1)
    middle.set_yticks([12, 36, 51], ["anchors", "style", "beat clock"])
    for w in range(n_windows + 1):
        middle.axvline(w * window, color=INK, linewidth=0.6, alpha=0.5)
    seconds = np.arange(0, n / AE.latents_per_second, 10)
    middle.set_xticks(seconds * AE.latents_per_second, [f"{s:.0f} s" for s in seconds])
    middle.set_xlabel("position on the line", color=INK)
    middle.set_xlim(0, n)
    assert spacing == 3 * window
    save(figure, folder, "line.png")


def draw_anchors(axes, drawn, n_windows):
    window, spacing = GAN.window, GAN.anchor_spacing
    n = n_windows * window
    first, last = 30 * AE.latents_per_second, 45 * AE.latents_per_second
    for w in range(n_windows):
        touched = w * window < last and (w + 1) * window > first
        axes.axvspan(w * window, (w + 1) * window, color=BLUE, alpha=0.16 if touched else 0, linewidth=0)
        axes.axvline(w * window, color=INK, linewidth=0.6, alpha=0.5)
        axes.text((w + 0.5) * window, 3.25, f"window {w}", ha="center", va="center", fontsize=10, color=INK)
    liveliest = np.argsort(-drawn.std(axis=0))[:3]
    for channel, colour in zip(liveliest, (BLUE, ORANGE, FAINT), strict=True):
        axes.plot(np.arange(n) + 0.5, drawn[:, channel], color=colour, linewidth=1.4)
        for i in range(-(-n // spacing)):
            at = window // 2 + i * spacing
            if at < n:
                axes.plot(at, (drawn[at - 1, channel] + drawn[at, channel]) / 2, "o", color=colour, markersize=6)
    for i in range(3):
        axes.text(window // 2 + i * spacing, -3.3, f"anchor {i}", ha="center", fontsize=10, color=INK, weight="bold")
    axes.annotate("", (first, -2.35), (last, -2.35), arrowprops={"arrowstyle": "<->", "color": BLUE, "linewidth": 1.5})
    axes.text((first + last) / 2, -2.2, "--start 30s --length 15s", ha="center", va="bottom", fontsize=9.5, color=BLUE)
    axes.set_ylim(-3.6, 3.8)
    axes.set_ylabel("three channels\nof the anchors", color=INK)


def box(axes, x, y, w, h, text, colour=INK, fill="white"):
    patch = FancyBboxPatch((x, y), w, h, boxstyle="round,pad=0,rounding_size=0.08", facecolor=fill, edgecolor=colour)
    axes.add_patch(patch)
    axes.text(x + w / 2, y + h / 2, text, ha="center", va="center", fontsize=10.5, color=INK)


def arrow(axes, begin, end, colour=INK):
    axes.add_patch(FancyArrowPatch(begin, end, arrowstyle="-|>", mutation_scale=13, color=colour, linewidth=1.4))


def draw_gan(folder):
    w, pair = GAN.window, GAN.critic_window
    figure = Figure(figsize=(12.5, 4.6))
    axes = figure.add_axes((0.01, 0.01, 0.98, 0.98))
    axes.set_xlim(0, 12.5)
    axes.set_ylim(0, 4.6)
    axes.axis("off")
    # generated
    for y in (3.65, 2.75):
        box(axes, 0.1, y, 2.5, 0.7, f"coordinates of {w} latents,\nsignals of the real crop", BLUE)
        box(axes, 3.3, y, 1.6, 0.7, "generator", BLUE, "#dbe8f5")
        arrow(axes, (2.6, y + 0.35), (3.3, y + 0.35), BLUE)
        arrow(axes, (4.9, y + 0.35), (5.6, 3.55), BLUE)
    box(axes, 5.6, 3.2, 2.0, 0.7, f"{pair} latents,\ntwo windows", BLUE)
    # real
    box(axes, 0.1, 1.45, 2.5, 0.8, "a song's latents\nand signals", ORANGE)
    box(axes, 5.6, 1.5, 2.0, 0.7, f"{pair} latents,\na random crop", ORANGE)
    arrow(axes, (2.6, 1.85), (5.6, 1.85), ORANGE)
    box(axes, 0.1, 0.25, 2.5, 0.8, "another song's\nsignals", FAINT)
    box(axes, 5.6, 0.3, 2.0, 0.7, "the same crop,\nwrong signals", FAINT)
    arrow(axes, (2.6, 0.65), (5.6, 0.65), FAINT)
    arrow(axes, (6.6, 1.5), (6.6, 1.0), FAINT)
    # critic
    box(axes, 8.7, 1.3, 1.6, 1.1, "critic\n(latents and\nsignals)", INK, "#eeeeee")
    for y, colour, end in ((3.55, BLUE, 2.25), (1.85, ORANGE, 1.85), (0.65, FAINT, 1.45)):
        arrow(axes, (7.6, y), (8.7, end), colour)
    for y, text, colour, begin in (
        (3.3, "generated: reject", BLUE, 2.25),
        (1.85, "real: accept, R1", ORANGE, 1.85),
        (0.4, "mismatched: reject", FAINT, 1.45),
    ):
        arrow(axes, (10.3, begin), (10.75, y), colour)
        axes.text(10.8, y, text, va="center", fontsize=10.5, color=INK)
    save(figure, folder, "gan.png")


def main(folder):
    model, _ = bundle.load(shipped.default_model())
    autoencoder = bundle.load_networks(shipped.default_model())[0]
    draw_chain(folder, one_window(model, autoencoder))
    draw_line(folder, model)
    draw_gan(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
