"""Looks into a plain backup before anybody relies on it: it opens, holds together, and is one of ours."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from vivesphere.kernel.db.backup.errors import BackupDamaged
from vivesphere.kernel.db.backup.progress import Progress, untold

VERSION_TABLE = "alembic_version"


class Contents(msgspec.Struct, frozen=True):
    """What was found: the schema's revision, and how many rows each table has."""

    revision: str
    rows: dict[str, int]


def verify(file: Path, known: Sequence[str], progress: Progress = untold, name: str | None = None) -> Contents:
    """Open the file and look at all of it; nothing in it is changed and nothing made beside it.

    `known` are the revisions of this code, `name` is what a person calls the file. Raises BackupDamaged.
    """
    name = name or file.name
    try:
        # Nobody else has it open, so nothing need be locked. The kernel's own connections keep to an ACL; this one looks only.
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            _check_whole(connection, name)
            revision = _revision(connection, known, name)
            tables = [each for (each,) in connection.execute(_TABLES)]
            rows: dict[str, int] = {}
            for number, table in enumerate(tables):
                (rows[table],) = connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()  # noqa: S608 - a name out of the schema itself, quoted
                progress("verified", number + 1, len(tables))
    except sqlite3.Error as error:
        raise BackupDamaged(f"{name} cannot be read as a backup of ViveSphere ({error}).") from error
    return Contents(revision, rows)


_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"


def _check_whole(connection: sqlite3.Connection, name: str) -> None:
    (finding,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if finding != "ok":
        raise BackupDamaged(f"{name} is damaged: {finding}.")
    broken = connection.execute("PRAGMA foreign_key_check").fetchone()
    if broken is not None:
        raise BackupDamaged(f"{name} has rows of {broken[0]} without the rows of {broken[2]} that they refer to.")


def _revision(connection: sqlite3.Connection, known: Sequence[str], name: str) -> str:
    """The revision, of a database whose list of tables can be read and names tables that are there."""
    missing = connection.execute(
        "SELECT table_name FROM table_metadata WHERE table_name NOT IN (SELECT name FROM sqlite_master) ORDER BY table_name"
    ).fetchone()
    if missing is not None:
        raise BackupDamaged(f"{name} knows a table {missing[0]} that is not in it.")
    found = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()  # noqa: S608 - a constant
    if found is None or found[0] not in known:
        said = "none" if found is None else found[0]
        raise BackupDamaged(f"{name} has the schema {said}, and this ViveSphere knows {known[0]} to {known[-1]}.")
    return str(found[0])
