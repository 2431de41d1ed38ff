"""Whatever byte of an `.npz` is damaged: it is read as it was written, or refused."""

import io
import zipfile

import numpy as np
import pytest

from musika_tf import npz

ARRAYS = {"a": np.arange(40, dtype=np.float32).reshape(8, 5), "text": np.array("abc"), "n": np.int64(3)}


def written(save=np.savez):
    file = io.BytesIO()
    save(file, **ARRAYS)
    return file.getvalue()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.npz"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_come_back(path, save):
    path.write_bytes(written(save))
    read = npz.read(path)
    assert list(read) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(read[name], array, strict=True)
    assert list(npz.read(path, ["n"])) == ["n"]
    with pytest.raises(ValueError, match="^b is missing$"):
        npz.read(path, ["a", "b"])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_every_damaged_byte_is_found_or_does_no_harm(path, save):
    """Every byte in turn: names may change, what is said of dates too, but no value."""
    content = written(save)
    known = [array.tobytes() for array in map(np.asarray, ARRAYS.values())]
    refused = 0
    for place, bits in enumerate(np.random.default_rng(0).integers(1, 256, len(content))):
        path.write_bytes(content[:place] + bytes([content[place] ^ bits]) + content[place + 1 :])
        try:
            read = npz.read(path)
        except (OSError, ValueError):
            refused += 1
        else:
            assert [array.tobytes() for array in read.values()] == known[: len(read)], place
    assert refused > len(content) / 2


def test_every_length_is_refused(path):
    content = written()
    for kept in range(0, len(content), 7):
        path.write_bytes(content[:kept])
        with pytest.raises(ValueError, match="."):
            npz.read(path)


def test_what_is_no_npz_is_refused(path):
    for arrays in ({"a": np.array([{}])}, {"a": np.array(["x", None])}):
        np.savez(path, **arrays)
        with pytest.raises(ValueError, match="allow_pickle=False"):
            npz.read(path)
    np.save(path.with_suffix(".npy"), ARRAYS["a"])
    path.with_suffix(".npy").rename(path)
    with pytest.raises(ValueError, match="not a zip file"):
        npz.read(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", b"anything")
    with pytest.raises(ValueError, match="magic"):
        npz.read(path)
    with pytest.raises(FileNotFoundError):
        npz.read(path.with_name("absent.npz"))
