"""The page and the addresses beside it as one ASGI app, and the server that runs it."""

import contextlib
import importlib.metadata
import socket

from musika_tf.errors import UserError

EXTRA = "extra app: pip install -e '.[app]'"
_LEAVE_SECONDS = 3  # that open streams have when the server stops


def check_installed():
    """UserError where the extra is not installed."""
    try:
        importlib.metadata.version("gradio")
    except importlib.metadata.PackageNotFoundError as error:
        raise UserError(f"the page needs gradio ({EXTRA})") from error


def create(catalogue, limits):
    """The ASGI app of a Catalogue under Limits; UserError as `check_installed`."""
    check_installed()
    import gradio
    from starlette.applications import Starlette

    from musika_tf.web.guard import Guard
    from musika_tf.web.page import CSS, Page
    from musika_tf.web.site import Site

    site = Site(catalogue, limits)

    @contextlib.asynccontextmanager
    async def lifespan(app):
        try:
            yield
        finally:
            site.close()

    app = Starlette(routes=site.routes(), lifespan=lifespan)
    app.state.site = site
    gradio.mount_gradio_app(
        app, Page(site).blocks, path="/", footer_links=["api"], run_history=False, show_error=True, max_file_size=1,
        enable_monitoring=False, ssr_mode=False, css=CSS, app_kwargs={"docs_url": None, "redoc_url": None},
    )  # fmt: skip
    app.add_middleware(Guard, limits=limits)
    return app


def run(app, host, port, begun=lambda host, port: None):
    """Serves an ASGI app until a signal comes; UserError where the address can't be had. `begun` is called with host
    and port when it answers."""
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets=None):
            await super().startup(sockets)
            begun(host, sockets[0].getsockname()[1])

    config = uvicorn.Config(
        app, host, port, log_level="warning", timeout_graceful_shutdown=_LEAVE_SECONDS, server_header=False
    )
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise UserError(f"--host={host} --port={port}: can't be listened on ({error.strerror}); name others") from error
    with listening:
        Server(config).run([listening])
