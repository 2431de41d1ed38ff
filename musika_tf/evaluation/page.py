"""The report as one page of HTML."""

from musika_tf import html_page
from musika_tf.audio.errors import AudioFileError
from musika_tf.evaluation import excerpts, figures, report, set_rows
from musika_tf.evaluation.bootstrap import FEWEST_SONGS
from musika_tf.evaluation.tables import MISSING, bounds, folded, interval, number, table, tags
from musika_tf.html_page import text

_PLAYED = {"generated": 3, "reference": 2}  # tracks of each kind that have a player

_STYLE = """h2 { font-size: 1.2rem; border-top: 1px solid GrayText; padding-top: 1rem; margin-top: 2rem; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .2rem .7rem .2rem 0; text-align: right; white-space: nowrap; }
th:first-child { text-align: left; }
thead th { border-bottom: 1px solid GrayText; vertical-align: bottom; }
tbody th { font-weight: normal; }
svg { display: block; width: 100%; height: auto; max-width: 44rem; margin: 1rem 0; }
summary { cursor: pointer; padding: .4rem 0; }"""


def document(result, heard):
    """The page as text.

    Args:
      result: what report.json holds, see `full_report.write`.
      heard: dict of kind -> list of (label, path) of the files that may get a player.
    """
    sections = [
        _beginning(result),
        _section("What is compared", _sets(result)),
        *(
            _section(f"Distances to the reference, by {name}", _distances(result, name))
            for name in result["about"]["networks"]
        ),
        _section("Sound", _sound(result)),
        _section("Over time", _over_time(result)),
        _section("Listen", _players(heard)),
        _section("Track by track", _tracks(result)),
        _section("Files", _files(result)),
    ]
    return html_page.document(_title(result), _STYLE, "\n".join(sections))


def _title(result):
    bundle = result["about"]["bundle"]
    return f"{bundle['name'] if bundle else 'Generated music'} against real music"


def _section(title, content):
    return f"<section>\n<h2>{text(title)}</h2>\n{content}\n</section>"


def _beginning(result):
    about, versions = result["about"], result["about"]["versions"]
    names = {"musika_tf": "musika_tf", "tensorflow": "TensorFlow", "numpy": "NumPy"}
    made_by = ", ".join(f"{name} {versions[key]}" for key, name in names.items())
    bundle = about["bundle"]
    said = bundle and f"Model {bundle['name']}, {bundle['steps']} steps, {bundle['sample_rate']:,} Hz."
    model = f"<p>{text(said)}</p>" if bundle else ""
    left_out = len(result["left_out"])
    warning = f"<p>{left_out} file{'s' * (left_out != 1)} left out, see Files.</p>" if left_out else ""
    return f"<p><code>{text(about['command'])}</code></p>\n<p>{text(made_by)}</p>\n{model}{warning}"


def _sets(result):
    rows = [
        (row["name"], row["songs"], number(row["minutes"]), tags(row["first_tags"], row["songs"]))
        for row in result["sets"]
    ]
    few = [row["name"] for row in result["sets"] if row["songs"] < FEWEST_SONGS]
    note = f"<p>Fewer than {FEWEST_SONGS} songs, so no intervals: {text(', '.join(few))}.</p>" if few else ""
    return table(("set", "songs", "minutes", "MusiCNN's first tag"), rows) + note


def _distances(result, network):
    rows = [row | {"name": set_rows.measured(row)} for row in result["sets"] if row["distances"]]
    cells = [(row["name"], *_distance_cells(row["distances"][network])) for row in rows]
    head = ("set", "Frechet", "less its bias", "95 % interval", "endless sets", "R\u00b2", "song: mean", "song: median",
            "KAD", "KAD between songs")  # fmt: skip
    explained = (
        f"<p>An interval needs {FEWEST_SONGS} songs in both sets; without one, differences between sets may be chance. "
        "A distance grows as a set shrinks: compare sets of one size, or the columns without that bias. Endless sets: "
        "extrapolated; do not trust it where R\u00b2 is low. Distances of different networks do not compare. Half "
        "against half: every other song of the reference against the rest, what real music has.</p>"
    )
    first = network == result["about"]["networks"][0]
    pictures = [figures.distances(rows), figures.extrapolation(rows)] if first else []
    return "\n".join([table(head, cells), explained, *filter(None, pictures)])


def _distance_cells(found):
    frechet, endless = found["frechet"], found["frechet_infinity"] or {"distance": None, "r_squared": None}
    song = found["frechet_per_song"] or {"mean": None, "median": None}
    return (
        number(frechet["estimate"]), number(frechet["corrected"]), bounds(frechet), number(endless["distance"]),
        number(endless["r_squared"]), number(song["mean"]), number(song["median"]), number(found["kad"]),
        interval(found["kad_between_songs"], "estimate"),
    )  # fmt: skip


def _sound(result):
    names = {"pulse": "pulse", "stereo": "left/right", "loudness": "loudness, dB", "silence": "longest silence, s",
             "peak": "peak", "seams": "seams"}  # fmt: skip
    rows = [row for row in result["sets"] if row["figures"]]
    cells = [(row["name"], *(interval(row["figures"][name]) for name in names)) for row in rows]
    share = result["position_share"]
    said = "" if share is None else (
        f"<p>The position within the window explains {number(share)} of the latents' variance "
        f"(each piece's own: {number(result['position_share_per_piece'])}): near 1 every window repeats one template, "
        "in real music it is near 0. Neighbouring windows "
        f"are {number(result['neighbour_distance'])} times as far apart as other spans: 1 in real music, 0 where each "
        "window repeats the one before.</p>"
    )  # fmt: skip
    seams = f"<p>{text(report.seams_text(result['about']['seams']).capitalize())}.</p>"
    return table(("mean of the tracks", *names.values()), cells) + seams + said


def _over_time(result):
    names = {"shuffled": "shuffled", "floor": "floor", "loudness_slope": "loudness, dB a minute",
             "loudness_range": "its range, dB", "repetition": "repetition", "repetition_chance": "by chance",
             "originality": "originality", "copied": "copied"}  # fmt: skip
    notes = {"polyphony": "polyphony", "pitch_low": "lowest pitch", "pitch_high": "highest pitch",
             "sharpness": "sharpness", "note_rate": "notes a second"}  # fmt: skip
    rows = [row for row in result["sets"] if row["over_time"]]
    shown = [row for row in rows if row["kind"] != "condition"]
    lags = list(rows[0]["over_time"]["coherence"])
    lags = sorted(lags, key=float)
    coherence = [(row["name"], *(interval(row["over_time"]["coherence"][lag]) for lag in lags)) for row in rows]
    parts = [
        "<p>Coherence: the share of a piece's own similarity at 3 s that is left at a lag; 1 where a piece stays what "
        "it was, 0 where it ends up as far from itself as from other pieces.</p>",
        table(("coherence at", *(f"{lag} s" for lag in lags)), coherence),
        figures.coherence(shown),
        table(("mean of the tracks", *names.values()), [_cells(row, names) for row in rows]),
        f"<p>Originality and copied need training audio. Scale of all similarities: {text(result['about']['scale'])}."
        "</p>",
    ]
    if result["about"]["has_notes"]:
        parts.append(table(("notes, middle 24 s", *notes.values()), [_cells(row, notes) for row in rows]))
    else:
        parts.append("<p>Notes were not measured: Basic Pitch is not installed.</p>")
    return "\n".join(filter(None, parts))


def _cells(row, names):
    return row["name"], *(interval(row["over_time"][name]) for name in names)


def _players(heard):
    parts = []
    for kind, most in _PLAYED.items():
        for label, path in heard.get(kind, ())[:most]:
            try:
                sound = excerpts.address(excerpts.ogg(path, f"{kind} {label}"))
            except AudioFileError:  # it is gone meanwhile
                continue
            parts.append(f'<p>{text(kind)}: {text(label)}</p>\n<audio controls preload="none" src="{sound}"></audio>')
    return f"<p>The middle {excerpts.SECONDS} seconds.</p>\n" + "\n".join(parts)


def _tracks(result):
    names = ("seconds", "first_tag", "pulse", "stereo", "loudness", "silence", "peak", "seams", "shuffled", "floor",
             "loudness_slope", "repetition", "repetition_lag", "originality", "copied")  # fmt: skip
    return "\n".join(
        folded(
            f"{row['name']}: {len(row['tracks'])} track{'s' * (len(row['tracks']) != 1)}",
            table(
                ("track", *(name.replace("_", " ") for name in names)),
                [(track["name"], *(_cell(track[name]) for name in names)) for track in row["tracks"]],
            ),
        )
        for row in result["sets"]
        if row["tracks"]
    )


def _cell(value):
    return value if isinstance(value, str) else number(value)


def _files(result):
    left_out = [(row["name"], row["set"], row["reason"]) for row in result["left_out"]]
    bundle = result["about"]["bundle"]
    sums = [(row["name"], row["set"], row["sha256"] or MISSING) for row in result["inputs"]]
    sums += [(name, "bundle", checksum) for name, checksum in (bundle["sha256"] if bundle else {}).items()]
    return "\n".join(
        [
            table(("left out", "set", "why"), left_out) if left_out else "<p>No file was left out.</p>",
            folded(f"SHA-256 of {len(sums)} files that were read", table(("file", "set", "SHA-256"), sums)),
        ]
    )
