"""Moves the whole installation to another database, or replaces what a server's database holds; either all of it or nothing."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec
import sqlalchemy as sa

from vivesphere.kernel import paths, release
from vivesphere.kernel.db import migrate
from vivesphere.kernel.db.backup.durable import discard, unfinished
from vivesphere.kernel.db.backup.making import Wanted, make, reason_of
from vivesphere.kernel.db.backup.origins import origin_of
from vivesphere.kernel.db.backup.progress import Progress, untold
from vivesphere.kernel.db.backup.replacing import put_in_place
from vivesphere.kernel.db.backup.verifying import verify
from vivesphere.kernel.db.location import Place, PostgresPlace, SqlitePlace
from vivesphere.kernel.db.moving.errors import MoveFailed
from vivesphere.kernel.db.moving.mover import copy_all, is_empty
from vivesphere.kernel.db.moving.new_file import copy_to_new_file
from vivesphere.kernel.db.moving.opening import reading, writing
from vivesphere.kernel.db.moving.proof import Proof
from vivesphere.kernel.db.revising import standing
from vivesphere.kernel.principals import Principal


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """What was proved to be the same in both; `kept` says where what the target held before is, if it held anything."""

    tables: Mapping[str, Proof]
    kept: str | None

    @property
    def rows(self) -> int:
        return sum(proof.rows for proof in self.tables.values())


class Mover:
    """`owners` names the core's tables; into the folder `backups` goes what a server's database held before."""

    def __init__(self, owners: Mapping[str, Principal], backups: Path, now: datetime, migrations: Path | None = None) -> None:
        self.owners = owners
        self._backups = backups
        self._now = now
        self.migrations = migrations or paths.migrations()

    def move(self, source: Place, target: Place, *, force: bool = False, progress: Progress = untold) -> Moved:
        """Copy everything; the source stays as it is. Without `force` the target must be new or empty.

        Raises MoveFailed, or StartError for a place that a start would refuse; the target is as it was then.
        """
        if _same(source, target):
            raise MoveFailed(f"{target} is where everything is already.")
        now = standing(source, self.migrations)
        if now.revision is None:
            raise MoveFailed(f"There is nothing to move: {source} is not there yet.")
        if now.pending:
            raise MoveFailed(f"{source} is at {now.revision}, and {now.head} is the newest: `vivesphere db upgrade` first.")
        with _explained(source, target), reading(source) as side:
            if migrate.is_unfinished(side.connection):
                raise MoveFailed(f"{source} is what an earlier move began to fill and did not finish: name where it came from.")
        if isinstance(target, SqlitePlace):
            return self._to_file(source, target.file, force=force, progress=progress)
        return self.fill_server(source, target, force=force, progress=progress)

    def fill_server(self, source: Place, target: PostgresPlace, *, force: bool = False, progress: Progress = untold) -> Moved:
        """Replace all that a server's database holds, in one transaction. The source is at the newest revision.

        Raises like `move`. Until it is done, the target says of itself that it cannot be used.
        """
        with _explained(source, target):
            migrate.bring_up_to_date(target, owners=self.owners, folder=self.migrations, to_be_filled=True)
            kept = self._keep(target, force=force, progress=progress)
            with writing(target) as side:
                migrate.mark_unfinished(side.connection)
            with reading(source) as origin, writing(target) as side:
                proofs = copy_all(origin, side, progress)
        return Moved(tables=proofs, kept=kept)

    def _to_file(self, source: Place, file: Path, *, force: bool, progress: Progress) -> Moved:
        if file.exists() and not force:
            raise MoveFailed(f"There is a file {file} already; with --force it is kept under another name and replaced.")
        with _explained(source, SqlitePlace(file)):
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            partial = unfinished(file.parent)
            try:
                proofs = copy_to_new_file(source, partial, self.migrations, progress)
                verify(partial, migrate.revisions(self.migrations), progress, "The copy")
                kept = put_in_place(partial, file, self._now)
            finally:
                discard(partial)
        return Moved(tables=proofs, kept=None if kept is None else str(kept))

    def _keep(self, target: PostgresPlace, *, force: bool, progress: Progress) -> str | None:
        """The name of the backup of what is there, if anything is."""
        with reading(target) as side:
            if is_empty(side):
                return None
        if not force:
            raise MoveFailed(f"{target} is not empty; with --force a backup of it is made, and it is replaced.")
        wanted = Wanted(
            reason="replaced", made_at=self._now, known=migrate.revisions(self.migrations), release=release.version()
        )
        return make(origin_of(target, self.migrations), self._backups, wanted, progress).name


@contextmanager
def _explained(source: Place, target: Place) -> Iterator[None]:
    """What drivers raise, as a sentence."""
    drivers = (migrate.ground_of(source).driver_error, migrate.ground_of(target).driver_error)
    try:
        yield
    except (sa.exc.DBAPIError, sqlite3.Error, OSError, *drivers) as error:
        raise MoveFailed(
            f"{source} could not be copied to {target}: {reason_of(error)}. "
            "The source is as it was, and nothing was kept of the copy."
        ) from error


def _same(source: Place, target: Place) -> bool:
    if isinstance(source, SqlitePlace) and isinstance(target, SqlitePlace):
        return source.file.resolve() == target.file.resolve()
    return isinstance(source, PostgresPlace) and isinstance(target, PostgresPlace) and _named(source) == _named(target)


def _named(place: PostgresPlace) -> tuple[object, ...]:
    return place.url.host, place.url.port or 5432, place.url.database, place.url.query.get("host")
