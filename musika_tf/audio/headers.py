"""What soundfile is to be given for a file: decided by content, in the first and last bytes alone where all is well."""

from musika_tf.audio import containers, flac, mp3, ogg, tags
from musika_tf.audio.source import Source, Splice, mapped, remembered

_FORMATS = {b"fLaC": flac.find, b"OggS": ogg.find} | dict.fromkeys(containers.MAGICS, containers.find)
# What soundfile or ffmpeg knows by its first bytes, so that no frames of MP3 are looked for.
_OTHERS = (b"wvpk", b"MAC ", b"DSD ")
_MP3_NAMES = (".mp3", ".mp2", ".mp1", ".mpga", ".mpa")
# What only ffmpeg reads: where the bytes are, what they are, and the format's name.
_SIGNATURES = (
    (4, b"ftyp", "MP4 or M4A"),
    (0, (b"\xff\xf1", b"\xff\xf9"), "AAC"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "WMA"),
    (0, b"\x0b\x77", "AC-3"),
    (0, b"\x1aE\xdf\xa3", "Matroska or WebM"),
    (0, b"wvpk", "WavPack"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"DSD ", "DSD"),
    (0, (b"MPCK", b"MP+"), "Musepack"),
    (0, b"TTA1", "TTA"),
    (0, b"tBaK", "TAK"),
    (0, b".RMF", "RealAudio"),
    (0, b"#!AMR", "AMR"),
    (0, b"\x7f\xfe\x80\x01", "DTS"),
    (4, b"\xf8\x72\x6f\xba", "TrueHD"),
    (4, (b"moov", b"mdat", b"wide"), "QuickTime"),
    (0, (b".SoX", b"XoS."), "SoX"),
    (8, b"AVI ", "AVI"),
    (0, b"FLV\x01", "Flash video"),
    (0, b"OggS", "Ogg with a codec that soundfile does not read"),
    (0, b"caff", "CAF with a codec that soundfile does not read"),
)
_TS_SYNC = b"\x47"  # begins every 188 bytes
# Numbers of the codecs that soundfile reads in WAV: with these a file that it refuses is damaged.
_WAV_CODECS = (0x01, 0x02, 0x03, 0x06, 0x07, 0x11, 0x31, 0x55, 0xFFFE)


@remembered
def find(path):
    """The Source of a file; OSError where it can't be read."""
    with mapped(path) as data:
        start = tags.front(data)
        head = data[start : start + 4]
        if head in _FORMATS:
            return _FORMATS[head](data, start)
        if head in _OTHERS or data[start + 4 : start + 8] == b"ftyp":
            return Source(Splice(b"", start))
        return mp3.find(data, start, path.suffix.lower() in _MP3_NAMES) or Source(Splice(b"", start))


def signature(path):
    """The name of a format that only ffmpeg reads, by a file's first bytes; "" for others."""
    with mapped(path) as data:
        start = tags.front(data)
        head = data[start : start + 32]
        if head[:1] == _TS_SYNC and all(data[i : i + 1] == _TS_SYNC for i in range(start, len(data), 188)[:8]):
            return "MPEG transport stream"
    if head[:4] == b"RIFF" and head[8:16] == b"WAVEfmt " and int.from_bytes(head[20:22], "little") not in _WAV_CODECS:
        return "WAV with a codec that soundfile does not read"
    return next((name for place, sign, name in _SIGNATURES if head[place:].startswith(sign)), "")
