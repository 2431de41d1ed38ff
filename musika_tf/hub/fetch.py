"""hf://user/name -> a folder with a bundle: asked for, downloaded, checked, and kept for the next time.

A SavedModel holds a graph of TensorFlow's operations, among them some that read and write files: to load one is to run
a stranger's program. So bundles of a hub are refused until their user says that they trust it. The checkpoints of the
published implementation are weights alone: the bundle made of them has a graph of this package.
"""

import contextlib
import logging
import shutil
from pathlib import Path, PurePosixPath

from musika_tf import atomic, lock
from musika_tf.errors import UserError, writing
from musika_tf.hub import cache, client, names
from musika_tf.model import original
from musika_tf.model.metadata import METADATA, read_metadata

logger = logging.getLogger(__name__)

_GRAPH = "saved_model.pb"
_TOP = (METADATA, _GRAPH, "fingerprint.pb", "README.md", "NOTICE", "LICENSE")
_CODEC_REPOSITORY = "musika_ae"  # of the same user, as the published ones are
_MOST_BYTES = 8 * 2**30  # many times what the widest preset takes


def fetch(text, trust=False, start=lambda: None):
    """The folder of a bundle on a hub, of its latest commit if the hub can be reached, or else as it was last time.

    Args:
      text: hf://user/name, or hf://user/name@revision.
      trust: whether the user trusts a SavedModel of its owner.
      start: starts TensorFlow, for a checkpoint of the published implementation, which is converted.

    Raises:
      UserError: there is no such model, it is not trusted, what was downloaded is not what the hub says or no bundle
        that can be used here, or the hub can't be reached and the model is not here.
    """
    name = names.parse(text)
    entry = cache.Entry(name, name.revision) if client.is_commit(name.revision) else None
    kind = entry and entry.kind()  # a commit does not change: where it is here, nobody needs to be asked
    if not kind:
        try:
            entry, kind = _latest(name, trust, start)
        except client.Unreachable as error:
            entry = cache.remembered(name)
            kind = entry and entry.kind()
            if not kind:
                raise client.unreachable(name, error) from error
            logger.warning("%s: the hub can't be reached (%s); the copy of %s is used", name, error, entry.commit[:12])
    if kind == cache.BUNDLE and not trust:
        raise _refused(name)
    with _named(name, entry.folder):
        read_metadata(entry.folder)
    return entry.folder


def _refused(name):
    return UserError(
        f"{name}: a SavedModel from a hub is a program that can read and write your files; "
        "add --trust (in Python trust=True) if you trust its owner"
    )


def _latest(name, trust, start):
    """(cache.Entry, its kind) of a HubName as the hub has it now, downloaded if it is not here; raises as
    `client.files`."""
    commit, files = client.files(name)
    if METADATA in files and _GRAPH in files:
        if not trust:
            raise _refused(name)
        sources, entry = [(name, commit, _wanted(files))], cache.Entry(name, commit)
    elif original.GENERATOR_FILE in files:
        sources = _checkpoint(name, commit, files)
        entry = cache.Entry(name, "-".join(dict.fromkeys(commit for _, commit, _ in sources)))
    else:
        raise UserError(
            f"{name}: no bundle ({METADATA}, {_GRAPH}), and no checkpoint of the published implementation "
            f"({original.GENERATOR_FILE})"
        )
    kind = entry.kind()
    if not kind:
        with lock.held(entry.lock, str(name)):
            kind = entry.kind() or _make(entry, sources, start)  # another program may just have made it
    try:
        cache.remember(name, entry.commit)
    except OSError as error:
        raise _unkept(name, error) from error
    return entry, kind


def _wanted(files):
    """The files of a bundle among all of a repository: nothing else of a stranger's is downloaded."""
    return {
        path: remote
        for path, remote in files.items()
        if path in _TOP or PurePosixPath(path).parts[:-1] == ("variables",) and ".." not in path
    }


def _checkpoint(name, commit, files):
    """[(HubName, commit, files), ...] that hold a checkpoint of the published implementation: the repository, and
    that of the autoencoder where it is not there."""
    own = {path: files[path] for path in (*original.FILES, "config.json") if path in files}
    if all(path in own for path in original.AUTOENCODER_FILES):
        return [(name, commit, own)]
    codec_name = names.HubName(name.user, _CODEC_REPOSITORY)
    codec_commit, codec_files = client.files(codec_name)
    codec = {path: codec_files[path] for path in original.AUTOENCODER_FILES if path in codec_files}
    return [(name, commit, {path: own[path] for path in own if path not in codec}), (codec_name, codec_commit, codec)]


def _make(entry, sources, start):
    """Downloads what an Entry is made of, checks it, and takes it into the cache; returns its kind. What is interrupted
    goes on."""
    name, kind = entry.name, cache.CONVERTED
    n_bytes = sum(remote.size for _, _, files in sources for remote in files.values())
    if n_bytes > _MOST_BYTES:
        raise UserError(f"{name}: {n_bytes / 1e9:.0f} GB, more than any model of this kind has; not downloaded")
    logger.info("%s: %.1f MB from the hub, kept in %s", name, n_bytes / 1e6, cache.root())
    folder = entry.part / name.name  # the folder of a checkpoint names its bundle
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for source, commit, files in sources:
            _download(source, commit, files, folder)
        if (folder / METADATA).is_file():
            kind = cache.BUNDLE
        else:
            start()
            with _named(name, folder):
                original.save_bundle(folder, entry.part / "bundle")
            folder = entry.part / "bundle"
        entry.keep(folder, kind)
        shutil.rmtree(entry.part, ignore_errors=True)
    except OSError as error:
        raise _unkept(name, error) from error
    return kind


def _download(name, commit, files, folder):
    """Downloads files that are not yet there as the hub says; METADATA first, which is small and may say enough."""
    for path in sorted(files, key=lambda path: path != METADATA):
        place = folder / path
        if place.is_file() and cache.is_as_said(place, files[path]):
            continue
        client.download(name, commit, path, folder)
        if not cache.is_as_said(place, files[path]):
            place.unlink()
            raise UserError(f"{name}: {path} is not what the hub says it is, damaged on its way; run it again")
        if path == METADATA:
            with _named(name, folder):
                read_metadata(folder)
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # the client's notes


@contextlib.contextmanager
def _named(name, folder):
    """Around what reads a folder: errors name the model on the hub in its place."""
    try:
        yield
    except UserError as error:
        text = str(error).replace(f"--bundle_dir={folder}", str(name))
        raise UserError(text.replace(str(folder), str(name))) from error


def _unkept(name, error):
    return UserError(f"{name}: can't be kept in {cache.root()} ({error.strerror}); make room, or set MUSIKA_TF_CACHE")


def pull(text, target, trust=False, start=lambda: None):
    """Copies a model of a hub to a new folder, which appears when it is complete; UserError as `fetch`, or there is
    something of that name."""
    target = Path(target)
    if target.exists() or target.is_symlink():
        raise UserError(f"--bundle_dir={target}: exists; name a new folder")
    source = fetch(text, trust, start)
    with writing(f"--bundle_dir={target}", "name another folder"):
        atomic.copy_folder(source, target)
