"""Brings a database up to the code at start: schema and `table_metadata` in one transaction, after a backup.

The caller holds the data directory's lock. Whatever ends the process on the way, the database is as before or as after.
Revisions are numbered files in one line, so that a start with nothing to migrate need not load Alembic (10 MB and 0.1 s).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
import structlog

from vivesphere.kernel import paths, release
from vivesphere.kernel.db.backup.errors import BackupError
from vivesphere.kernel.db.backup.folder import BackupFile
from vivesphere.kernel.db.backup.making import Wanted, make
from vivesphere.kernel.db.backup.origins import origin_of
from vivesphere.kernel.db.installation import facts
from vivesphere.kernel.db.location import Place, SqlitePlace
from vivesphere.kernel.db.schema import Model
from vivesphere.kernel.db.sqlite.migrating import SqliteGround
from vivesphere.kernel.db.table_records import describe_core, register
from vivesphere.kernel.errors import StartError
from vivesphere.kernel.principals import Principal

VERSION_TABLE = "alembic_version"

UNFINISHED = "unfinished_copy"
"""The fact of an installation that is only half of one."""

log = structlog.get_logger("vivesphere.db")


class Ground(Protocol):
    """A database as migrations see it."""

    @property
    def driver_error(self) -> type[Exception]: ...

    def migrating(self) -> AbstractContextManager[sa.Connection]:
        """The one transaction in which all of it happens, with nobody beside it; committed if the block ends well."""
        ...

    def looking(self) -> AbstractContextManager[sa.Connection | None]:
        """A connection that changes nothing; None if the first start will make the database."""
        ...

    def check(self, connection: sa.Connection) -> None:
        """After the migrations, before the commit. Raises StartError if they left rows without what they refer to."""
        ...

    def warning(self, connection: sa.Connection) -> str | None:
        """What keeps the database from doing all it could for us."""
        ...


def bring_up_to_date(
    place: Place,
    *,
    owners: Mapping[str, Principal],
    backups: Path | None = None,
    folder: Path | None = None,
    to_be_filled: bool = False,
) -> None:
    """Migrate the database, making it if need be. `owners` names the core's tables; `folder` holds the migrations; into
    `backups` (without it: none is made) goes what a person can go back to.

    Raises StartError if it is newer than the code, is no database of ours, or cannot be written or backed up; also for the
    target of a move that never came to its end, unless it is `to_be_filled` now.
    """
    ground, migrations = ground_of(place), folder or paths.migrations()
    try:
        with ground.migrating() as connection:
            _migrate(connection, place, ground, migrations, backups)
            register(connection, describe_core(Model.metadata, owners), datetime.now(UTC))
            if is_unfinished(connection) and not to_be_filled:
                raise StartError(
                    f"{place} is what `vivesphere db move` or `restore` began to fill and did not finish: do it again with "
                    "--force, or name another one in VIVESPHERE_DATABASE_URL."
                )
    except BackupError as error:
        raise StartError(f"The database {place} was not migrated, since it could not be backed up before. {error}") from error
    except (sa.exc.DBAPIError, ground.driver_error, OSError) as error:
        reason = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        raise StartError(
            f"The database {place} cannot be opened or brought up to date ({reason}); nothing in it was changed. "
            "Mend that, or name another one in VIVESPHERE_DATABASE_URL."
        ) from error


def warning(place: Place) -> str | None:
    """What a start would put up with and a person should know. Raises StartError if the database cannot be asked."""
    ground = ground_of(place)
    with _looking(ground, place) as connection:
        return None if connection is None else ground.warning(connection)


def describe(place: Place) -> str:
    """One sentence about the database, for a person; nothing in it is changed. Raises StartError if a start would."""
    ground, known = ground_of(place), revisions(paths.migrations())
    with _looking(ground, place) as connection:
        if connection is None:
            return f"{place}, which the first start will make"
        current = known_revision(connection, place, known)
    pending = sum(revision > (current or "") for revision in known)
    return f"{place}, {f'{pending} migrations to run at the next start' if pending else 'up to date'}"


def revisions(folder: Path) -> tuple[str, ...]:
    """The numbers of the migrations, oldest first: `versions/0001_first_release.py` is `0001`."""
    return tuple(sorted(file.name.partition("_")[0] for file in (folder / "versions").glob("[0-9]*_*.py")))


def mark_unfinished(connection: sa.Connection) -> None:
    """Say of a database that it is about to be filled: what fills it replaces the mark with all the rest."""
    if not is_unfinished(connection):
        connection.execute(sa.insert(facts), {"key": UNFINISHED, "value": True})


def is_unfinished(connection: sa.Connection) -> bool:
    return connection.execute(sa.select(facts.c.key).where(facts.c.key == UNFINISHED)).first() is not None


def back_up(place: Place, backups: Path, migrations: Path) -> BackupFile:
    """What a person can go back to when a change of the schema was none for the better. Raises BackupError."""
    wanted = Wanted(reason="migration", made_at=datetime.now(UTC), known=revisions(migrations), release=release.version())
    return make(origin_of(place, migrations), backups, wanted)


@contextmanager
def _looking(ground: Ground, place: Place) -> Iterator[sa.Connection | None]:
    try:
        with ground.looking() as connection:
            yield connection
    except (sa.exc.DBAPIError, ground.driver_error) as error:
        reason = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        raise StartError(f"{place} cannot be read as a database ({reason}).") from error


def ground_of(place: Place) -> Ground:
    if isinstance(place, SqlitePlace):
        return SqliteGround(place)
    from vivesphere.kernel.db.postgres.migrating import PostgresGround  # noqa: PLC0415 - psycopg takes 0.1 s and 10 MB

    return PostgresGround(place)


def _migrate(connection: sa.Connection, place: Place, ground: Ground, folder: Path, backups: Path | None) -> None:
    known = revisions(folder)
    current, head = known_revision(connection, place, known), known[-1]
    if current == head:
        return
    backup = None if current is None or backups is None else back_up(place, backups, folder).name
    from vivesphere.kernel.db.upgrade import upgrade  # noqa: PLC0415 - loads Alembic, see above

    upgrade(connection, folder)
    ground.check(connection)
    log.info("database_migrated", database=str(place), before=current, after=head, backup=backup)


def known_revision(connection: sa.Connection, place: Place, known: Sequence[str]) -> str | None:
    """The revision the database is at; None for a new one. Raises StartError for one that this code does not know."""
    names = sa.inspect(connection).get_table_names()
    if not names:
        return None
    if VERSION_TABLE not in names:
        raise StartError(f"{place} is a database of something else; name another one in VIVESPHERE_DATABASE_URL.")
    current = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar()  # noqa: S608 - a constant
    if current not in known:
        raise StartError(
            f"The database {place} was written by a newer ViveSphere (its schema is {current}, "
            f"this one knows {known[-1]}); start that version again, or restore the backup made before its first start."
        )
    return str(current)
