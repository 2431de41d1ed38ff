"""Tables, as HTML of the report's page and as Markdown, and their cells."""

from musika_tf.errors import printable
from musika_tf.html_page import text

MISSING = "-"


def number(value, digits=3):
    """A number as text, "-" where there is none."""
    if value is None:
        return MISSING
    return f"{value:.{digits}g}" if isinstance(value, float) and abs(value) < 10**digits else f"{value:.0f}"


def bounds(values):
    """`low` and `high` of a dict: "1.1 to 1.4"; "-" where there are none."""
    return MISSING if values["low"] is None else f"{number(values['low'])} to {number(values['high'])}"


def interval(values, key="mean"):
    """A number of a dict with its bounds `low` and `high`: "1.23 (1.1 to 1.4)"; "-" where there is none."""
    if values is None or values[key] is None:
        return MISSING
    return number(values[key]) + ("" if values["low"] is None else f" ({bounds(values)})")


def tags(counts, songs):
    """Dict of tag -> tracks as text: "techno 19 of 20, electronic 1 of 20"."""
    return ", ".join(f"{tag} {count} of {songs}" for tag, count in counts.items()) or MISSING


def markdown(head, rows):
    """A table in Markdown; cells are text."""
    lines = [" | ".join(printable(cell).replace("|", r"\|") for cell in row) for row in [head, *rows]]
    top, *others = (f"| {line} |" for line in lines)
    return "\n".join([top, f"|{'|'.join(['---'] * len(head))}|", *others])


def table(head, rows):
    """A table; cells are text, the first of each row its heading. It scrolls where the screen is narrow."""
    top = "".join(f"<th>{text(cell)}</th>" for cell in head)
    body = "\n".join(
        f"<tr><th>{text(first)}</th>{''.join(f'<td>{text(cell)}</td>' for cell in cells)}</tr>"
        for first, *cells in rows
    )
    return f'<div class="table"><table>\n<thead><tr>{top}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


def folded(summary, content):
    """What is shown when someone asks for it."""
    return f"<details><summary>{text(summary)}</summary>\n{content}\n</details>"
