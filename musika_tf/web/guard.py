"""What every request passes first: sizes, paths that nobody needs, and connections that take nothing."""

import contextlib

import anyio
from starlette.responses import JSONResponse

# Of Gradio: uploads, which fill a disk; what fetches other addresses; and what no part of the page uses.
_CLOSED = ("upload", "proxy=", "stream/", "run-history", "component_server", "deep_link", "dev/", "custom_component")


class Guard:
    """ASGI middleware that applies `limits` to an `app`."""

    def __init__(self, app, limits):
        self._app, self._limits = app, limits

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        if refusal := self._refusal(scope):
            return await refusal(scope, receive, send)
        read = 0

        async def counted():
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._limits.body_bytes:  # nobody announced it
                return {"type": "http.disconnect"}
            return message

        async def timed(message):
            with anyio.fail_after(self._limits.stall_seconds):
                await send(message)

        with contextlib.suppress(TimeoutError):  # the server closes what is not complete
            await self._app(scope, counted, timed)

    def _refusal(self, scope):
        """The Response that says why this is no request for the app, or None."""
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > self._limits.body_bytes:
            return JSONResponse({"error": f"at most {self._limits.body_bytes} bytes here"}, 413)
        if len(scope["query_string"]) > self._limits.body_bytes // 4:
            return JSONResponse({"error": "too long an address"}, 414)
        if scope["path"].removeprefix("/gradio_api/").startswith(_CLOSED):
            return JSONResponse({"error": "closed here"}, 403)
        return None
