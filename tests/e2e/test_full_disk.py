"""A disk that is full: clear refusals, everything readable, nothing broken, and no restart once there is space again.

In the suite the disk is a greatest size of files (RLIMIT_FSIZE), which any user may lower and raise again for a running server;
`make soak` does it on a small tmpfs, too (VIVESPHERE_TEST_TMPFS), which takes the right to mount one.
"""

import os
import resource
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from tests.support.process import ServerProcess, serving
from tests.support.waiting import until

LIMIT = "limit"
DISKS = (LIMIT, "tmpfs") if os.environ.get("VIVESPHERE_TEST_TMPFS") else (LIMIT,)
FULL = "urn:vivesphere:problem:disk-full"

Disk = tuple[Callable[[], None], Callable[[], None]]
"""What makes it full, and what makes space again."""


@contextmanager
def small_tmpfs(place: Path) -> Iterator[None]:
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(place)], check=True)  # noqa: S603, S607 - a fixed command
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)  # noqa: S603, S607 - a fixed command


def of_limit(server: ServerProcess) -> Disk:
    """No file may be written beyond the end of what SQLite writes ahead."""
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)

    def fill() -> None:
        end = (server.data_dir / "vivesphere.db-wal").stat().st_size
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (end, hard))

    def empty() -> None:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))

    return fill, empty


def of_tmpfs(server: ServerProcess) -> Disk:
    """Something else takes all the space there is."""
    hog = server.data_dir.parent / "hog"

    def fill() -> None:
        with hog.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"x" * 4096):
                pass

    return fill, hog.unlink


@contextmanager
def server_on(disk: str, tmp_path: Path) -> Iterator[tuple[ServerProcess, Disk]]:
    if disk == LIMIT:
        with serving(tmp_path / "data") as server:
            yield server, of_limit(server)
    else:
        with small_tmpfs(tmp_path / "disk"), serving(tmp_path / "disk" / "data") as server:
            yield server, of_tmpfs(server)


def make_bot(client: httpx.Client, name: str) -> httpx.Response:
    return client.post("/api/v1/bots", json={"name": name})


def names(client: httpx.Client) -> set[str]:
    return {bot["name"] for bot in client.get("/api/v1/bots?limit=200").raise_for_status().json()["items"]}


def database_health(client: httpx.Client) -> dict[str, str]:
    modules: dict[str, dict[str, str]] = client.get("/health/ready").raise_for_status().json()["modules"]
    return modules["database"]


@pytest.mark.parametrize("disk", DISKS)
def test_a_full_disk_is_told_harms_nothing_and_is_over_with_the_first_space(disk: str, tmp_path: Path) -> None:
    with server_on(disk, tmp_path) as (server, (fill, empty)), closing(server.client()) as client:
        kept = {f"kept {number}" for number in range(5)}
        assert {make_bot(client, name).status_code for name in kept} == {201}
        before = names(client)
        fill()
        refused = _until_refused(client, kept)
        problem = refused.json()
        assert (refused.headers["content-type"], problem["type"], problem["status"]) == ("application/problem+json", FULL, 507)
        assert problem["detail"] == "The disk is full, so nothing can be changed until there is space again."
        assert names(client) == before | kept, "reading goes on, and what was refused is not there"
        health = database_health(client)
        assert (health["status"], "until there is space again" in health["detail"]) == ("degraded", True)
        empty()
        until(lambda: make_bot(client, "after").status_code in {201, 409})
        kept.add("after")
        assert database_health(client)["status"] == "ok"
        assert names(client) == before | kept
        server.stop()
        with closing(sqlite3.connect(server.data_dir / "vivesphere.db")) as raw:
            assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert {name for (name,) in raw.execute("SELECT name FROM bots")} == before | kept


def _until_refused(client: httpx.Client, kept: set[str]) -> httpx.Response:
    """A few writes may still find room in what the files have."""
    for number in range(10_000):
        answer = make_bot(client, f"more {number}")
        if answer.status_code != 201:
            return answer
        kept.add(f"more {number}")
    raise AssertionError("the disk is never full")
