"""SIGKILL strikes a real server while it imports records, and while it changes a table: before or after, never between."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from tests.support.process import ServerProcess, serving
from tests.support.waiting import until

TABLES = "/api/v1/data/tables"
LEADS = f"{TABLES}/leads"
COLUMNS = [{"name": "name", "type": "text", "required": True}, {"name": "mail", "type": "text", "unique": True}]
LINES = [json.dumps({"name": f"n{number}", "mail": f"{number}@x"}).encode() + b"\n" for number in range(1700)]
BATCH = 500


def records(client: httpx.Client) -> int:
    number: int = client.get(LEADS).raise_for_status().json()["records"]
    return number


def test_an_import_that_sigkill_cut_has_whole_batches_and_goes_on_to_every_record_once(tmp_path: Path) -> None:
    key = {"Idempotency-Key": "one import"}
    with serving(tmp_path / "data") as server:
        client, other = server.client(), server.client()
        client.post(TABLES, json={"name": "leads", "columns": COLUMNS}).raise_for_status()

        def pieces() -> Iterator[bytes]:
            yield b"".join(LINES[:1200])
            until(lambda: records(other), lambda number: number >= BATCH)
            server.kill()
            yield b"".join(LINES[1200:])

        with pytest.raises(httpx.TransportError):
            client.post(f"{LEADS}/import?format=jsonl", content=pieces(), headers=key)
    with serving(tmp_path / "data") as server:
        client = server.client()
        assert records(client) in (BATCH, 2 * BATCH)
        report = client.post(f"{LEADS}/import?format=jsonl", content=b"".join(LINES), headers=key).raise_for_status().json()
        assert report == {"imported": len(LINES), "refused": [], "refused_total": 0, "complete": True}
        assert records(client) == len(LINES)
        exported = client.get(f"{LEADS}/export?format=jsonl&sort=mail").text.splitlines()
        assert sorted(json.loads(line)["name"] for line in exported) == sorted(f"n{number}" for number in range(len(LINES)))
        assert server.stop() == 0


@pytest.mark.parametrize("changes", [1, 2, 5])
def test_a_change_that_sigkill_cut_is_whole_or_was_never_made(tmp_path: Path, changes: int) -> None:
    """The server dies as the change of that number is under way."""
    with serving(tmp_path / "data") as server:
        client = server.client()
        client.post(TABLES, json={"name": "leads", "columns": COLUMNS}).raise_for_status()
        client.post(f"{LEADS}/import?format=jsonl", content=b"".join(LINES)).raise_for_status()
        reached = threading.Event()
        changing = threading.Thread(target=keep_changing, args=(server, client, changes, reached))
        changing.start()
        assert reached.wait(30)
        server.kill()
        changing.join(30)
    with closing(sqlite3.connect(tmp_path / "data" / "vivesphere.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        there = [row[1] for row in database.execute("PRAGMA table_info(data_leads)")]
        indexes = {row[1] for row in database.execute("PRAGMA index_list(data_leads)")} - {"sqlite_autoindex_data_leads_1"}
        (definition, version) = database.execute("SELECT definition, version FROM custom_tables").fetchone()
        (registered,) = database.execute(
            "SELECT schema_definition FROM table_metadata WHERE table_name = 'data_leads'"
        ).fetchone()
    said = msgspec.json.decode(definition)
    assert there == ["id", "version", "created_at", "updated_at", *(column["name"] for column in said["columns"])]
    assert there == [column["name"] for column in json.loads(registered)]
    assert indexes == {index["name"] for index in said["indexes"]}
    assert version >= changes, "no change that was answered is lost"
    with serving(tmp_path / "data") as server:
        client = server.client()
        (record,) = client.get(f"{LEADS}/records?limit=1").raise_for_status().json()["items"]
        assert list(record) == there
        assert records(client) == len(LINES)


def keep_changing(server: ServerProcess, client: httpx.Client, changes: int, reached: threading.Event) -> None:
    """A column comes with an index, another one goes, again and again; says when the change of this number is asked for."""
    with suppress(httpx.TransportError):
        for number in count(1):
            asked: dict[str, Any] = {
                "add_columns": [{"name": f"c{number}", "type": "text", "default": "x", "required": True}],
                "add_indexes": [{"columns": [f"c{number}", "name"]}],
            }
            if number > 1:
                asked |= {"drop_columns": [f"c{number - 1}"], "drop_indexes": [f"data_leads__c{number - 1}__name"]}
            if number == changes:
                reached.set()
            client.patch(LEADS, json=asked).raise_for_status()
            if server.process.poll() is not None:
                return
