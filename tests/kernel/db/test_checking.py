"""`db check`: each thing that can be wrong is found and told, and nothing of a healthy database is."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.used_database import used_database

from vivesphere import tables
from vivesphere.kernel import paths
from vivesphere.kernel.db import migrate
from vivesphere.kernel.db.checking import Fault, check
from vivesphere.kernel.db.location import SqlitePlace
from vivesphere.kernel.errors import StartError

OWNERS = tables.owners()
HEAD = migrate.revisions(paths.migrations())[-1]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return used_database(tmp_path / "vivesphere.db")


def found_in(file: Path) -> list[Fault]:
    return check(SqlitePlace(file), OWNERS)


def write(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        for sql in statements:
            connection.execute(sql)


def test_a_healthy_database_has_nothing_to_tell(file: Path) -> None:
    told: list[tuple[str, int, int]] = []
    before = file.read_bytes()
    assert check(SqlitePlace(file), OWNERS, lambda *each: told.append(each)) == []
    assert told == [("checked", number, 6) for number in range(1, 7)]
    assert file.read_bytes() == before


COUNTED = """INSERT INTO installation VALUES ('event_log_counted', '{"newest":100,"events":90,"bytes":1}')"""
BOT = "INSERT INTO bots VALUES ('b1', '{}', 'x', '!', 1)"
ACCOUNT = "INSERT INTO bot_accounts VALUES ('a1', 'b1', 'default', 'irc', '{}', 'nothing', 'off', 1)"


@pytest.mark.parametrize(
    ("statements", "kind", "table", "said"),
    [
        (["DELETE FROM data_firms"], "keys", "data_leads", "1 row of data_leads refer to rows of data_firms"),
        (["UPDATE data_leads SET boss = 'x', firm = 'x'"], "keys", "data_leads", "2 rows of data_leads refer to rows of data_"),
        (["CREATE TABLE found (id INTEGER)"], "tables", "found", "not in table_metadata"),
        (["DROP TABLE data_leads"], "tables", "data_leads", "is not there"),
        (
            ["UPDATE table_metadata SET owner_id = 'module:thief' WHERE table_name = 'users'"],
            "tables",
            "users",
            "said to be of module:thief",
        ),
        (["ALTER TABLE users ADD COLUMN shoe_size INTEGER"], "schema", "users", "remove column users, shoe_size"),
        (["DROP INDEX ix_event_log_topic"], "schema", "event_log", "add index ix_event_log_topic"),
        (["DROP TABLE kept_replies"], "schema", "kept_replies", "add table kept_replies"),
        (["ALTER TABLE secrets RENAME COLUMN last_four TO last"], "schema", "secrets", "add column secrets, last_four"),
        ([BOT.format("gone")], "orphans", "bots", "1 row of bots refer by project to projects that are gone"),
        ([BOT.format("default"), ACCOUNT], "orphans", "bot_accounts", "by secret_id to secrets that are gone"),
        ([COUNTED], "events", "event_log", "holds 99 events"),
        (["INSERT INTO event_cursors VALUES ('l', 1000, 1)"], "events", "event_cursors", "l is said to have heard event 1000"),
        (
            ["INSERT INTO deliveries (listener, seq, status) VALUES ('l', 5000, 'dead')"],
            "orphans",
            "deliveries",
            "refer by seq to event_log",
        ),
    ],
    ids=lambda each: each if isinstance(each, str) and " " not in each else None,
)
def test_what_is_wrong_is_told(file: Path, statements: list[str], kind: str, table: str, said: str) -> None:
    write(file, *statements)
    told = [each for each in found_in(file) if (each.check, each.table) == (kind, table)]
    assert told, found_in(file)
    assert any(said in each.detail for each in told), told


def test_a_changed_column_is_told(file: Path) -> None:
    write(file, "ALTER TABLE users DROP COLUMN password_hash", "ALTER TABLE users ADD COLUMN password_hash INTEGER")
    told = [each.detail for each in found_in(file) if each.check == "schema"]
    assert any("modify nullable users, password_hash" in each for each in told), told


def test_a_damaged_file_is_told(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.seek(4096 * 10)
        opened.write(b"\xff" * 4096 * 10)
    assert "integrity" in {each.check for each in found_in(file)}


def test_damage_that_only_the_integrity_check_sees_is_told(file: Path) -> None:
    """An index that does not know a row."""
    write(
        file,
        "PRAGMA writable_schema=ON",
        "UPDATE sqlite_master SET sql = sql || ' WHERE id > ''z''' WHERE name = 'data_leads__name'",
    )
    (fault,) = [each for each in found_in(file) if each.check == "integrity"]
    assert fault.detail.startswith("The file is damaged: ")


def test_one_that_waits_for_migrations_is_told_so(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    for name in (f"{HEAD}_first.py", "9000_more.py"):
        (folder / "versions" / name).touch()
    (fault,) = check(SqlitePlace(file), OWNERS, migrations=folder)
    assert (fault.check, "db upgrade" in fault.detail) == ("schema", True)


def test_what_is_not_there_cannot_be_checked(file: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    for name in ("none.db", "empty.db"):
        with pytest.raises(StartError, match="the first start makes it"):
            found_in(tmp_path / name)
    write(file, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StartError, match="newer"):
        found_in(file)
