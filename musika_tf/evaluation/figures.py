"""The report's figures as SVG that stands in a page: text as text, in the page's own colour, the same bytes again."""

import html
import io
import re

from musika_tf.evaluation.bootstrap import FEWEST_SONGS

_INK = "#010203"  # becomes the colour of the text around
_WIDTH_INCHES = 6.4
_FLOORS = {"shuffled": "--", "floor": ":"}


def distances(rows):
    """The Frechet distance of each set with its interval; rows: dicts of the report with distances by a network's
    name, of which the first counts. None without any."""
    found = [(row["name"], next(iter(row["distances"].values()))["frechet"]) for row in rows if row["distances"]]
    found = [(name, values) for name, values in found if values["estimate"] is not None]
    if not found:
        return None

    def draw(axes):
        for i, (_, values) in enumerate(reversed(found)):
            if values["low"] is not None:
                axes.plot([values["low"], values["high"]], [i, i], linewidth=3, color="C0", alpha=0.5)
                axes.plot(values["corrected"], i, "|", markersize=12, color="C0")
            axes.plot(values["estimate"], i, "o", color="C0")
        axes.set_yticks(range(len(found)), [name for name, _ in reversed(found)])
        axes.set_ylim(-0.6, len(found) - 0.4)
        axes.set_xlabel("Frechet distance to the reference")
        axes.set_xlim(left=min(0, axes.get_xlim()[0]))

    alt = "Frechet distance of each set to the reference, with its interval where there are ten songs or more"
    return _svg(draw, 0.9 + 0.36 * len(found), alt, "distances")


def extrapolation(rows):
    """Frechet distances of subsets over 1 / patches, and the lines that lead to endless sets; None without any."""
    found = [
        (row["name"], next(iter(row["distances"].values()))["frechet_infinity"]) for row in rows if row["distances"]
    ]
    found = [(name, values) for name, values in found if values]
    if not found:
        return None

    def draw(axes):
        for i, (name, values) in enumerate(found):
            inverse = [1 / size for size in values["sizes"]]
            axes.plot(inverse, values["values"], ".", color=f"C{i % 10}", label=name)
            line = [values["distance"] + values["slope"] * x for x in (0, max(inverse))]
            axes.plot([0, max(inverse)], line, color=f"C{i % 10}", linewidth=1)
        axes.set_xlabel("1 / patches")
        axes.set_ylabel("Frechet distance")
        axes.set_xlim(left=0)

    return _svg(draw, 3.6, "Frechet distances of subsets, extrapolated to endless sets", "extrapolation")


def coherence(rows):
    """Similarity by lag of sets, beside what it is in random order and to other pieces; None where too short."""
    found = [(row["name"], row["over_time"]) for row in rows if row["over_time"]]
    found = [(name, values, _curve(values["similarity"])) for name, values in found]
    found = [entry for entry in found if entry[2]]
    if not found:
        return None

    def draw(axes):
        for i, (name, values, curve) in enumerate(found):
            lags, means, low, high = zip(*curve, strict=True)
            axes.plot(lags, means, "o-", color=f"C{i % 10}", label=name)
            if None not in low:
                axes.fill_between(lags, low, high, color=f"C{i % 10}", alpha=0.2, linewidth=0)
            for figure, style in _FLOORS.items():
                if values[figure]["mean"] is not None:
                    axes.axhline(values[figure]["mean"], linestyle=style, color=f"C{i % 10}", linewidth=1)
        axes.set_xscale("log")
        axes.set_xticks([3, 5, 10, 20, 40, 80], ["3", "5", "10", "20", "40", "80"])
        axes.set_xticks([], minor=True)
        axes.set_xlabel("lag, seconds")
        axes.set_ylabel("similarity")

    alt = (
        f"Similarity by lag; bands are 95 % intervals of {FEWEST_SONGS} songs or more; dashed: shuffled, dotted: floor"
    )
    return _svg(draw, 3.6, alt, "coherence")


def _curve(similarity):
    """(lag, mean, low, high) where there is a mean."""
    return [
        (float(lag), values["mean"], values["low"], values["high"])
        for lag, values in sorted(similarity.items(), key=lambda entry: float(entry[0]))
        if values["mean"] is not None
    ]


def _svg(draw, height, alt, salt):
    """The SVG element that `draw`, a function of axes, makes."""
    import matplotlib
    import matplotlib.style
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    colours = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    settings = {"svg.hashsalt": salt, "svg.fonttype": "none", "legend.framealpha": 0.0} | dict.fromkeys(colours, _INK)
    with matplotlib.style.context("default", after_reset=True), matplotlib.rc_context(settings):
        figure = Figure(figsize=(_WIDTH_INCHES, height), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        draw(axes)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        if axes.get_legend_handles_labels()[0]:
            figure.legend(loc="outside lower center", ncols=2)
        text = io.StringIO()
        metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(text, format="svg", transparent=True, metadata=metadata)
    return _inline(text.getvalue(), alt)


def _inline(text, alt):
    """A matplotlib SVG as an element of HTML: no declarations, no addresses, no names that nothing refers to."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text).replace("xlink:href", "href").replace(_INK, "currentColor")
    named = set(re.findall(r"#([\w-]+)", text))
    text = re.sub(r'\sid="([^"]*)"', lambda found: found[0] if found[1] in named else "", text)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    return text.replace("<svg", f'<svg role="img" aria-label="{html.escape(alt)}"', 1).strip()
