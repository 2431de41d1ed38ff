"""examples/browser in chromium: the visitor's machine makes what the bundle renders, and the page plays it."""

import exported
import numpy as np
import pytest

from benchmarks import browser

pytestmark = [
    pytest.mark.long,
    exported.needs_onnx,
    pytest.mark.skipif(browser.missing() is not None, reason=str(browser.missing())),
]


def test_the_browser_makes_what_the_bundle_renders(exported_steerable, steerable):
    made = browser.play(exported_steerable("onnx"), seed=5, n_latents=20)
    np.testing.assert_allclose(np.transpose(made["sides"]), exported.rendered(steerable, 5, 20), atol=1e-4)


def test_the_browser_refines_windows_as_the_bundle_does(tmp_path_factory):
    bundle, folder = exported.refining(tmp_path_factory)
    made = browser.play(folder, seed=5, n_latents=140)
    np.testing.assert_allclose(np.transpose(made["sides"]), exported.rendered(bundle, 5, 140), atol=1e-4)


def test_the_page_plays_and_stops(exported_steerable):
    with browser.page(exported_steerable("onnx")) as page:
        page.click("#play")
        page.wait_for_function("document.getElementById('status').textContent.includes('times real time')")
        assert page.inner_text("#play") == "Stop"
        page.click("#play")
        assert page.inner_text("#play") == "Play"


def test_a_folder_that_is_no_model_is_said_on_the_page(tmp_path):
    with browser.page(tmp_path) as page:
        page.click("#play")
        page.wait_for_function("document.getElementById('status').textContent.includes('player.json: 404')")
        assert page.inner_text("#play") == "Play"
