"""The guide to SQL is run: its tables are made, its functions called, its statements spoken, its mistakes refused."""

import re
import tomllib
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import msgspec
import pytest
from tests.docs.pages import ROOT, blocks, tables

from vivesphere.kernel.db.broker.lexicon import FUNCTIONS
from vivesphere.kernel.db.broker.shape import DEEPEST, LONGEST_TEXT, MOST_JOINS, MOST_TOKENS
from vivesphere.sdk import PluginError
from vivesphere.sdk.manifest import Manifest
from vivesphere.sdk.testing import FakeClock
from vivesphere.sdk.testing_sql import SqlInTest

GUIDE = ROOT / "docs/guides/sql.md"


def of_language(language: str) -> list[str]:
    return [block.text for block in blocks(GUIDE) if block.info == language]


@pytest.fixture
async def sql() -> AsyncIterator[SqlInTest]:
    """The tables of the guide, in a database."""
    (text,) = of_language("toml")
    told = {"id": "books", "name": "Books", "version": "1.0", "description": "Of the guide.", **tomllib.loads(text)}
    made = SqlInTest(msgspec.convert(told, Manifest), FakeClock())
    yield made
    await made.close()


class Context:
    def __init__(self, sql: SqlInTest) -> None:
        self.sql = sql


async def test_the_functions_of_the_guide_do_what_it_says(sql: SqlInTest) -> None:
    guide: Any = ModuleType("guide")
    for text in of_language("python"):
        exec(compile(text, str(GUIDE), "exec"), vars(guide))  # noqa: S102 - what the page tells people to write
    context = Context(sql)
    assert [await guide.add(context, title) for title in ("Emma", "Persuasion", "Emma")] == ["kept", "kept", "known"]
    assert await guide.longest(context) == (("Emma", 0), ("Persuasion", 0))


async def test_every_statement_that_can_be_written_runs(sql: SqlInTest) -> None:
    (text,) = of_language("text")
    for statement in text.splitlines():
        await sql.execute(statement)


async def test_every_statement_that_cannot_be_written_is_refused(sql: SqlInTest) -> None:
    written = [code for row in tables(GUIDE) for code in re.findall(r"`([^`]+)`", row[0])]
    assert len(written) > 10
    for statement in written:
        with pytest.raises(PluginError):
            await sql.execute(statement)


def test_what_the_guide_lists_is_what_there_is() -> None:
    text = " ".join(GUIDE.read_text(encoding="utf-8").split())
    assert f"The functions are {', '.join(sorted(FUNCTIONS)).lower()};" in text
    assert f"at most {LONGEST_TEXT:,} characters, {MOST_TOKENS:,} words and signs, {DEEPEST} levels" in text
    assert f"of parentheses and {MOST_JOINS} joins" in text
