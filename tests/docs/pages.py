"""The project's pages, taken apart: code blocks, inline code and links."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]
GENERATED = {ROOT / "docs/reference/settings.md", ROOT / "docs/reference/bus.md"}


class Block(NamedTuple):
    page: str
    line: int
    info: str
    text: str


class Mention(NamedTuple):
    page: str
    text: str


def pages() -> list[Path]:
    """Every Markdown file of the project itself."""
    folders = [ROOT, *(ROOT / "docs").rglob("*/"), *(ROOT / "plugins").rglob("*/")]
    return sorted({page for folder in folders for page in folder.glob("*.md")})


def written() -> list[Path]:
    """Those that a person wrote."""
    return [page for page in pages() if page not in GENERATED]


def blocks(*only: Path) -> list[Block]:
    return [
        Block(shown(page), token.map[0] + 1 if token.map else 0, token.info.strip(), token.content)
        for page in only or written()
        for token in tokens(page)
        if token.type == "fence"
    ]


def inline_code(*only: Path) -> list[Mention]:
    return [
        Mention(shown(page), token.content)
        for page in only or written()
        for token in tokens(page)
        if token.type == "code_inline"
    ]


def links(page: Path) -> list[str]:
    found = [token.attrGet("href") or token.attrGet("src") for token in tokens(page) if token.type in {"link_open", "image"}]
    return [str(each) for each in found if each]


def tables(page: Path) -> Iterator[list[str]]:
    """Each row of every table, as the text of its cells; code marks are kept."""
    row: list[str] = []
    inside = False
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")):
        if token.type == "tr_open":
            row = []
        elif token.type in {"td_open", "td_close"}:
            inside = token.type == "td_open"
        elif token.type == "inline" and inside:
            row.append(token.content)
        elif token.type == "tr_close" and row:
            yield row


def tokens(page: Path) -> Iterator[Token]:
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")):
        yield token
        yield from token.children or ()


def shown(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def make_targets() -> set[str]:
    """What `make` itself says it can do."""
    database = subprocess.run(
        ["make", "--question", "--print-data-base", "--no-builtin-rules", "help"],  # noqa: S607 - make is what we test
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    return {
        line.split(":")[0] for line in database.splitlines() if line and line[0].isalpha() and ":" in line and "=" not in line
    }
