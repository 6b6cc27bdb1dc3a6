"""SQL over HTTP, on the whole server: the engine knows who asks."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.application import RunningApplication, running

from vivesphere.kernel.bus.messages import Envelope
from vivesphere.kernel.db.fingerprint import fingerprint
from vivesphere.kernel.events import TableAccessDenied
from vivesphere.modules.data.sql.service import QueryService
from vivesphere.modules.data.sql.settings import SqlSettings

PATH = "/api/v1/data/query"
LEADS = {
    "name": "leads",
    "columns": [
        {"name": "name", "type": "text", "required": True, "unique": True},
        {"name": "open", "type": "boolean", "default": True},
    ],
}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningApplication]:
    async with running(tmp_path, environ={"VIVESPHERE_SQL_ROWS": "3"}) as server:
        (await server.client.post("/api/v1/data/tables", json=LEADS)).raise_for_status()
        yield server


async def ask(server: RunningApplication, status: int, sql: str, **more: Any) -> Any:
    answer = await server.client.post(PATH, json={"sql": sql, **more})
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_table_is_written_and_read_by_its_bare_name(server: RunningApplication) -> None:
    written = await ask(server, 200, "INSERT INTO leads (name) VALUES (?), (?) RETURNING name, open", params=["Ann", "Bob"])
    assert written == {"columns": ["name", "open"], "rows": [["Ann", 1], ["Bob", 1]], "changed": 2, "truncated": False}
    read = await ask(server, 200, "SELECT count(*) FROM leads WHERE name LIKE :name", params={"name": "a%"})
    assert read == {"columns": ["count"], "rows": [[1]], "changed": 0, "truncated": False}


async def test_rows_are_limited_by_the_settings_and_by_who_asks(server: RunningApplication) -> None:
    await ask(server, 200, "INSERT INTO leads (name) VALUES ('a'), ('b'), ('c'), ('d')")
    assert (await ask(server, 200, "SELECT name FROM leads ORDER BY name"))["rows"] == [["a"], ["b"], ["c"]]
    limited = await ask(server, 200, "SELECT name FROM leads ORDER BY name", limit=1)
    assert (limited["rows"], limited["truncated"]) == ([["a"]], True)
    assert len((await ask(server, 200, "SELECT name FROM leads", limit=1000))["rows"]) == 3
    assert not (await ask(server, 200, "SELECT name FROM leads LIMIT 3"))["truncated"]


async def test_what_is_wrong_is_told(server: RunningApplication) -> None:
    refused = await ask(server, 422, "PRAGMA user_version")
    assert refused["type"].endswith("statement-refused")
    assert refused["detail"].startswith("PRAGMA is not for SQL from outside")
    wrong = await ask(server, 422, "SELECT nothing FROM leads")
    assert (wrong["type"].rpartition(":")[2], wrong["detail"]) == ("statement-failed", "No such column: nothing.")
    await ask(server, 422, "SELECT 1", params=[1])
    await ask(server, 200, "INSERT INTO leads (name) VALUES ('Ann')")
    twice = await ask(server, 409, "INSERT INTO leads (name) VALUES ('Ann')")
    assert twice["type"].endswith("constraint")
    assert (await server.anonymous.post(PATH, json={"sql": "SELECT 1"})).status_code == 401


async def test_what_is_refused_is_recorded(server: RunningApplication) -> None:
    refused: asyncio.Queue[TableAccessDenied] = asyncio.Queue()

    async def hear(envelope: Envelope[TableAccessDenied]) -> None:
        refused.put_nowait(envelope.payload)

    server.context("audit").bus.listen(TableAccessDenied, hear)
    await ask(server, 422, "ATTACH 'x' AS y")
    async with asyncio.timeout(20):
        told = await refused.get()
    assert (told.action, told.table, told.sql) == ("statement", "ATTACH", fingerprint("ATTACH 'x' AS y"))
    assert told.principal.startswith("user:")


async def test_other_limits_hold_from_the_next_statement_on(server: RunningApplication) -> None:
    (queries,) = (module.provides["queries"] for module, _ in server.application.modules if module.name == "data")
    assert isinstance(queries, QueryService)
    queries.change(SqlSettings(rows=1))
    assert (await ask(server, 200, "SELECT 1 AS n UNION ALL SELECT 2"))["rows"] == [[1]]
