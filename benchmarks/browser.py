"""examples/browser in Debian's chromium, without a window; for benchmarks/export.py and its test."""

import contextlib
import functools
import http.server
import pathlib
import shutil
import tempfile
import threading

EXAMPLE = pathlib.Path(__file__).parents[1] / "examples" / "browser"
PLAY = """async ([seed, nLatents, given]) => {
  const begin = performance.now();
  const { Player } = await import("./player.js");
  const player = await Player.load("model", { seed, given });
  const sides = [[], []];
  let first;
  for await (const block of player.stream(0, nLatents)) {
    first ??= [performance.now(), block[0].length];
    block.forEach((side, i) => sides[i].push(...side));
  }
  const end = performance.now();
  return { first: (first[0] - begin) / 1000, samples: first[1], rest: (end - first[0]) / 1000, sides };
}"""


def missing():
    """What has to be installed before a page can be opened, as one line, or None."""
    if shutil.which("chromium") is None:
        return "no chromium (Debian: apt-get install chromium)"
    if not (EXAMPLE / "node_modules").is_dir():
        return "no examples/browser/node_modules (npm install --prefix examples/browser)"
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "no playwright (pip install playwright)"
    return None


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextlib.contextmanager
def page(model):
    """Opens the page with a model, a folder that `musika-tf export --format=onnx` wrote; yields playwright's Page."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as site:
        for path in [*EXAMPLE.iterdir(), pathlib.Path(model)]:
            pathlib.Path(site, path.name if path.parent == EXAMPLE else "model").symlink_to(path.resolve())
        handler = functools.partial(_Handler, directory=site)
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, sync_playwright() as tool:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            options = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]  # root, as in containers
            browser = tool.chromium.launch(executable_path=shutil.which("chromium"), args=options)
            opened = browser.new_page()
            opened.goto(f"http://127.0.0.1:{server.server_port}/index.html")
            yield opened
            browser.close()
            server.shutdown()


def play(model, seed, n_latents, given=None):
    """Renders the first latents of a piece in the page.

    Returns:
      dict: `first`, seconds to the first block, its `samples`, `rest`, seconds of all others, `sides`, two lists.
    """
    with page(model) as opened:
        return opened.evaluate(PLAY, [seed, n_latents, given or {}])
