"""A bundle -> a repository on a hub: the files, a card, a licence notice, and a few seconds of music to listen to."""

import json
import logging
import shutil
import tempfile
from pathlib import Path

from musika_tf.errors import UserError
from musika_tf.hub import card, client
from musika_tf.model.metadata import METADATA, generates, read_metadata

logger = logging.getLogger(__name__)

_SAMPLE_SECONDS = 20


def push(bundle_dir, name, licence="", n_samples=3, private=False):
    """Uploads a bundle in one commit, and returns the commit's identity.

    Args:
      name: HubName without a revision.
      licence: in place of the metadata's.
      n_samples: pieces of 20 s to render for the card, seeds 1, 2, ..., by TensorFlow, which has started; none of an
        autoencoder alone.

    Raises:
      UserError: no bundle, no licence, or the hub refuses.
    """
    metadata = check(bundle_dir, name, licence)
    client.check_token(name)  # before minutes of rendering
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / name.name
        try:
            stage(bundle_dir, folder, name, metadata, n_samples)
        except OSError as error:
            raise UserError(f"{temporary}: can't be written ({error.strerror}); make room in it") from error
        logger.info("%s: %.1f MB to the hub", name, _bytes(folder) / 1e6)
        return client.upload(name, folder, private)


def check(bundle_dir, name, licence=""):
    """The metadata of what would be pushed; UserError where it can't be."""
    metadata = read_metadata(bundle_dir)
    if name.revision:
        raise UserError(f"{name}: what is pushed becomes the latest; leave out @{name.revision}")
    licence = licence or metadata.get("licence")
    if not licence:
        raise UserError(f"--bundle_dir={bundle_dir}: says no licence; others need one to use it: add --licence")
    return metadata | {"licence": licence}


def stage(bundle_dir, folder, name, metadata, n_samples):
    """Makes a new folder what the repository is to be; OSError."""
    shutil.copytree(bundle_dir, folder, ignore=shutil.ignore_patterns(".*"))
    (folder / METADATA).write_text(json.dumps(metadata, indent=1) + "\n")
    if not (folder / card.NOTICE).exists():
        (folder / card.NOTICE).write_text(card.notice(metadata), encoding="utf-8")
    samples = _rendered(bundle_dir, folder, metadata, n_samples) if n_samples and generates(metadata) else []
    (folder / card.CARD).write_text(card.text(name, metadata, samples, _about(folder / card.CARD)), encoding="utf-8")


def _about(path):
    """What a bundle's own README.md says; nothing of one that is a card, of where the bundle was pulled from."""
    said = path.read_text(encoding="utf-8") if path.is_file() else ""
    return "" if said.startswith("---\n") else said


def _rendered(bundle_dir, folder, metadata, n_samples):
    """Renders the first pieces into `folder`; returns [(path in it, what it is), ...]."""
    from musika_tf.generate import rendering
    from musika_tf.generate.request import plain_piece
    from musika_tf.model import bundle

    loaded, _ = bundle.load(bundle_dir)
    (folder / "samples").mkdir()
    found = []
    for seed in range(1, n_samples + 1):
        path = f"samples/seed-{seed}.flac"
        rendering.write(folder / path, loaded, metadata, plain_piece(seed, _SAMPLE_SECONDS, {}, metadata))
        found.append((path, f"Seed {seed}"))
    return found


def _bytes(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
