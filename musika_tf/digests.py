"""Digests of files, read a block at a time."""

import hashlib

_BLOCK = 2**20  # bytes


def of_file(path, hashed=None):
    """Hexadecimal digits of a file's SHA-256, or of what its bytes make of another object of hashlib; OSError where it
    can't be read."""
    hashed = hashed or hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            hashed.update(block)
    return hashed.hexdigest()
