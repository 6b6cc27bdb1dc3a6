"""Markdown, as the reference is written in it."""

from collections.abc import Iterable

WRITTEN = "<!-- Written by `make docs` from the code; a change here is lost. -->\n\n"


def code(text: str) -> str:
    return f"`{text}`" if text else "none"


def listed(texts: Iterable[str], *, otherwise: str) -> str:
    """Names as code, one after the other; `otherwise` if there are none."""
    return ", ".join(code(text) for text in texts) or otherwise


def table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heading, tuple("---" for _ in heading), *rows]
    # A bar inside a cell would end the cell, in code too (GitHub Flavored Markdown, 4.10).
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def page(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"
