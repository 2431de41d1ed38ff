"""The models that the operator allows: name -> bundle, loaded at first use. A visitor's text is looked up here."""

import os
import threading
from pathlib import Path

from musika_tf import facade, shipped
from musika_tf.errors import UserError
from musika_tf.hub import fetch, names
from musika_tf.model.metadata import check_generates, generates, read_metadata


class Catalogue:
    """Models by the name that visitors see.

    Args:
      bundles: what the operator names: folders, shipped models such as models/techno, or hf://user/name; the first is
        the default.
      trust: whether SavedModels of a hub are trusted.
      start: starts TensorFlow, for a checkpoint of a hub that is converted.

    Raises:
      UserError: there are none, one of them is no bundle, does not generate, or can't be had; two have one name.
    """

    def __init__(self, bundles, trust=False, start=lambda: None):
        self._folders, self._metadata, self._loaded, self._lock = {}, {}, {}, threading.Lock()
        for bundle in bundles:
            folder = fetch.fetch(bundle, trust, start) if names.is_hub_name(bundle) else shipped.find(bundle)
            metadata, name = read_metadata(folder), _public_name(bundle)
            check_generates(bundle, metadata)
            if name in self._folders:
                raise UserError(f"--models: two are called {name}; rename a folder")
            self._folders[name], self._metadata[name] = Path(folder), metadata
        if not self._folders:
            raise UserError("--models: none; name one, such as models/techno")

    @property
    def names(self):
        """The names, the default first."""
        return list(self._folders)

    def metadata(self, name):
        """The metadata of a model, a dict; UserError where there is none of this name."""
        if name not in self._metadata:
            raise UserError(f"--model={name}: no such model; there are {', '.join(self.names)}")
        return self._metadata[name]

    def loaded(self, name):
        """The facade.Model of a name if it is loaded, or else None."""
        return self._loaded.get(name)

    def load(self, name):
        """The facade.Model of a name, which takes seconds the first time; UserError as `metadata`, or damaged."""
        self.metadata(name)
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = facade.load(self._folders[name])
            return self._loaded[name]


def _public_name(bundle):
    """What visitors see of a bundle: of an absolute path, which is nobody's business, the folder's own name."""
    if names.is_hub_name(bundle) or not os.path.isabs(bundle):
        return str(bundle)
    path = Path(bundle)
    return path.parent.name if path.name == "bundle" else path.name


def default_bundles(own=None):
    """The bundles that are served where none are named: the folder `own` if it holds one, the default model, and the
    other shipped ones that generate."""
    default = shipped.default_model()
    folders = sorted(shipped.models(), key=lambda folder: folder != default)
    found = [shipped.name(folder) for folder in folders if generates(read_metadata(folder))]
    return [own, *found] if own and os.path.isdir(own) else found
