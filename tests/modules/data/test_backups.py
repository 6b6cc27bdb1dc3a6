"""Backups over HTTP, of the whole server: made, listed, fetched and deleted, and each of it in the audit log."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import pytest
from tests.support.application import RunningApplication, running

from vivesphere.kernel.db.backup import sealing
from vivesphere.kernel.db.backup.errors import BackupFailed
from vivesphere.kernel.db.backup.progress import Progress
from vivesphere.kernel.db.errors import DatabaseUnavailable
from vivesphere.kernel.errors import Refusal
from vivesphere.modules.data.backups.errors import PassphraseRefused
from vivesphere.modules.data.backups.handlers import MaintenanceHandlers
from vivesphere.modules.data.backups.schemas import BackupRequest
from vivesphere.modules.data.backups.service import BackupService

PATH = "/api/v1/data/backups"
PASSPHRASE = "correct horse battery staple"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningApplication]:
    async with running(tmp_path) as server:
        yield server


async def create(server: RunningApplication, **body: Any) -> dict[str, Any]:
    answer = await server.client.post(PATH, json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def audited(server: RunningApplication) -> list[str]:
    """What the audit log says of backups, oldest first."""
    await server.application.bus.settled()
    entries = (await server.client.get("/api/v1/audit/entries")).raise_for_status().json()["items"]
    return [entry["action"] for entry in reversed(entries) if entry["action"].startswith("data.backup.")]


async def test_a_backup_is_made_listed_fetched_and_deleted(server: RunningApplication, tmp_path: Path) -> None:
    made = await create(server)
    assert made["name"].startswith(f"vivesphere-{made['revision']}-manual-")
    assert (made["encrypted"], made["verified"], made["reason"]) == (False, True, "manual")
    listed = (await server.client.get(PATH)).json()
    assert listed == {"items": [made], "next_cursor": None}
    fetched = await server.client.get(f"{PATH}/{made['name']}")
    assert fetched.headers["content-disposition"] == f'attachment; filename="{made["name"]}"'
    assert fetched.headers["content-length"] == str(made["bytes"])
    copy = tmp_path / "copy.db"
    copy.write_bytes(fetched.content)
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT username FROM users").fetchall() == [("admin",)]
    assert (await server.client.delete(f"{PATH}/{made['name']}")).status_code == 204
    assert (await server.client.get(PATH)).json()["items"] == []
    assert await audited(server) == ["data.backup.created", "data.backup.downloaded", "data.backup.deleted"]


async def test_an_encrypted_backup_opens_with_its_passphrase_only(server: RunningApplication, tmp_path: Path) -> None:
    made = await create(server, passphrase=PASSPHRASE)
    assert (made["encrypted"], made["verified"]) == (True, True)
    file = tmp_path / "fetched"
    file.write_bytes((await server.client.get(f"{PATH}/{made['name']}")).content)
    assert b"admin" not in file.read_bytes()
    assert sealing.unseal(file, None, PASSPHRASE).rows["users"] == 1


async def test_asked_again_under_the_same_key_it_is_made_once(server: RunningApplication) -> None:
    headers = {"Idempotency-Key": "once"}
    first = await server.client.post(PATH, json={}, headers=headers)
    again = await server.client.post(PATH, json={}, headers=headers)
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert len((await server.client.get(PATH)).json()["items"]) == 1


async def test_the_list_comes_in_pages_newest_first(server: RunningApplication) -> None:
    made = [(await create(server))["name"] for _ in range(3)]
    first = (await server.client.get(PATH, params={"limit": 2})).json()
    second = (await server.client.get(PATH, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [each["name"] for each in (*first["items"], *second["items"])] == made[::-1]
    assert second["next_cursor"] is None


@pytest.mark.parametrize(
    "name", ["..", "..%2Fvivesphere.db", "vivesphere.db", "vivesphere-0001-manual-20260101T000000000000Z.db"]
)
async def test_only_the_name_of_a_backup_is_taken(server: RunningApplication, name: str) -> None:
    await create(server)
    assert (await server.client.get(f"{PATH}/{name}")).status_code == 404
    assert (await server.client.delete(f"{PATH}/{name}")).status_code == 404 or name == ".."


async def test_a_broken_download_goes_on_where_it_stopped(server: RunningApplication) -> None:
    made = await create(server)
    url, size = f"{PATH}/{made['name']}", made["bytes"]
    whole = await server.client.get(url)
    rest = await server.client.get(url, headers={"Range": "bytes=1000-", "If-Range": whole.headers["etag"]})
    assert (rest.status_code, rest.headers["content-range"]) == (206, f"bytes 1000-{size - 1}/{size}")
    assert rest.content == whole.content[1000:]
    assert (await server.client.get(url, headers={"Range": "bytes=-5"})).content == whole.content[-5:]
    assert (await server.client.get(url, headers={"Range": "bytes=2-4"})).content == whole.content[2:5]
    assert (await server.client.get(url, headers={"Range": f"bytes={size}-"})).status_code == 416
    for ignored in ({"Range": "bytes=1-2,5-6"}, {"Range": "bytes=-"}, {"Range": "bytes=5-", "If-Range": '"another"'}):
        assert (await server.client.get(url, headers=ignored)).status_code == 200


async def test_a_passphrase_that_is_too_short_is_refused(server: RunningApplication) -> None:
    answer = await server.client.post(PATH, json={"passphrase": "short"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/passphrase")
    assert (await server.client.get(PATH)).json()["items"] == []


async def test_a_failure_is_told_and_recorded(server: RunningApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise BackupFailed("The disk is full.")

    monkeypatch.setattr("vivesphere.kernel.db.backup.making._check_room", full)
    answer = await server.client.post(PATH, json={})
    assert (answer.status_code, answer.json()["detail"]) == (503, "The disk is full.")
    assert await audited(server) == ["data.backup.failed"]


async def test_it_needs_permission(server: RunningApplication) -> None:
    assert (await server.anonymous.get(PATH)).status_code == 401
    assert (await server.anonymous.post(PATH, json={})).status_code == 401


async def told(stream: AsyncGenerator[Any, None]) -> tuple[list[Any], Any]:
    """What a stream of the operator's says on the way, and in the end."""
    *way, end = [item async for item in stream]
    return [item["progress"] for item in way], end["result"]


async def test_the_operator_makes_one_and_looks_after_the_database(server: RunningApplication) -> None:
    streams, commands = server.application.operator_streams(), server.application.operator_commands()
    on_the_way, made = await told(streams["data.backups.create"].run({"passphrase": PASSPHRASE}))
    assert {what for what, _, _ in on_the_way} <= {"copied", "verified", "encrypted", "decrypted"}
    assert [each["name"] for each in (await server.client.get(PATH)).json()["items"]] == [made["name"]]
    assert (await told(streams["data.database.check"].run({})))[1] == []
    assert (await told(streams["data.database.vacuum"].run({})))[1].keys() == {"before", "after"}
    current = await commands["data.database.current"].run({})
    assert (current["revision"], current["pending"]) == (made["revision"], ())
    with pytest.raises(Refusal, match="passphrase"):
        await anext(streams["data.backups.create"].run({"passphrase": 1}))


def test_a_passphrase_is_shown_to_nobody() -> None:
    assert PASSPHRASE not in repr(BackupRequest(passphrase=PASSPHRASE))


class Endless:
    """Backups that never end, unless they are given up."""

    given_up = False

    async def create(self, _passphrase: str | None, *, progress: Progress) -> None:
        progress("copied", 1, 2)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.given_up = True
            raise


async def test_an_operator_who_hangs_up_ends_it() -> None:
    backups: Any = Endless()
    nothing: Any = None
    async with aclosing(MaintenanceHandlers(backups, nothing).back_up({})) as items:
        assert await anext(items) == {"progress": ["copied", 1, 2]}
    await asyncio.sleep(0)
    assert backups.given_up


async def test_a_failure_that_cannot_be_recorded_is_a_failure_all_the_same(
    server: RunningApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk neither the backup nor the event finds room."""

    def full(*_arguments: object) -> None:
        raise BackupFailed("The disk is full.")

    async def unavailable(*_arguments: object) -> None:
        raise DatabaseUnavailable("the disk is full")

    monkeypatch.setattr("vivesphere.kernel.db.backup.making._check_room", full)
    monkeypatch.setattr("vivesphere.kernel.db.handle.DatabaseHandle.write", unavailable)
    answer = await server.client.post(PATH, json={})
    assert (answer.status_code, answer.json()["detail"]) == (503, "The disk is full.")


async def test_what_a_schedule_keeps_too_many_of_is_deleted_and_told(server: RunningApplication) -> None:
    service = next(module for module, _ in server.application.modules if module.name == "data").provides["backups"]
    assert isinstance(service, BackupService)
    for _ in range(3):
        await service.create(reason="scheduled")
    await service.prune("scheduled", 1)
    with pytest.raises(PassphraseRefused, match="too short"):
        await service.create("short")
    left = await service.newest("scheduled")
    assert [each["name"] for each in (await server.client.get(PATH)).json()["items"]] == [left.name if left else ""]
    assert (await audited(server))[-2:] == ["data.backup.deleted"] * 2
