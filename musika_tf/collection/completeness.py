"""Whether a file ends where it says, for the formats of which libsndfile reads what is there without a word.

Files with uncompressed samples state their bytes; the last page of an Ogg stream carries a flag. FLAC and MP3 state a
number of samples, which is compared when they are decoded.
"""

import mmap
import os

from musika_tf.audio import containers, tags

_LARGEST_PAGE = 65_307  # bytes of an Ogg page
_END_OF_STREAM = 4  # of a page's flags


def stated_and_there(path):
    """Bytes of samples in a file of WAV, AIFF, AU, CAF and what else `containers` knows.

    Args:
      path: any file.

    Returns:
      What the header states and what is there, the latter never more; or (0, 0) where no length is stated.

    Raises:
      OSError: the file can't be read.
    """
    with open(path, "rb") as file:
        if not (n_bytes := os.fstat(file.fileno()).st_size):
            return 0, 0
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found = containers.stretches(data, tags.front(data))
    if any(stretch.size is None for stretch in found):
        return 0, 0
    stated = sum(stretch.size for stretch in found)
    return stated, sum(min(stretch.size, max(n_bytes - stretch.begin, 0)) for stretch in found)


def lacks_ogg_end(path):
    """Whether a file is an Ogg stream whose last page isn't marked as the last.

    Raises:
      OSError: the file can't be read.
    """
    with open(path, "rb") as file:
        if file.read(4) != b"OggS":
            return False
        file.seek(max(os.fstat(file.fileno()).st_size - 2 * _LARGEST_PAGE, 0))
        pages = file.read()
    page = pages.rfind(b"OggS")
    return page < 0 or page + 5 >= len(pages) or not pages[page + 5] & _END_OF_STREAM
