"""To another revision on purpose: up, down and up again, on data, each time wholly or not at all."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.support.used_database import contents, used_database

from vivesphere import tables
from vivesphere.kernel import paths
from vivesphere.kernel.db.backup.folder import backups_in
from vivesphere.kernel.db.location import SqlitePlace
from vivesphere.kernel.db.migrate import bring_up_to_date, mark_unfinished, revisions
from vivesphere.kernel.db.moving.opening import writing_new
from vivesphere.kernel.db.revising import Reviser, RevisionRefused, standing
from vivesphere.kernel.errors import StartError

OWNERS = tables.owners()
HEAD = revisions(paths.migrations())[-1]

STEPS = {
    "9000": (
        'op.create_table("shoes", sa.Column("id", sa.Integer, primary_key=True))',
        'op.drop_table("shoes")',
    ),
    "9001": (
        'with op.batch_alter_table("users") as users: users.add_column(sa.Column("size", sa.Integer))',
        'with op.batch_alter_table("users") as users: users.drop_column("size")',
    ),
    "9002": ("1 / 0", "1 / 0"),
}

SCRIPT = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{down}"
branch_labels = depends_on = None


def upgrade() -> None:
    {up}


def downgrade() -> None:
    {back}
"""


def newer(tmp_path: Path, *steps: str) -> Path:
    """The migrations, and some more."""
    folder = tmp_path / f"migrations-{len(steps)}"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").touch()
    for script in (paths.migrations() / "versions").glob("*.py"):
        (folder / "versions" / script.name).write_text(script.read_text())
    for revision, down in zip(steps, (HEAD, *steps), strict=False):
        up, back = STEPS[revision]
        (folder / "versions" / f"{revision}_more.py").write_text(SCRIPT.format(revision=revision, down=down, up=up, back=back))
    return folder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return used_database(tmp_path / "vivesphere.db")


def reviser(file: Path, folder: Path | None = None) -> Reviser:
    return Reviser(SqlitePlace(file), file.parent / "backups", OWNERS, folder)


def query(file: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(sql).fetchall()


def write(file: Path, sql: str, *parameters: Any) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(sql, parameters)


def test_down_and_up_again_on_data(file: Path, tmp_path: Path) -> None:
    before = contents(file)
    ours = reviser(file, newer(tmp_path, "9000", "9001"))
    told: list[tuple[str, int, int]] = []
    up = ours.upgrade(progress=lambda *each: told.append(each))
    assert (up.before, up.after, told) == (HEAD, "9001", [("migrated", 1, 2), ("migrated", 2, 2)])
    assert query(file, "SELECT id, size FROM users") == [("u1", None)]
    down = ours.downgrade(HEAD, lambda *each: told.append(each))
    assert (down.before, down.after, told[2:]) == ("9001", HEAD, [("undone", 1, 2), ("undone", 2, 2)])
    assert contents(file) == before
    assert ours.upgrade("9000").after == "9000"
    assert {each.name for each in backups_in(tmp_path / "backups")} >= {up.backup, down.backup}
    assert [each.revision for each in backups_in(tmp_path / "backups")] == [HEAD, "9001", HEAD]


def test_the_backup_before_a_downgrade_holds_what_it_loses(file: Path, tmp_path: Path) -> None:
    ours = reviser(file, newer(tmp_path, "9000"))
    ours.upgrade()
    write(file, "INSERT INTO shoes VALUES (46)")
    down = ours.downgrade(HEAD)
    assert query(file, "SELECT name FROM sqlite_master WHERE name = 'shoes'") == []
    assert query(tmp_path / "backups" / str(down.backup), "SELECT id FROM shoes") == [(46,)]


def test_what_a_downgrade_takes_away_is_known_no_longer(file: Path, tmp_path: Path) -> None:
    ours = reviser(file, newer(tmp_path, "9000"))
    ours.upgrade()
    for name, core in (("shoes", 1), ("ext_quotes__items", 0)):
        write(
            file,
            "INSERT INTO table_metadata (table_name, access_level, owner_id, schema_definition, is_system, created_at)"
            " VALUES (?, 'locked', 'module:shoes', '[]', ?, 1)",
            name,
            core,
        )
    write(file, "CREATE TABLE ext_quotes__items (id INTEGER)")
    ours.downgrade(HEAD)
    assert query(file, "SELECT table_name FROM table_metadata WHERE owner_id = 'module:shoes'") == [("ext_quotes__items",)]


def test_a_step_that_fails_leaves_everything_as_it_was(file: Path, tmp_path: Path) -> None:
    folder = newer(tmp_path, "9000", "9001", "9002")
    before = contents(file)
    with pytest.raises(ZeroDivisionError):
        reviser(file, folder).upgrade()
    assert contents(file) == before
    with closing(sqlite3.connect(file, timeout=0)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        with pytest.raises(RevisionRefused, match="nothing in it was changed"):
            reviser(file, folder).upgrade("9000")
    assert contents(file) == before


def test_where_it_is_already_nothing_is_done(file: Path) -> None:
    done = reviser(file).upgrade()
    assert (done.before, done.after, done.backup) == (HEAD, HEAD, None)
    assert reviser(file).downgrade(HEAD).backup is None
    assert not (file.parent / "backups").exists()


def test_a_new_database_is_made(tmp_path: Path) -> None:
    file = tmp_path / "new.db"
    with pytest.raises(RevisionRefused, match="no database"):
        reviser(file).downgrade(HEAD)
    done = reviser(file).upgrade()
    assert (done.before, done.after, done.backup) == (None, HEAD, None)
    assert {name for (name,) in query(file, "SELECT table_name FROM table_metadata")} == set(OWNERS)


def test_each_command_goes_its_own_way_and_to_what_there_is(file: Path, tmp_path: Path) -> None:
    ours = reviser(file, newer(tmp_path, "9000"))
    with pytest.raises(RevisionRefused, match="db upgrade 9000"):
        ours.downgrade("9000")
    ours.upgrade()
    with pytest.raises(RevisionRefused, match=f"db downgrade {HEAD}"):
        ours.upgrade(HEAD)
    for unknown in ("base", "head", "0000", "9001"):
        with pytest.raises(RevisionRefused, match="There is no revision"):
            ours.upgrade(unknown)


def test_it_tells_where_it_stands(file: Path, tmp_path: Path) -> None:
    found = standing(SqlitePlace(file), newer(tmp_path, "9000"))
    assert (found.database, found.revision, found.head, found.pending) == (str(file), HEAD, "9000", ("9000",))
    assert standing(SqlitePlace(tmp_path / "none.db")).revision is None
    letter = tmp_path / "letter"
    letter.write_bytes(b"Dear Ada, " * 1000)
    with pytest.raises(StartError, match="cannot be read as a database"):
        standing(SqlitePlace(letter))


def test_a_newer_database_is_refused_by_everything(file: Path, tmp_path: Path) -> None:
    reviser(file, newer(tmp_path, "9000")).upgrade()
    for refused in (reviser(file).upgrade, lambda: reviser(file).downgrade(HEAD), lambda: standing(SqlitePlace(file))):
        with pytest.raises(StartError, match="newer ViveSphere"):
            refused()


def test_without_a_backup_nothing_is_migrated(file: Path, tmp_path: Path) -> None:
    (tmp_path / "backups").write_text("in the way")
    before = contents(file)
    with pytest.raises(StartError, match="could not be backed up"):
        bring_up_to_date(SqlitePlace(file), owners=OWNERS, backups=tmp_path / "backups", folder=newer(tmp_path, "9000"))
    assert contents(file) == before


def test_what_was_filled_half_way_does_not_start(file: Path) -> None:
    with writing_new(file) as side:
        for _ in range(2):
            mark_unfinished(side.connection)
    with pytest.raises(StartError, match="did not finish"):
        bring_up_to_date(SqlitePlace(file), owners=OWNERS)
    bring_up_to_date(SqlitePlace(file), owners=OWNERS, to_be_filled=True)
