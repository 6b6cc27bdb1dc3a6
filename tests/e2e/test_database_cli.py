"""`vivesphere db`, against a running server and without one."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.support.process import ServerProcess, run_cli, serving
from tests.support.used_database import contents

PASSPHRASE = "correct horse battery staple"


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that a server has used and left."""
    data = tmp_path_factory.mktemp("used") / "data"
    with serving(data) as server:
        assert server.stop() == 0
    return data


@pytest.fixture
def data(used: Path, tmp_path: Path) -> Path:
    """The same, for one test to change."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    for file in used.iterdir():
        if file.is_file():
            (data / file.name).write_bytes(file.read_bytes())
            (data / file.name).chmod(0o600)
    return data


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("server") / "data") as server:
        yield server


def said(answer: Any, code: int = 0) -> str:
    assert answer.returncode == code, answer.stdout + answer.stderr
    assert "Traceback" not in answer.stdout + answer.stderr
    return str(answer.stdout + answer.stderr)


def write(file: Path, sql: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(sql)


def backups(data: Path) -> list[str]:
    return sorted(each.name for each in (data / "backups").iterdir())


def test_beside_a_running_server(server: ServerProcess, tmp_path: Path) -> None:
    data = server.data_dir
    assert f"{data / 'vivesphere.db'}: 0001" in said(run_cli(data, "db", "current"))
    assert said(run_cli(data, "db", "check")) == "Nothing is wrong with the database.\n"
    assert json.loads(said(run_cli(data, "db", "check", "--json"))) == []
    assert "bytes were given back" in said(run_cli(data, "db", "vacuum"))
    made = said(run_cli(data, "db", "backup"))
    assert "verified" in made
    assert "master.key" in made
    passphrase = {"VIVESPHERE_BACKUP_PASSPHRASE": PASSPHRASE}
    assert ".sealed" in said(run_cli(data, "db", "backup", "--encrypt", environ=passphrase))
    listed = server.client().get("/api/v1/data/backups").json()["items"]
    assert [each["name"] for each in reversed(listed)] == sorted(backups(data), key=lambda each: each.partition("Z.")[0])


@pytest.mark.parametrize(
    "arguments",
    [("upgrade",), ("downgrade", "0001"), ("move", "x.db"), ("restore", "x"), ("vacuum", "--full")],
    ids=lambda each: each[0],
)
def test_what_must_not_go_on_beside_a_server_is_refused(server: ServerProcess, arguments: tuple[str, ...]) -> None:
    refused = said(run_cli(server.data_dir, "db", *arguments), 2)
    assert f"in use by process {server.process.pid}" in refused
    assert refused.count("\n") == 1


def test_without_a_server(data: Path) -> None:
    file = data / "vivesphere.db"
    assert said(run_cli(data, "db", "current")) == f"{file}: 0001\n"
    assert said(run_cli(data, "db", "check")) == "Nothing is wrong with the database.\n"
    assert "at 0001 already" in said(run_cli(data, "db", "upgrade"))
    assert "at 0001 already" in said(run_cli(data, "db", "downgrade", "0001"))
    assert "bytes were given back" in said(run_cli(data, "db", "vacuum"))
    assert "bytes were given back" in said(run_cli(data, "db", "vacuum", "--full"))
    assert "There is no revision 'base'" in said(run_cli(data, "db", "downgrade", "base"), 2)


def test_a_backup_is_restored_and_a_server_starts_on_it(data: Path) -> None:
    file, before = data / "vivesphere.db", contents(data / "vivesphere.db")
    said(run_cli(data, "db", "backup"))
    (name,) = backups(data)
    write(file, "DELETE FROM users")
    assert "--force" in said(run_cli(data, "db", "restore", name), 2)
    assert "What was there before is" in said(run_cli(data, "db", "restore", name, "--force"))
    assert contents(file)["users"] == before["users"] != []
    with serving(data) as server:
        assert server.client().get("/api/v1/data/backups").json()["items"][0]["name"] == name


def test_a_sealed_backup_asks_for_its_passphrase(data: Path, tmp_path: Path) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(f"{PASSPHRASE}\n")
    said(run_cli(data, "db", "backup", "--passphrase-file", str(passphrase)))
    (name,) = backups(data)
    before = contents(data / "vivesphere.db")
    restore = ("db", "restore", str(data / "backups" / name), "--force")
    assert "no terminal" in said(run_cli(data, *restore, new_session=True), 2)
    wrong = {"VIVESPHERE_BACKUP_PASSPHRASE": "another passphrase"}
    assert "does not open" in said(run_cli(data, *restore, environ=wrong), 2)
    assert contents(data / "vivesphere.db") == before
    assert "at revision 0001" in said(run_cli(data, *restore, "--passphrase-file", str(passphrase)))
    short = {"VIVESPHERE_BACKUP_PASSPHRASE": "short"}
    assert "too short" in said(run_cli(data, "db", "backup", "--encrypt", environ=short), 2)


def test_what_is_wrong_is_told_and_counts_as_a_failure(data: Path) -> None:
    write(data / "vivesphere.db", "CREATE TABLE found_\x9b2J (id INTEGER)")
    shown = said(run_cli(data, "db", "check"), 1)
    assert "not in table_metadata" in shown
    assert shown.replace("\n", "").isprintable()
    (fault,) = json.loads(said(run_cli(data, "db", "check", "--json"), 1))
    assert (fault["check"], fault["table"]) == ("tables", "found_\x9b2J")


def test_everything_is_moved_and_the_server_goes_on_there(data: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere" / "new.db"
    moved = said(run_cli(data, "db", "move", "-", stdin=f"sqlite:///{target}\n"))
    assert "are the same in both" in moved
    assert moved.endswith(f"VIVESPHERE_DATABASE_URL={target}\n")
    assert contents(target) == contents(data / "vivesphere.db")
    assert "--force" in said(run_cli(data, "db", "move", str(target)), 2)
    assert "What was there before is" in said(run_cli(data, "db", "move", str(target), "--force"))
    with serving(data, {"VIVESPHERE_DATABASE_URL": str(target)}) as server:
        assert server.client().get("/api/v1/data/tables").status_code == 200
    assert "VIVESPHERE_DATABASE_URL is not understood" in said(run_cli(data, "db", "move", "nonsense://x"), 2)


def test_where_nothing_is_nothing_is_made(tmp_path: Path) -> None:
    for arguments in (("current",), ("check",), ("backup",), ("upgrade",), ("vacuum",), ("move", "x.db"), ("restore", "x")):
        assert "There is no data directory" in said(run_cli(tmp_path / "none", "db", *arguments), 2)
    assert not (tmp_path / "none").exists()
    (tmp_path / "new").mkdir()
    assert "not there yet, pending: 0001" in said(run_cli(tmp_path / "new", "db", "current"))
    assert "the first start makes it" in said(run_cli(tmp_path / "new", "db", "check"), 2)
    assert "There is no backup 'x'" in said(run_cli(tmp_path / "new", "db", "restore", "x"), 2)
    assert "was at nothing and is at 0001" in said(run_cli(tmp_path / "new", "db", "upgrade"))
