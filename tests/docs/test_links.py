"""Every link, anchor, path and quoted message in the Markdown files leads to something that is there."""

import ast
import configparser
import functools
import re

import pages
import pytest
from paths import ROOT

PAGES = pages.pages()
PATH = re.compile(r"(?:musika_tf|tools|tests|benchmarks|baselines|docs|flags|models|\.ci)/[\w./*-]*")


def test_the_readme_is_short_and_every_page_is_in_the_index():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 130
    index = {(ROOT / "docs" / link).resolve() for link in pages.read(ROOT / "docs" / "README.md").links}
    assert {page.path for page in PAGES if page.path.parent.name == "docs"} - index <= {ROOT / "docs" / "README.md"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for link in page.links:
        target, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", target):
            assert target.startswith("https://"), link
            continue
        path = (page.path.parent / target).resolve() if target else page.path
        assert path.exists() and path.is_relative_to(ROOT), f"{page.name}: no {link}"
        if anchor:
            assert anchor in pages.read(path).anchors, f"{page.name}: {link}: there are {pages.read(path).anchors}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_exist(page):
    for span in page.spans:
        if PATH.fullmatch(span) and not re.search("[A-Z]{3}", span.replace("README", "")):
            assert any(ROOT.glob(span.rstrip("/"))), f"{page.name}: no {span}"


def test_messages_are_those_of_the_code():
    quoted = pages.read(ROOT / "docs" / "troubleshooting.md").bold_spans
    assert len(quoted) >= 20
    for message in quoted:
        pattern = re.compile(".*".join(map(re.escape, message.split("…"))), re.DOTALL)
        assert any(map(pattern.search, texts())), f"troubleshooting.md: nothing says {message!r}"


@functools.cache
def texts():
    """All texts in the product's code, with … for what is put into them."""
    found = [(ROOT / "Makefile").read_text()]
    for path in sorted((ROOT / "musika_tf").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(re.sub(r"%[.\d]*[a-z]", "…", node.value))
    return found


def test_extras_exist():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    extras = set(setup["options.extras_require"])
    named = {
        name
        for page in PAGES
        for found in re.findall(r"\.\[([\w,]+)\]", page.path.read_text())
        for name in found.split(",")
    }
    assert named and named <= extras
