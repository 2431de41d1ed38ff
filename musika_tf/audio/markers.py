"""What a WAV file tells samplers and DAWs besides its samples: marked places, a loop and a tempo; as RIFF chunks.

    cue              places, by sample
    LIST adtl labl   their names
    smpl             the samples between which to loop
    acid             tempo, beats and metre; whether they are to be looped or played once

The chunks are those of Microsoft's and IBM's "Multimedia Programming Interface and Data Specifications 1.0" (1991);
`acid` is Sonic Foundry's, of which nothing is published: its layout is that which libsndfile reads.
"""

import dataclasses
import os
import struct

_MOST = 2**32 - 1  # samples that a chunk can count
_NOTE = 60  # at which a sampler plays it as it is: middle C
_FORWARD, _FOR_EVER = 0, 0
_ONE_SHOT, _STRETCHED = 0x01, 0x04  # flags of `acid`
_ALWAYS = 0x8000  # what nobody knows the meaning of


@dataclasses.dataclass(frozen=True)
class Tempo:
    """Beats per minute of a file, how many whole beats it holds, and whether it loops, all of it being those beats."""

    bpm: float
    n_beats: int
    loops: bool
    beats_per_bar: int = 4


@dataclasses.dataclass(frozen=True)
class Markers:
    """What is known of a file; nothing by default.

    Attributes:
      cues: ((sample, name), ...), ascending; names in ASCII.
      loop_samples: the first so many samples are a loop; 0: there is none.
      tempo: Tempo, or None.
    """

    cues: tuple = ()
    loop_samples: int = 0
    tempo: Tempo | None = None

    def chunks(self, sample_rate):
        """Its RIFF chunks, bytes of an even number, b"" where nothing is known; without what 32 bits can't count."""
        cues = [(place, name) for place, name in self.cues if place <= _MOST]
        found = [_cue(cues), _labels(cues)] if cues else []
        if 0 < self.loop_samples <= _MOST:
            found.append(_sampler(self.loop_samples, sample_rate))
        if self.tempo:
            found.append(_acid(self.tempo))
        return b"".join(found)


def _chunk(name, content):
    return struct.pack("<4sI", name, len(content)) + content + b"\0" * (len(content) % 2)


def _cue(cues):
    points = (struct.pack("<II4sIII", i, place, b"data", 0, 0, place) for i, (place, _) in enumerate(cues, start=1))
    return _chunk(b"cue ", struct.pack("<I", len(cues)) + b"".join(points))


def _labels(cues):
    texts = (struct.pack("<I", i) + name.encode("ascii") + b"\0" for i, (_, name) in enumerate(cues, start=1))
    return _chunk(b"LIST", b"adtl" + b"".join(_chunk(b"labl", text) for text in texts))


def _sampler(loop_samples, sample_rate):
    head = (0, 0, round(1e9 / sample_rate), _NOTE, 0, 0, 0, 1, 0)  # maker, product, ns a sample, ..., one loop
    return _chunk(b"smpl", struct.pack("<15I", *head, 0, _FORWARD, 0, loop_samples - 1, 0, _FOR_EVER))


def _acid(tempo):
    flags = _STRETCHED if tempo.loops else _ONE_SHOT
    quarter = 4  # what counts as a beat
    content = (flags, _NOTE, _ALWAYS, 0.0, tempo.n_beats, quarter, tempo.beats_per_bar, tempo.bpm)
    return _chunk(b"acid", struct.pack("<IHHfIHHf", *content))


def append(path, chunks):
    """Adds chunks behind all others of a WAV or RF64 file that libsndfile wrote; OSError where it can't be written."""
    with open(path, "r+b") as file:
        magic = file.read(4)
        file.seek(0, os.SEEK_END)
        file.write(b"\0" * (file.tell() % 2) + chunks)
        size = file.tell() - 8
        # RF64 says its size in its first chunk, ds64, in 64 bits.
        place, layout = (20, "<Q") if magic == b"RF64" else (4, "<I")
        file.seek(place)
        file.write(struct.pack(layout, size))
