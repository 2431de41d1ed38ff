"""Requested against measured, as a picture."""

from pathlib import Path

import numpy as np

from musika_tf.errors import UserError

_PANEL_INCHES = 4.2
_SPREAD = 0.012  # of the settings' range: pieces of one setting side by side, so that they can be told apart
_TITLES = {"tempo": "tempo, BPM", "note_density": "note density"}


def draw(path, results):
    """A panel for each signal of each model, and one for each curve over time; `results` are dicts as --json holds
    them. UserError: there are neither pieces nor a curve in them."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    scatters = [(result, name) for result in results for name in _TITLES if name in result]
    curves = [result for result in results if "curve" in result]
    if not scatters and not curves:
        raise UserError(f"--picture={path}: nothing to draw; measure with --pieces above 0, or --curve")
    n_columns, n_rows = max(len(scatters), 1), bool(scatters) + len(curves)
    size = (_PANEL_INCHES * max(n_columns, 2 if curves else 1), _PANEL_INCHES * n_rows)
    figure = pyplot.figure(figsize=size, layout="constrained")
    grid = figure.add_gridspec(n_rows, n_columns)
    for column, (result, name) in enumerate(scatters):
        _scatter(figure.add_subplot(grid[0, column]), result, name)
    for row, result in enumerate(curves, bool(scatters)):
        _course(figure.add_subplot(grid[row, :]), result)
    figure.savefig(Path(path), dpi=110, metadata={"Software": None})
    pyplot.close(figure)


def _scatter(axes, result, name):
    rows = result[name]["pieces"]
    requested, measured = (np.array([row[key] for row in rows], np.float64) for key in ("requested", "measured"))
    apart = np.array([row.get("octave") is not None for row in rows])
    ends = np.array([requested.min(), requested.max()])
    width = 2.0 * _SPREAD * (ends[1] - ends[0])
    seeds = np.array([row["seed"] for row in rows], np.float64)
    beside = requested + width * (seeds - (1.0 + seeds.max()) / 2.0) / max(seeds.max() - 1.0, 1.0)
    axes.plot(ends, ends, color="0.6", linewidth=1, label="as asked for", zorder=1)
    axes.scatter(beside[~apart], measured[~apart], s=14, alpha=0.6, label="piece", zorder=2)
    if apart.any():
        axes.scatter(beside[apart], measured[apart], s=22, marker="x", color="C3", label="octave error", zorder=2)
    for value in np.unique(requested):
        near = measured[(requested == value) & ~apart]
        if len(near):
            style = {"color": "black", "markersize": 16, "markeredgewidth": 2, "zorder": 3}
            axes.plot(value, np.median(near), "_", **style, label="median" if value == ends[0] else None)
    alone = name == "tempo" and not result["clock"]
    axes.set_title(f"{result['model']}: {_TITLES[name]}{', without a clock' if alone else ''}")
    axes.set_xlabel("requested")
    axes.set_ylabel("measured")
    axes.legend()


def _course(axes, result):
    times, requested, measured = np.array(result["curve"]["points"]).T
    axes.plot(times / 60.0, requested, color="0.5", label="requested")
    axes.plot(times / 60.0, measured, label="measured")
    axes.set_title(f"{result['model']}: note density, correlation {result['curve']['correlation']:.2f}")
    axes.set_xlabel("minutes")
    axes.legend()
