"""The page in a real browser, Debian's chromium without a window: what a visitor sees, hears and downloads."""

import pathlib
import shutil

import pytest
import tiny

from musika_tf.conditioning import curves
from musika_tf.generate import rendering
from musika_tf.web import asking
from musika_tf.web.limits import Limits
from musika_tf.web.radio import LEAD_SECONDS

pytestmark = pytest.mark.long
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra test)")
CHROMIUM = shutil.which("chromium")
WAIT = 120_000  # milliseconds: the machine may be busy
PHONE = {"width": 360, "height": 740}
_NO_PLAYER = "() => !document.querySelector('#player')"
_PLAYS = "() => { const player = document.querySelector('#player'); return player && player.currentTime > 0.5; }"


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM:
        pytest.skip("chromium is not installed (Debian: apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        with playwright.chromium.launch(executable_path=CHROMIUM, args=arguments) as chromium:
            yield chromium


def open_page(browser, address, **options):
    page = browser.new_context(**options).new_page()
    page.set_default_timeout(WAIT)
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(address)
    page.wait_for_selector("#make")
    return page


@pytest.fixture(scope="module")
def visitor(browser, app):
    """A page that stays open from test to test."""
    return open_page(browser, app.address)


def field(page, name):
    return page.locator(f"#{name} textarea, #{name} input").first


def fill(page, **texts):
    for name, text in texts.items():
        field(page, name).fill(text)


def audio(page, what, player="#player"):
    return page.evaluate(f"document.querySelector('{player}').{what}")


def test_a_wrong_value_is_told_where_it_was_typed(visitor):
    fill(visitor, bpm="60")
    visitor.click("#make")
    told = visitor.locator("#bpm", has_text="60 is outside of the range that this model was trained on, 110 to 150 BPM")
    told.wait_for()
    assert "outside" not in visitor.locator("#length").inner_text() and visitor.evaluate(_NO_PLAYER)
    fill(visitor, bpm="", length="soon")
    visitor.click("#make")
    visitor.locator("#length", has_text="soon: give a duration above 0, such as 3m57s").wait_for()


def test_23_seconds_play_and_are_the_file_of_the_command_line(visitor, app, catalogue, folder, tmp_path):
    fill(visitor, length="23s", seed="7", bpm="130")
    visitor.click("#make")
    visitor.wait_for_function(_PLAYS)
    assert audio(visitor, "duration") == 23.0 and not audio(visitor, "paused")
    visitor.evaluate("document.querySelector('#player').currentTime = 20")
    visitor.wait_for_function("() => document.querySelector('#player').currentTime > 20.3")
    visitor.wait_for_function("() => document.querySelector('#picture').naturalWidth == 960")
    assert field(visitor, "link").input_value() == f"{app.address}/?model=tiny&seed=7&length=23&bpm=130"
    assert field(visitor, "command").input_value() == (
        "python generate.py --bundle_dir=tiny --seed=7 --length=23 --bpm=130 --out=tiny-7.wav"
    )
    _, piece = asking.parse({"seed": "7", "length": "23s", "bpm": "130"}, catalogue, Limits())
    for name in ("WAV", "FLAC"):
        with visitor.expect_download() as download:
            visitor.click(f"text=Download {name}")
        path = tmp_path / f"song.{name.lower()}"
        rendering.write(path, *tiny.load(folder), piece)
        assert download.value.suggested_filename == f"tiny-7.{name.lower()}"
        assert pathlib.Path(download.value.path()).read_bytes() == path.read_bytes()
    assert visitor.errors == []


def test_another_model_has_its_own_controls_and_another_seed_is_drawn(visitor):
    assert not visitor.locator("#note_density").is_visible() and visitor.locator("#bpm").is_visible()
    visitor.click("#model input")
    visitor.get_by_role("option", name="steerable").click()
    visitor.locator("#note_density").wait_for()
    assert all(visitor.locator(f"#{name}").is_visible() for name in ("bpm", "position", "tags", "bars"))
    visitor.click("#reroll")
    visitor.wait_for_function("() => document.querySelector('#seed textarea, #seed input').value != '7'")
    assert 0 <= int(field(visitor, "seed").input_value()) < 10**6


def test_a_drawn_density_becomes_its_points(visitor):
    fill(visitor, length="60")
    box = visitor.locator("#drawn canvas").bounding_box()
    visitor.mouse.move(box["x"] + 1, box["y"] + box["height"] - 1)
    visitor.mouse.down()
    for step in range(1, 21):
        visitor.mouse.move(box["x"] + step / 20 * box["width"] - 1, box["y"] + (1 - step / 20) * box["height"] + 1)
    visitor.mouse.up()
    visitor.wait_for_function("() => document.querySelector('#note_density textarea, #note_density input').value")
    curve = curves.parse(field(visitor, "note_density").input_value(), "note_density")
    assert len(curve.times) == 12 and curve([0])[0] < 0.05 and curve([60])[0] > 0.95
    assert abs(curve([30])[0] - 0.5) < 0.03
    fill(visitor, note_density="")


def test_the_radio_follows_without_a_stop(visitor, app):
    visitor.get_by_role("tab", name="Radio").click()
    visitor.click("#start")
    visitor.wait_for_function(_PLAYS.replace("#player", "#radio"))
    (station,) = app.site.radio.stations.values()
    before = audio(visitor, "currentTime", "#radio")
    fill(visitor, bpm="145")
    field(visitor, "bpm").press("Enter")
    visitor.locator("#said", has_text="From now on: bpm 145").wait_for()
    assert dict(station.asked.steering)["bpm"] == "145"
    visitor.wait_for_function(f"() => document.querySelector('#radio').currentTime > {before + 2}")
    assert not audio(visitor, "paused", "#radio")
    # What the browser has in hand is still as before: so long does a change take to be heard.
    assert audio(visitor, "buffered.end(0)", "#radio") - audio(visitor, "currentTime", "#radio") < LEAD_SECONDS + 1.5
    fill(visitor, bpm="1")
    field(visitor, "bpm").press("Enter")
    visitor.locator("#bpm", has_text="1 is outside of the range").wait_for()
    assert dict(station.asked.steering)["bpm"] == "145"


def test_a_link_shows_the_piece_on_a_phone_beside_another_visitor(browser, app, visitor, eventually):
    phone = open_page(browser, f"{app.address}/?model=tiny&seed=8&length=5.5&bpm=140", viewport=PHONE, is_mobile=True)
    phone.wait_for_selector("#player")
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    box = phone.locator("#player").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"] and box["width"] > 250
    texts = {name: field(phone, name).input_value() for name in ("seed", "length", "bpm")}
    assert texts == {"seed": "8", "length": "5.5", "bpm": "140"}
    assert audio(phone, "src").endswith("seed=8&length=5.5&bpm=140")
    phone.wait_for_function("() => document.querySelector('#player').duration == 5.5")
    assert field(visitor, "seed").input_value() != "8"  # each has his own
    assert phone.errors == visitor.errors == []
    phone.context.close()
    visitor.context.close()
    eventually(lambda: app.site.studio.streams == 0, 30)
