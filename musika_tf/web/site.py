"""The addresses beside the page: pieces as WAV, FLAC and picture, and the radio.

GET  /piece.wav?model=...&seed=7&length=23s     the file that generate.py writes; answers Range requests
GET  /piece.flac?..., /piece.png?...
GET  /radio.wav?model=...&station=NAME          without end
POST /radio/NAME  {"bpm": "140"}                changes what it plays
"""

import contextlib
import functools
import io
import json
import os
import re
import secrets
import tempfile
from pathlib import Path

import anyio.to_thread
import numpy as np
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from musika_tf.audio.writer import from_int16
from musika_tf.errors import UserError
from musika_tf.generate import rendering
from musika_tf.training import preview
from musika_tf.web import asking
from musika_tf.web.limits import Busy
from musika_tf.web.radio import LEAD_SECONDS, Radio, UnknownStation
from musika_tf.web.studio import Studio
from musika_tf.web.wav_file import WavFile

PICTURE_SECONDS = 23
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")
_FILE_BLOCK = 2**18
BUSY = "all places are taken; try again in a minute"


class Site:
    """What answers; within one event loop.

    Attributes:
      catalogue, limits: Catalogue and Limits.
      studio, radio: Studio and Radio.
    """

    def __init__(self, catalogue, limits):
        self.catalogue, self.limits = catalogue, limits
        self.studio, self.radio = Studio(limits), Radio(catalogue, limits)
        self._folder = tempfile.TemporaryDirectory(prefix="musika-")

    def routes(self):
        """The Starlette routes."""
        return [
            Route("/piece.wav", _answered(self.wav)),
            Route("/piece.flac", _answered(self.flac)),
            Route("/piece.png", _answered(self.picture)),
            Route("/radio.wav", _answered(self.listen)),
            Route("/radio/{station}", _answered(self.change), methods=["POST"]),
        ]

    def close(self):
        """Ends rendering, and removes what lies on disk."""
        self.studio.close()
        self._folder.cleanup()

    async def piece(self, fields, exact=False):
        """(Asked, its Piece, its WavFile) of what a visitor typed; FieldError, or Busy while its model loads."""
        asked, piece = await anyio.to_thread.run_sync(asking.parse, fields, self.catalogue, self.limits)
        model = await self._model(asked.model)
        return asked, piece, await anyio.to_thread.run_sync(WavFile, model, piece, self.studio, exact)

    async def begun(self, fields):
        """The Asked of what a visitor typed, when its beginning is there; FieldError, or Busy."""
        asked, _, file = await self.piece(fields)
        with self.studio.stream():
            await anext(file.samples())
        return asked

    async def _model(self, name):
        return self.catalogue.loaded(name) or await self.studio.run(self.catalogue.load, name)

    async def wav(self, request):
        asked, _, file = await self.piece(request.query_params, exact="download" in request.query_params)
        headers = {"Accept-Ranges": "bytes", "ETag": f'"{file.tag}"', **_attached(request, asked, "wav")}
        part = _range(request.headers, file)
        first, last = part or (0, file.size)
        if first >= last:
            return Response(status_code=416, headers={"Content-Range": f"bytes */{file.size}"})
        headers["Content-Length"] = str(last - first)
        if part:
            headers["Content-Range"] = f"bytes {first}-{last - 1}/{file.size}"
        status = 206 if part else 200
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers, media_type="audio/wav")
        return await self._stream(file.read(first, last), status, headers)

    async def flac(self, request):
        asked, piece, file = await self.piece(request.query_params, exact=True)
        headers = _attached(request, asked, "flac")
        if request.method == "HEAD":
            return Response(headers=headers, media_type="audio/flac")
        path = Path(self._folder.name) / f"{secrets.token_hex(8)}.flac"
        metadata = self.catalogue.metadata(asked.model)

        async def content():
            with rendering.writer(path, metadata, piece) as writer:
                async for _, data in file.samples():
                    if await request.is_disconnected():
                        raise _Left
                    await anyio.to_thread.run_sync(writer.write, from_int16(data))
            with open(path, "rb") as written:
                path.unlink()  # nothing is left behind, however the connection ends
                headers["Content-Length"] = str(os.fstat(written.fileno()).st_size)  # before they are sent
                while data := written.read(_FILE_BLOCK):
                    yield data

        return await self._stream(content(), 200, headers, "audio/flac")

    async def picture(self, request):
        """The log-mel spectrogram of a piece's beginning."""
        asked, piece, file = await self.piece(request.query_params)
        rate = self.catalogue.metadata(asked.model)["sample_rate"]
        if request.method == "HEAD":
            return Response(media_type="image/png")
        with self.studio.stream():
            end = min(piece.n_samples, PICTURE_SECONDS * rate)
            waveform = np.concatenate([from_int16(data) async for _, data in file.samples(0, end)])
            draw = functools.partial(_picture, waveform, rate)
            return Response(await self.studio.kept(("picture", file.tag), draw, patient=True), media_type="image/png")

    async def listen(self, request):
        fields = dict(request.query_params)
        asked, piece = await anyio.to_thread.run_sync(self.radio.parse, fields)
        model = await self._model(asked.model)
        if request.method == "HEAD":
            return Response(media_type="audio/wav")
        name = self.radio.name(fields.get("station"))

        async def sound():
            with self.radio.listening(name, model, asked, piece) as station:
                yield station.header()
                async for data in station.listen(self.studio):
                    yield data

        return await self._stream(sound(), 200, {"Cache-Control": "no-store", "X-Station": name}, n_ready=2)

    async def change(self, request):
        try:
            fields = json.loads(await request.body())
        except (ValueError, RecursionError):
            fields = None
        if not isinstance(fields, dict):
            return JSONResponse({"error": 'give JSON such as {"bpm": "140"}'}, 400)
        name = request.path_params["station"]
        asked = await anyio.to_thread.run_sync(self.radio.change, name, fields)
        return JSONResponse({"station": name, **asked.fields(), "heard_within_seconds": LEAD_SECONDS})

    async def _stream(self, chunks, status, headers, media_type="audio/wav", n_ready=1):
        """The response of an asynchronous generator of bytes, of which the first `n_ready` are there before it begins:
        what goes wrong until then can still be said."""
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(chunks.aclose)
            stack.enter_context(self.studio.stream())
            begun = [await anext(chunks) for _ in range(n_ready)]
            kept = stack.pop_all()
        return _Streamed(begun, chunks, kept, status_code=status, headers=headers, media_type=media_type)


class _Left(Exception):
    """The visitor has gone."""


class _Streamed(StreamingResponse):
    """One that gives everything back, by closing the AsyncExitStack `kept`, however it ends: sent, cut off, or
    cancelled."""

    def __init__(self, begun, chunks, kept, **options):
        self._kept = kept

        async def content():
            for data in begun:
                yield data
            async for data in chunks:
                yield data

        super().__init__(content(), **options)
        kept.push_async_callback(self.body_iterator.aclose)

    async def __call__(self, scope, receive, send):
        async with self._kept:
            await super().__call__(scope, receive, send)


def _answered(endpoint):
    """The endpoint with errors as answers: each is one line of JSON."""

    @functools.wraps(endpoint)
    async def answer(request):
        try:
            return await endpoint(request)
        except asking.FieldError as error:
            return JSONResponse({"error": str(error), "field": error.field}, 400)
        except UnknownStation as error:
            return JSONResponse({"error": str(error)}, 404)
        except UserError as error:
            return JSONResponse({"error": str(error)}, 400)
        except ClientDisconnect:  # of a body that is too long, too
            return JSONResponse({"error": "the request has no end"}, 413)
        except Busy:
            return JSONResponse({"error": BUSY}, 503, {"Retry-After": "30"})
        except _Left:
            return Response(status_code=499)

    return answer


def _attached(request, asked, extension):
    """The header that has a browser save the file, where the address says `download`."""
    if "download" not in request.query_params:
        return {}
    return {"Content-Disposition": f'attachment; filename="{asked.name()}.{extension}"'}


def _range(headers, file):
    """(first byte, one beyond the last) that a request wants; None where it names no single range, or one of another
    file; an empty range where it lies beyond the end."""
    found = _RANGE.fullmatch(headers.get("range", "").replace(" ", ""))
    is_other = headers.get("if-range", f'"{file.tag}"') != f'"{file.tag}"'
    if not found or is_other or not (found[1] or found[2]):
        return None
    if not found[1]:
        return max(file.size - int(found[2]), 0), file.size
    last = int(found[2]) + 1 if found[2] else file.size
    return int(found[1]), min(last, file.size)


def _picture(waveform, sample_rate):
    """PNG bytes."""
    buffer = io.BytesIO()
    preview.figure([waveform], sample_rate).savefig(buffer, dpi=80, format="png")
    return buffer.getvalue()
