"""What lies beside a corpus: sources.csv says what it is made of, NOTICE under which licences."""

import csv
import importlib.metadata
import io
import pathlib

COPYRIGHT_FILES = pathlib.Path("/usr/share/doc")
COLUMNS = ("source", "sound", "tracks", "pieces", "train_minutes", "held_out_minutes", "rms_dbfs", "peak",
           "correlation", "least_correlation", "most_correlation", "quiet_share", "packages", "licence")  # fmt: skip
HEADER = """\
Notices of the music in this folder, made by tools/render_corpus.py --kind=general.

The sound was rendered from, or is a changed copy of, what the packages below bring. Their notices follow, one
package after another. sources.csv says how much of the folder comes from which.
"""
REMARKS = {
    "sonic-pi-samples": "The README.md beside the samples adds: all are public domain by Creative Commons 0.\n\n",
    "freedoom": "Played: the songs (MIDI) in freedoom1.wad and freedoom2.wad, in other instruments and keys too.\n\n",
    "fluid-soundfont-gm": "Played: its instruments.\n\n",
}
MUSIC21 = """\
Scores of J. S. Bach, Mozart, Haydn, Beethoven, Chopin, C. P. E. Bach and Joplin, all out of copyright, in encodings
that come with music21 {version}. The pages of the chorales bear "PDF (c) Margaret Greentree"; what is played is their
notes. Encodings with a notice of their own (Clara Schumann's polonaises, CC BY-SA 4.0) are left out.
music21's corpus/license.txt:

{licence}"""


def notice(sources, copyright_files=COPYRIGHT_FILES):
    """The text of NOTICE: for each package the copyright file that Debian installs with it.

    Args:
        sources: sequence of general.Source.
        copyright_files: folder of PACKAGE/copyright.
    """
    parts = [HEADER]
    for package in dict.fromkeys(package for source in sources for package in source.packages):
        used_by = ", ".join(source.name for source in sources if package in source.packages)
        text = _music21() if package == "music21" else _copyright(copyright_files / package / "copyright")
        text = REMARKS.get(package, "") + text.rstrip()
        parts.append(f"{'=' * 78}\n{package} (in: {used_by})\n{'=' * 78}\n\n{text}\n")
    return "\n".join(parts)


def _copyright(path):
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return f"Its copyright file is not installed here; Debian's package has it as {path}."


def _music21():
    try:
        version = importlib.metadata.version("music21")
        licence = importlib.metadata.distribution("music21").locate_file("music21/corpus/license.txt").read_text()
    except (importlib.metadata.PackageNotFoundError, OSError):
        version, licence = "", "(not found in this installation)"
    return MUSIC21.format(version=version, licence=licence)


def table(sources, tracks):
    """One row per source, and one for all.

    Args:
        sources: sequence of general.Source.
        tracks: {name of source: [(split, facts of the file beside the audio)]}.

    Returns:
        List of dicts with the keys COLUMNS. Levels are means over tracks, the peak is the highest.
    """
    rows = [
        {"source": source.name, "sound": "recorded" if source.is_recorded else "rendered", **_row(tracks[source.name]),
         "packages": " ".join(source.packages), "licence": source.licence}
        for source in sources if tracks[source.name]
    ]  # fmt: skip
    everything = [track for source in sources for track in tracks[source.name]]
    return [*rows, {"source": "all", "sound": "", **_row(everything), "packages": "", "licence": ""}]


def _row(tracks):
    minutes = {"train": 0.0, "held_out": 0.0}
    for split, facts in tracks:
        minutes[split] += facts["seconds"] / 60
    sounds = [facts["sound"] for _, facts in tracks]
    correlations = [sound["correlation"] for sound in sounds]

    def mean(values):
        return sum(values) / len(values)

    return {
        "tracks": len(tracks),
        "pieces": len({piece for _, facts in tracks for piece in pieces(facts)}),
        "train_minutes": round(minutes["train"], 1),
        "held_out_minutes": round(minutes["held_out"], 1),
        "rms_dbfs": round(mean([sound["rms_dbfs"] for sound in sounds]), 1),
        "peak": max(sound["peak"] for sound in sounds),
        "correlation": round(mean(correlations), 2),
        "least_correlation": min(correlations),
        "most_correlation": max(correlations),
        "quiet_share": round(mean([sound["quiet_share"] for sound in sounds]), 4),
    }


def pieces(facts):
    """Names of the pieces in a track; a track that was drawn afresh is a piece of its own."""
    if "pieces" in facts:
        return tuple(facts["pieces"])
    if "sections" in facts:
        return tuple(section["source"] for section in facts["sections"])
    return (f"{facts['kind']} {facts['index']}",)


def as_csv(rows):
    """The table as text, columns in the order of COLUMNS."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_lines(rows):
    """The table for people: its numbers, without packages and licences."""
    shown = [name for name in COLUMNS if name not in ("packages", "licence")]
    cells = [shown, *([str(row[name]) for name in shown] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(shown))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
