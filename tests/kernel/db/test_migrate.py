"""Migrations: from nothing to now, the same as the models say, and never half-way."""

import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from tests.support.clock import FakeClock

from vivesphere import tables
from vivesphere.kernel import paths, principals
from vivesphere.kernel.db.handle import Database
from vivesphere.kernel.db.location import SqlitePlace
from vivesphere.kernel.db.migrate import bring_up_to_date, describe
from vivesphere.kernel.db.schema import Model
from vivesphere.kernel.errors import StartError
from vivesphere.kernel.principals import Principal

OWNERS = tables.owners()

NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{down}"
branch_labels = depends_on = None


def upgrade() -> None:
    {body}
"""


def rows(file: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(sql).fetchall()


def migrations_and(tmp_path: Path, *bodies: str) -> Path:
    """The real migrations, followed by one for each body."""
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text("")
    for script in (paths.migrations() / "versions").glob("*.py"):
        (folder / "versions" / script.name).write_text(script.read_text())
    down = ScriptDirectory(str(folder)).get_current_head()
    for number, body in enumerate(bodies):
        revision = f"9{number:03d}"
        (folder / "versions" / f"{revision}_next.py").write_text(NEXT.format(revision=revision, down=down, body=body))
        down = revision
    return folder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "vivesphere.db"
    bring_up_to_date(SqlitePlace(file), owners=OWNERS)
    return file


def test_the_migrations_make_what_the_models_say(file: Path) -> None:
    """If this fails, models have changed: see migrations/README.md for the one command that writes the revision."""
    engine = sa.create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Model.metadata) == []
    engine.dispose()


def test_checks_and_numbering_are_made_too(file: Path, tmp_path: Path) -> None:
    """What Alembic does not compare: check constraints and AUTOINCREMENT."""
    made = tmp_path / "made.db"
    engine = sa.create_engine(f"sqlite:///{made}")
    Model.metadata.create_all(engine)
    by_model, by_migration = sa.inspect(engine), sa.inspect(sa.create_engine(f"sqlite:///{file}"))
    for name in Model.metadata.tables:
        assert by_migration.get_check_constraints(name) == by_model.get_check_constraints(name), name
    sql = "SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%' ORDER BY name"
    assert rows(file, sql) == rows(made, sql) != []
    engine.dispose()


def test_the_history_is_one_line(file: Path) -> None:
    scripts = ScriptDirectory(str(paths.migrations()))
    assert len(scripts.get_heads()) == 1
    assert rows(file, "SELECT version_num FROM alembic_version") == [(scripts.get_current_head(),)]


def test_every_table_is_registered_with_its_owner_and_columns(file: Path) -> None:
    registered = dict(rows(file, "SELECT table_name, owner_id FROM table_metadata"))
    assert registered == dict(OWNERS)
    present = {name for (name,) in rows(file, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert present - registered.keys() == {"alembic_version", "sqlite_sequence"}
    described = rows(
        file, "SELECT access_level, is_system, schema_definition FROM table_metadata WHERE table_name = 'installation'"
    )
    assert described == [("locked", 1, '[{"name":"key","type":"string"},{"name":"value","type":"json"}]')]


def test_the_file_keeps_a_log_and_gives_space_back(file: Path) -> None:
    assert rows(file, "PRAGMA journal_mode") == [("wal",)]
    assert rows(file, "PRAGMA auto_vacuum") == [(2,)]


def test_a_second_start_changes_nothing(file: Path) -> None:
    before = file.read_bytes()
    bring_up_to_date(SqlitePlace(file), owners=OWNERS)
    assert file.read_bytes() == before
    assert not (file.parent / "backups").exists()


def test_owners_follow_the_code_and_strangers_tables_are_left_alone(file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("UPDATE table_metadata SET owner_id = 'module:thief' WHERE table_name = 'installation'")
        for name, level, core in (("ext_quotes__items", "protected", 0), ("gone", "locked", 1)):
            connection.execute(
                "INSERT INTO table_metadata VALUES (?, ?, 'plugin:quotes', '[]', ?, NULL, 0)", (name, level, core)
            )
    bring_up_to_date(SqlitePlace(file), owners=OWNERS)
    owners = dict(rows(file, "SELECT table_name, owner_id FROM table_metadata"))
    assert owners == dict(OWNERS) | {"ext_quotes__items": "plugin:quotes"}


def test_a_migration_makes_a_backup_first(file: Path, tmp_path: Path) -> None:
    head = ScriptDirectory(str(paths.migrations())).get_current_head()
    folder = migrations_and(tmp_path, 'op.create_table("more", sa.Column("id", sa.Integer))')
    bring_up_to_date(SqlitePlace(file), owners=OWNERS, folder=folder, backups=tmp_path / "backups")
    assert rows(file, "SELECT * FROM more") == []
    (backup,) = (tmp_path / "backups").iterdir()
    assert backup.name.startswith(f"vivesphere-{head}-")
    assert backup.stat().st_mode & 0o077 == 0
    assert rows(backup, "SELECT version_num FROM alembic_version") == [(head,)]
    assert rows(backup, "PRAGMA integrity_check") == [("ok",)]


def test_a_migration_that_fails_leaves_everything_as_it_was(file: Path, tmp_path: Path) -> None:
    before = rows(file, "SELECT sql FROM sqlite_master ORDER BY name")
    folder = migrations_and(
        tmp_path,
        'op.create_table("more", sa.Column("id", sa.Integer))',
        'op.drop_table("installation"); op.execute("INSERT INTO nothing VALUES (1)")',
    )
    with pytest.raises(StartError, match="nothing in it was changed"):
        bring_up_to_date(SqlitePlace(file), owners=OWNERS, folder=folder)
    assert rows(file, "SELECT sql FROM sqlite_master ORDER BY name") == before


def test_a_migration_that_would_orphan_rows_is_refused(file: Path, tmp_path: Path) -> None:
    body = (
        'op.execute("CREATE TABLE a (id INTEGER PRIMARY KEY)"); '
        'op.execute("CREATE TABLE b (a INTEGER REFERENCES a (id))"); op.execute("INSERT INTO b VALUES (1)")'
    )
    with pytest.raises(StartError, match="1 rows of b"):
        bring_up_to_date(SqlitePlace(file), owners=OWNERS, folder=migrations_and(tmp_path, body))
    assert rows(file, "SELECT name FROM sqlite_master WHERE name = 'b'") == []


@pytest.mark.parametrize("first", [True, False])
def test_a_process_killed_in_the_middle_leaves_before_or_after(tmp_path: Path, first: bool) -> None:
    """SIGKILL strikes inside the last migration, after its DDL and before the commit."""
    file = tmp_path / "vivesphere.db"
    if not first:
        bring_up_to_date(SqlitePlace(file), owners=OWNERS)
    before = rows(file, "SELECT name FROM sqlite_master ORDER BY name")
    folder = migrations_and(
        tmp_path,
        'op.create_table("more", sa.Column("id", sa.Integer)); __import__("os").kill(__import__("os").getpid(), 9)',
    )
    code = (
        "import sys; from pathlib import Path; from vivesphere import tables; "
        "from vivesphere.kernel.db.migrate import bring_up_to_date; "
        "from vivesphere.kernel.db.location import SqlitePlace; "
        "bring_up_to_date(SqlitePlace(Path(sys.argv[1])), owners=tables.owners(), folder=Path(sys.argv[2]))"
    )
    environment = {"PYTHONPATH": "src"}
    killed = subprocess.run([sys.executable, "-c", code, file, folder], env=environment, check=False)  # noqa: S603 - our own code
    assert killed.returncode == -9
    assert rows(file, "SELECT name FROM sqlite_master ORDER BY name") == before
    bring_up_to_date(SqlitePlace(file), owners=OWNERS)
    assert rows(file, "PRAGMA integrity_check") == [("ok",)]


def test_a_database_newer_than_the_code_is_refused_untouched(file: Path, tmp_path: Path) -> None:
    bring_up_to_date(SqlitePlace(file), owners=OWNERS, folder=migrations_and(tmp_path, "pass"))
    before = file.read_bytes()
    with pytest.raises(StartError, match="newer ViveSphere"):
        bring_up_to_date(SqlitePlace(file), owners=OWNERS)
    assert file.read_bytes() == before


def test_a_database_of_something_else_is_refused_untouched(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE mine (id INTEGER)")
    with pytest.raises(StartError, match="something else"):
        bring_up_to_date(SqlitePlace(file), owners=OWNERS)
    assert rows(file, "SELECT name FROM sqlite_master") == [("mine",)]


def _no_database(tmp_path: Path) -> Path:
    file = tmp_path / "text.db"
    file.write_text("This is a letter, and no database at all. " * 50)
    return file


@pytest.mark.parametrize("make", [_no_database, lambda tmp_path: tmp_path / "nowhere" / "x.db", lambda tmp_path: tmp_path])
def test_a_file_that_cannot_be_used_is_named_in_one_sentence(tmp_path: Path, make: Any) -> None:
    file = make(tmp_path)
    with pytest.raises(StartError) as caught:
        bring_up_to_date(SqlitePlace(file), owners=OWNERS)
    assert str(file) in str(caught.value)


def test_a_person_is_told_what_the_next_start_would_do(tmp_path: Path, file: Path) -> None:
    assert "the first start will make" in describe(SqlitePlace(tmp_path / "none.db"))
    assert not (tmp_path / "none.db").exists()
    empty = tmp_path / "empty.db"
    empty.touch()
    before = file.read_bytes()
    assert describe(SqlitePlace(file)) == f"{file}, up to date"
    assert "migrations to run at the next start" in describe(SqlitePlace(empty))
    assert file.read_bytes() == before
    with pytest.raises(StartError, match="cannot be read as a database"):
        describe(SqlitePlace(_no_database(tmp_path)))


async def test_the_server_opens_what_was_migrated(file: Path) -> None:
    database = await Database.open(SqlitePlace(file), clock=FakeClock())
    try:
        described: Mapping[str, Principal] = {table.name: table.owner for table in database.access.describe()}
        assert described == dict(OWNERS)
        assert database.access.policy.can(principals.SYSTEM, "read", "event_log")
    finally:
        await database.close()


def test_looking_at_a_file_leaves_nothing_beside_it(file: Path) -> None:
    before = sorted(file.parent.iterdir())
    assert describe(SqlitePlace(file)).endswith("up to date")
    assert sorted(file.parent.iterdir()) == before
    with closing(sqlite3.connect(file)) as somebody:
        somebody.execute("CREATE TABLE half_way (id INTEGER)")
        assert describe(SqlitePlace(file)).endswith("up to date")
