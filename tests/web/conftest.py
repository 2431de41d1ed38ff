"""The site with the tiny models, for all tests of a worker."""

import time
import types

import pytest

MISSING = "the extra app is not installed: pip install -e '.[app]'"


@pytest.fixture(scope="session")
def catalogue(folder, steerable):
    """`tiny` and `steerable`, as an operator names their folders."""
    from musika_tf.web.catalogue import Catalogue

    return Catalogue([str(folder), str(steerable)])


@pytest.fixture(scope="session")
def web(catalogue):
    """A namespace of a Site, a client of it, and its address."""
    pytest.importorskip("starlette", reason=MISSING)
    from serving import site_of

    from musika_tf.web.limits import Limits

    with site_of(catalogue, Limits(longest_seconds=60)) as found:
        yield found


@pytest.fixture
def eventually():
    """Waits until a function returns what is true; fails after ten seconds."""

    def wait(function, seconds=10):
        deadline = time.monotonic() + seconds
        while not function():
            assert time.monotonic() < deadline, "it never came"
            time.sleep(0.02)

    return wait


@pytest.fixture(scope="session")
def app(catalogue):
    """The whole of it with the page: a namespace of its Site and its address."""
    pytest.importorskip("gradio", reason=MISSING)
    from serving import serving

    from musika_tf.web import serve
    from musika_tf.web.limits import Limits

    asgi = serve.create(catalogue, Limits(longest_seconds=300))
    with serving(asgi) as address:
        yield types.SimpleNamespace(site=asgi.state.site, address=address)
