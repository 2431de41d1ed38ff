"""A site as a server on loopback, in a thread of this process."""

import contextlib
import threading
import time
import types

import httpx


@contextlib.contextmanager
def serving(app):
    """Serves an ASGI app; yields its address."""
    import uvicorn

    config = uvicorn.Config(app, "127.0.0.1", 0, log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


@contextlib.contextmanager
def site_of(catalogue, limits):
    """The addresses beside the page, without Gradio: yields a namespace of the Site, a client, and its address."""
    from starlette.applications import Starlette

    from musika_tf.web.guard import Guard
    from musika_tf.web.site import Site

    site = Site(catalogue, limits)
    with (
        contextlib.closing(site),
        serving(Guard(Starlette(routes=site.routes()), limits)) as address,
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        yield types.SimpleNamespace(site=site, client=client, address=address)
