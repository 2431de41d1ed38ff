"""Short previews of many seeds, and a page to pick from: players, pictures, and the command that makes more of each."""

import contextlib
import shlex
from pathlib import Path
from urllib.parse import quote

from musika_tf import atomic, durations, html_page
from musika_tf.audio import files
from musika_tf.errors import UserError, writing
from musika_tf.generate import rendering
from musika_tf.progress import Progress
from musika_tf.training import preview

PAGE = "index.html"
_ADVICE = "choose a folder that has room"

_STYLE = """section { border-top: 1px solid GrayText; padding: 1rem 0; }
h2 { font-size: 1rem; margin: 0 0 .5rem; }
img { display: block; width: 100%; }"""

_SECTION = """<section id="seed-{seed}">
<h2>Seed {seed}</h2>
<audio controls preload="none" src="{audio}"></audio>
<img src="{picture}" alt="Mel spectrogram of seed {seed}" loading="lazy">
<p><code>{command}</code></p>
</section>"""


def check_folder(folder):
    """Makes the folder of a page; UserError where it can't be."""
    folder = Path(folder)
    if folder.suffix.lower() in (".wav", ".flac", ".ogg"):
        raise UserError(f"--out={folder}: previews go into a folder; give a name without {folder.suffix}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out={folder}: can't be made ({error.strerror}); name another folder") from error


def write(folder, loaded, metadata, pieces, options):
    """Writes previews, their pictures, and after each preview the page of those that are there.

    Args:
      folder: one that exists.
      loaded, metadata: a bundle.
      pieces: dict of seed to Piece.
      options: flags to repeat in the commands.
    """
    folder, sections = Path(folder), []
    rate = metadata["sample_rate"]
    total, done = sum(piece.n_samples for piece in pieces.values()), 0
    with contextlib.closing(Progress(rate, total)) as progress:
        for seed, piece in pieces.items():
            audio, picture = (f"{metadata['name']}-{seed}{suffix}" for suffix in (".flac", ".png"))
            rendering.write(folder / audio, loaded, metadata, piece)
            with writing(folder / picture, _ADVICE):
                preview.picture(folder / picture, [files.read(folder / audio, sample_rate=rate)], rate)
            command = ["python", "generate.py", f"--seed={seed}", *options]
            sections.append((seed, audio, picture, shlex.join([*command, f"--out={metadata['name']}-{seed}.wav"])))
            seconds = durations.spoken(piece.n_samples / rate)
            with writing(folder / PAGE, _ADVICE):
                atomic.write_text(folder / PAGE, document(metadata["name"], seconds, sections))
            done += piece.n_samples
            progress(done)


def document(name, length, sections):
    """The page as text; `length` of each preview as text, `sections` a list of (seed, audio file, picture, command)."""
    texts = [
        _SECTION.format(seed=seed, audio=_link(audio), picture=_link(picture), command=html_page.text(command))
        for seed, audio, picture, command in sections
    ]
    summary = f"Previews of {length} each, {len(texts)} so far. A seed's command makes the whole piece from there on."
    return html_page.document(f"{name}: previews", _STYLE, "\n".join([f"<p>{summary}</p>", *texts]))


def _link(name):
    """A file's name, which may be no UTF-8, as a relative address."""
    return quote(name, errors="surrogateescape")
