"""Brings a database to another revision of its schema on purpose, up or down, and tells at which it is.

The caller holds the data directory's lock. Each change is one transaction, with a backup before it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import sqlalchemy as sa

from vivesphere.kernel import paths
from vivesphere.kernel.db import migrate
from vivesphere.kernel.db.backup.making import reason_of
from vivesphere.kernel.db.backup.progress import Progress, untold
from vivesphere.kernel.db.location import Place
from vivesphere.kernel.db.schema import Model
from vivesphere.kernel.db.table_records import describe_core, register
from vivesphere.kernel.errors import StartError, ViveSphereError
from vivesphere.kernel.principals import Principal


class RevisionRefused(ViveSphereError):
    """The database is not brought there. The message says why, in a sentence."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """`revision` is None for a database that is not there yet; `pending` are the migrations that the next start runs."""

    database: str
    revision: str | None
    head: str
    pending: tuple[str, ...]


class Revised(msgspec.Struct, frozen=True, kw_only=True):
    """`backup` is the name of the one made before; None if nothing had to be changed, or there was nothing."""

    before: str | None
    after: str
    backup: str | None


def standing(place: Place, migrations: Path | None = None) -> Standing:
    """Looks only. Raises StartError for a database that a start would refuse."""
    ground, known = migrate.ground_of(place), migrate.revisions(migrations or paths.migrations())
    try:
        with ground.looking() as connection:
            current = None if connection is None else migrate.known_revision(connection, place, known)
    except (sa.exc.DBAPIError, ground.driver_error) as error:
        raise StartError(f"{place} cannot be read as a database ({reason_of(error)}).") from error
    pending = tuple(each for each in known if each > (current or ""))
    return Standing(database=str(place), revision=current, head=known[-1], pending=pending)


class Reviser:
    """For one database. `backups` is where the backups lie, `owners` names the core's tables of this code."""

    def __init__(self, place: Place, backups: Path, owners: Mapping[str, Principal], migrations: Path | None = None) -> None:
        self._place = place
        self._backups = backups
        self._owners = owners
        self._migrations = migrations or paths.migrations()
        self._known = migrate.revisions(self._migrations)

    def upgrade(self, revision: str | None = None, progress: Progress = untold) -> Revised:
        """To `revision`, or the newest. Raises RevisionRefused, or StartError as a start would."""
        wanted = self._find(revision or self._known[-1])
        before = standing(self._place, self._migrations).revision
        if before is not None and before > wanted:
            raise RevisionRefused(f"{self._place} is at {before} already; `vivesphere db downgrade {wanted}` goes back.")
        return self._bring(wanted, progress)

    def downgrade(self, revision: str, progress: Progress = untold) -> Revised:
        """Back to `revision`: what only later ones can hold is lost, but for the backup. Raises like `upgrade`."""
        wanted = self._find(revision)
        before = standing(self._place, self._migrations).revision
        if before is None:
            raise RevisionRefused(f"There is no database {self._place}.")
        if before < wanted:
            raise RevisionRefused(f"{self._place} is at {before} only; `vivesphere db upgrade {wanted}` goes on.")
        return self._bring(wanted, progress)

    def _find(self, revision: str) -> str:
        if revision not in self._known:
            raise RevisionRefused(f"There is no revision {revision!r}; there are {', '.join(self._known)}.")
        return revision

    def _bring(self, wanted: str, progress: Progress) -> Revised:
        ground = migrate.ground_of(self._place)
        try:
            with ground.migrating() as connection:
                before = migrate.known_revision(connection, self._place, self._known)
                if before == wanted:
                    return Revised(before=before, after=wanted, backup=None)
                backup = None if before is None else migrate.back_up(self._place, self._backups, self._migrations).name
                self._run(connection, before, wanted, progress)
                ground.check(connection)
        except (sa.exc.DBAPIError, ground.driver_error, OSError) as error:
            raise RevisionRefused(
                f"{self._place} was not brought to {wanted} ({reason_of(error)}); nothing in it was changed."
            ) from error
        return Revised(before=before, after=wanted, backup=backup)

    def _run(self, connection: sa.Connection, before: str | None, wanted: str, progress: Progress) -> None:
        from vivesphere.kernel.db.upgrade import downgrade, upgrade  # noqa: PLC0415 - loads Alembic, which `current` need not

        if before is None or before < wanted:
            upgrade(connection, self._migrations, wanted, progress)
        else:
            downgrade(connection, self._migrations, wanted, progress)
        if wanted == self._known[-1]:
            register(connection, describe_core(Model.metadata, self._owners), datetime.now(UTC))
        else:
            _strike_out_what_is_gone(connection)


def _strike_out_what_is_gone(connection: sa.Connection) -> None:
    """In plain SQL: `table_metadata` itself may have other columns at an older revision. What came is registered by the next
    start, which goes up to the newest revision."""
    there = sa.inspect(connection).get_table_names()
    records = sa.table("table_metadata", sa.column("table_name"), sa.column("is_system", sa.Boolean))
    connection.execute(sa.delete(records).where(records.c.is_system, records.c.table_name.not_in(there)))
