"""The project's Markdown, with that of its notebooks, as the tests of the docs read it."""

import dataclasses
import functools
import pathlib
import re
import shlex
import urllib.parse

import notebook_cells
from markdown_it import MarkdownIt
from paths import ROOT

_FOLDERS = ("docs", "musika_tf", "benchmarks", "baselines", "tools", "tests", "notebooks", "examples")
_SHELL = ("", "sh", "bash", "console")  # an indented block has no language
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


@dataclasses.dataclass(frozen=True)
class Block:
    """A block of code: the words after its fence, its text."""

    words: tuple
    text: str

    @property
    def language(self):
        return self.words[0] if self.words else ""

    @property
    def runs(self):
        return "run" in self.words[1:]

    def commands(self, variables):
        """The commands of a block of shell as lists of words.

        Args:
          variables: dict of the shell variables that are set before; those of this block are added.
        """
        if self.language not in _SHELL:
            return []
        found = []
        for line in self.text.replace("\\\n", " ").splitlines():
            line = re.sub(r"\$(\w+)", lambda match: variables.get(match[1], match[0]), line)
            for words in commands_in(line):
                assigned = [word for word in words if _ASSIGNMENT.match(word)]
                if len(assigned) == len(words):
                    variables.update(word.split("=", 1) for word in assigned)
                else:
                    found.append(words[next(i for i, word in enumerate(words) if not _ASSIGNMENT.match(word)) :])
        return found


@dataclasses.dataclass(frozen=True)
class Page:
    """One Markdown file, or one notebook.

    Attributes:
      path: of the file.
      links: targets of links and pictures.
      anchors: what links can point to within it.
      spans: the texts of inline code.
      bold_spans: those of them that are bold, the symptoms of troubleshooting.md.
      blocks: list of Block.
    """

    path: pathlib.Path
    links: list
    anchors: set
    spans: list
    bold_spans: list
    blocks: list

    @property
    def name(self):
        return str(self.path.relative_to(ROOT))

    def commands(self):
        """All commands, of blocks and of inline code."""
        variables = {}
        in_blocks = [words for block in self.blocks for words in block.commands(variables)]
        return in_blocks + [words for span in self.spans for words in commands_in(span)]


def commands_in(line):
    """The commands of one line of shell, without pipes and comments; none of a line that no shell would read."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:  # an apostrophe in inline code
        return []
    found = [[]]
    for word in words:
        if set(word) <= set("|&;<>()"):
            found.append([])
        elif word != "...":
            found[-1].append(word)
    return [command for command in found if command]


@functools.cache
def read(path):
    """The Page of a file."""
    page = Page(path, [], set(), [], [], [])
    tokens = MarkdownIt("commonmark").enable("table").parse(_markdown(path))
    for i, token in enumerate(tokens):
        if token.type in ("fence", "code_block"):
            page.blocks.append(Block(tuple(token.info.split()), token.content))
        elif token.type == "inline":
            _read_inline(page, token.children)
            if tokens[i - 1].type == "heading_open":
                page.anchors.add(_slug(token.children, page.anchors))
    return page


def _markdown(path):
    """The text of a file; of a notebook that of its Markdown, and the programs that it runs as a block of shell."""
    if path.suffix != ".ipynb":
        return path.read_text()
    texts = [text for kind, text in notebook_cells.cells(path) if kind == "markdown"]
    return "\n\n".join([*texts, "```sh", *map(shlex.join, notebook_cells.commands(path)), "```"])


def _read_inline(page, children):
    for before, token in zip([None, *children], children, strict=False):
        if token.type == "link_open":
            page.links.append(urllib.parse.unquote(token.attrs["href"]))
        elif token.type == "image":
            page.links.append(urllib.parse.unquote(token.attrs["src"]))
        elif token.type == "code_inline":
            page.spans.append(token.content)
            if before is not None and before.type == "strong_open":
                page.bold_spans.append(token.content)


def _slug(children, taken):
    """A heading's anchor, as GitHub and MyST make it."""
    text = "".join(child.content for child in children if child.type in ("text", "code_inline"))
    slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
    return next(name for n in range(100) if (name := f"{slug}-{n}" if n else slug) not in taken)


def pages():
    """All Markdown files and notebooks."""
    found = (path for folder in _FOLDERS for path in (ROOT / folder).rglob("*.md"))
    paths = [*ROOT.glob("*.md"), *found, *notebook_cells.PATHS]
    return [read(path) for path in sorted(paths) if "node_modules" not in path.parts]
