"""Pictures of the page for the docs: python tools/screenshots.py --address=http://127.0.0.1:7860

The server runs already, with models/techno. It takes Debian's chromium, playwright (extra test) and Pillow.
"""

import shutil
import sys
from pathlib import Path

from absl import flags

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from musika_tf.programs import cli

FLAGS = flags.FLAGS
flags.DEFINE_string("address", "http://127.0.0.1:7860", "of the page")
flags.DEFINE_string("folder", "docs/screenshots", "where the pictures go")
_QUERY = "/?model=models/techno&seed=7&length=23&bpm=128"
_WINDOWS = {"page": {"width": 900, "height": 1300}, "phone": {"width": 360, "height": 1300}}
_COLOURS = 64
_PATIENCE = 300_000  # milliseconds


def main(_):
    from PIL import Image
    from playwright import sync_api

    with sync_api.sync_playwright() as playwright:
        options = {"executable_path": shutil.which("chromium"), "args": ["--no-sandbox"]}
        with playwright.chromium.launch(**options) as chromium:
            for name, window in _WINDOWS.items():
                page = chromium.new_page(viewport=window)
                page.set_default_timeout(_PATIENCE)
                page.goto(FLAGS.address + _QUERY)
                page.wait_for_function("() => document.querySelector('#picture')?.naturalWidth > 0")
                page.wait_for_function("() => document.querySelector('#player').duration > 0")
                path = Path(FLAGS.folder) / f"{name}.png"
                page.screenshot(path=path, full_page=True)
                Image.open(path).convert("RGB").quantize(_COLOURS).save(path, optimize=True)


if __name__ == "__main__":
    cli.run(sys.modules[__name__])
