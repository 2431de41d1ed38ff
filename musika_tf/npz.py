"""Reads `.npz` files, of which a part may be damaged."""

import io
import os
import zipfile
import zlib

import numpy as np


def read(path, names=None):
    """The arrays of an `.npz` file by name, all or those in `names`.

    An entry's checksum is tested before NumPy sees its bytes, so that what comes in is what was written.

    Raises:
      OSError: it can't be read, or refers to a place before its beginning.
      ValueError: it is damaged otherwise, no `.npz`, lacks one of `names`, or holds pickled objects.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            if missing := [name for name in names or () if name not in entries]:
                raise ValueError(f"{missing[0]} is missing")
            if any(info.compress_size > os.path.getsize(path) for info in entries.values()):
                raise ValueError("entries larger than the file")
            contents = {name: archive.read(entries[name]) for name in names or entries}
    # All that zipfile raises over damage: RuntimeError says encrypted, or compressed as NumPy never does.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise ValueError(str(error) or "cut short") from error
    return {name: np.lib.format.read_array(io.BytesIO(c), allow_pickle=False) for name, c in contents.items()}
