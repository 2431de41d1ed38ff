"""Whether a file ends where it says, for the formats of which libsndfile reads what is there without a word.

Files with uncompressed samples state their bytes; the last page of an Ogg stream carries a flag. FLAC and MP3 state a
number of samples, which is compared when they are decoded.
"""

from musika_tf.audio import containers, ogg, tags
from musika_tf.audio.source import mapped


def stated_and_there(path):
    """Bytes of samples in a file of WAV, AIFF, AU, CAF and what else `containers` knows.

    Returns:
      What the header states and what is there, the latter never more; or (0, 0) where no length is stated.
    """
    with mapped(path) as data:
        found, n_bytes = containers.stretches(data, tags.front(data)), len(data)
    if any(stretch.size is None for stretch in found):
        return 0, 0
    stated = sum(stretch.size for stretch in found)
    return stated, sum(min(stretch.size, max(n_bytes - stretch.begin, 0)) for stretch in found)


def lacks_ogg_end(path):
    """Whether a file is an Ogg stream whose last page isn't marked as the last."""
    with mapped(path) as data:
        if data[:4] != b"OggS":
            return False
        page = data.rfind(b"OggS", max(len(data) - ogg.TAIL_BYTES, 0))
        return page < 0 or page + 5 >= len(data) or not data[page + 5] & ogg.LAST
