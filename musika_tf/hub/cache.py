"""Models that were downloaded: whole, checked, and used again without a network.

    USER--NAME/
      refs/main.json         which folder the branch `main` was, when the hub was last asked
      COMMIT/                the files of a commit
      COMMIT.json            their sizes and SHA-256, written when all of them were there and as the hub says
      .COMMIT.part/          a download that is not complete, and goes on

A checkpoint of the published implementation is kept as the bundle that was made of it, in COMMIT-COMMIT of two
repositories.
"""

import hashlib
import json
import os
import shutil
import urllib.parse
from pathlib import Path

from musika_tf import atomic, digests, json_file

BUNDLE, CONVERTED = "bundle", "converted"  # what a folder is: somebody's SavedModel, or one made here of weights


def root():
    """Where downloads are kept: MUSIKA_TF_CACHE, or musika_tf in the user's cache folder."""
    if chosen := os.environ.get("MUSIKA_TF_CACHE"):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "musika_tf"


class Entry:
    """A folder of the cache, of a HubName's repository at one commit."""

    def __init__(self, name, commit):
        self.name, self.commit = name, commit
        base = _repository(name)
        self.folder, self._record = base / commit, base / f"{commit}.json"
        self.part, self.lock = base / f".{commit}.part", base / f".{commit}.lock"

    def kind(self):
        """BUNDLE or CONVERTED where all of it is here and as it was; None where it is not."""
        try:
            record = json_file.read(self._record)
            stored = {path: (size, digest) for path, (size, digest) in record["files"].items()}
            return record["kind"] if stored and stored == described(self.folder) else None
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return None

    def keep(self, folder, kind):
        """Takes a folder of checked files into the cache; OSError."""
        record = {"kind": kind, "hub": str(self.name), "files": described(folder)}
        shutil.rmtree(self.folder, ignore_errors=True)
        os.replace(folder, self.folder)
        atomic.write_text(self._record, json.dumps(record, indent=1) + "\n")


def _repository(name):
    return root() / f"{name.user}--{name.name}"


def _reference(name):
    return _repository(name) / "refs" / f"{urllib.parse.quote(name.revision or 'main', safe='')}.json"


def remember(name, commit):
    """Notes which commit a HubName means; OSError."""
    path = _reference(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(path, json.dumps({"commit": commit}) + "\n")


def remembered(name):
    """The Entry that a HubName meant when the hub was last asked, or None."""
    try:
        commit = json_file.read(_reference(name))["commit"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return Entry(name, commit)


def kept():
    """[(hf://user/name of it, its folder), ...] of all that is here, by name."""
    found = []
    for record in sorted(root().glob("*--*/*.json")):
        try:
            found.append((json_file.read(record)["hub"], record.with_suffix("")))
        except (OSError, ValueError, LookupError, TypeError):
            continue
    return found


def described(folder):
    """dict of path -> (bytes, SHA-256) of the files below a folder; OSError."""
    paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.stat().st_size, digests.of_file(path)) for path in paths}


def is_as_said(path, remote):
    """Whether a file has the size and the digest that a RemoteFile says; OSError."""
    size = path.stat().st_size
    if size != remote.size:
        return False
    if remote.sha256:
        return digests.of_file(path) == remote.sha256
    return digests.of_file(path, hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)) == remote.git_sha1
