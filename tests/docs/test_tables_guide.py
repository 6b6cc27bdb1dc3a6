"""The guide to tables is run: its commands, one after the other, against a server."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
from tests.docs.pages import ROOT, blocks, tables
from tests.docs.test_pages import commands
from tests.support.application import running

from vivesphere.kernel.db.column_types import KINDS
from vivesphere.kernel.db.filters import OPERATORS

GUIDE = ROOT / "docs/guides/tables.md"
LEADS_CSV = "name;email;rank\nDan;dan@example.com;5\nEve;eve@example.com;high\n"


async def test_every_command_of_the_guide_does_what_it_says(tmp_path: Path) -> None:
    told: list[tuple[str, str, Any]] = []
    async with running(tmp_path) as server:
        for block in blocks(GUIDE):
            for words in commands(block) if block.info == "sh run" else ():
                method, path, answer = await carry_out(server.client, words, told)
                assert answer.is_success, (words, answer.text)
                told.append((method, path, answer))
    by_path = {(method, path.removeprefix("/api/v1/data/tables")): answer for method, path, answer in told}
    changed = by_path["PATCH", "/leads"].json()
    assert [column["name"] for column in changed["columns"]] == ["name", "email", "active", "call_on", "company", "rank"]
    assert by_path["POST", "/leads/records/bulk"].json()["created"] == 2
    assert [record["name"] for record in by_path["GET", "/leads/records"].json()["items"]] == ["Bob"]
    assert by_path["POST", "/leads/import"].json() == {
        "imported": 1,
        "refused": [{"line": 3, "problem": "rank must be a whole number"}],
        "refused_total": 1,
        "complete": True,
    }
    assert by_path["GET", "/leads/export"].text.count("\n") == 3


async def carry_out(
    client: httpx.AsyncClient, words: list[str], told: list[tuple[str, str, Any]]
) -> tuple[str, str, httpx.Response]:
    """One curl command. `$RECORD` is the record that was made last."""
    options = list(zip(words, [*words[1:], ""], strict=True))
    body = next((value for option, value in options if option == "-d"), None)
    file = any(option == "--data-binary" for option, _ in options)
    method = next((value for option, value in options if option == "-X"), "POST" if body else "GET")
    url = httpx.URL(next(word for word in words if "://" in word).replace("$RECORD", record_in(told)))
    query = [value.partition("=")[::2] for option, value in options if option == "--data-urlencode"]
    headers = dict(value.split(": ", 1) for option, value in options if option == "-H" and not value.startswith("Auth"))
    answer = await client.request(
        method,
        url.path,
        params=[*parse_qsl(url.query.decode()), *query],
        content=LEADS_CSV if file else body,
        headers=headers,
    )
    return method, url.path.replace(record_in(told), "$RECORD") if told else url.path, answer


def record_in(told: list[tuple[str, str, Any]]) -> str:
    return next((answer.json()["id"] for method, path, answer in told if path.endswith("/leads/records")), "none")


def test_the_types_and_operators_of_the_guide_are_those_there_are() -> None:
    named = [[word for cell in row[:1] for word in cell.replace("`", "").split(", ")] for row in tables(GUIDE)]
    words = {word for row in named for word in row}
    assert set(KINDS) <= words
    assert {word for word in words if word.startswith("$")} == {*OPERATORS, "$and", "$or", "$not"}
