"""`vivesphere db check`: everything that should be true of a database and that no constraint can say. It only looks."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from vivesphere.kernel import paths
from vivesphere.kernel.db import installation, log_extent, migrate
from vivesphere.kernel.db.backup.making import reason_of
from vivesphere.kernel.db.backup.progress import Progress, untold
from vivesphere.kernel.db.event_log import log
from vivesphere.kernel.db.location import Place
from vivesphere.kernel.db.models import Delivery, EventCursor
from vivesphere.kernel.db.schema import REFERS_TO, Model, table_of
from vivesphere.kernel.db.table_records import records
from vivesphere.kernel.errors import StartError
from vivesphere.kernel.principals import Principal

MOST = 20
"""Findings that SQLite is asked for: a file that is broken once is broken in many places."""

Kind = Literal["integrity", "keys", "schema", "tables", "orphans", "events"]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as it should be. `detail` is a sentence."""

    check: Kind
    table: str
    detail: str


Check = Callable[[sa.Connection, Mapping[str, Principal]], Iterator[Fault]]


def check(
    place: Place, owners: Mapping[str, Principal], progress: Progress = untold, migrations: Path | None = None
) -> list[Fault]:
    """All that is wrong. A database at another revision than the newest is only held against what holds for all.

    Raises StartError for one that is not there, or is none of ours.
    """
    ground, known = migrate.ground_of(place), migrate.revisions(migrations or paths.migrations())
    found: list[Fault] = []
    try:
        with ground.looking() as connection:
            current = None if connection is None else migrate.known_revision(connection, place, known)
            if connection is None or current is None:
                raise StartError(f"There is no database {place} yet; the first start makes it.")
            wanted = _ALWAYS if current != known[-1] else (*_ALWAYS, *_WITH_MODELS)
            for number, look in enumerate(wanted):
                found += look(connection, owners)
                progress("checked", number + 1, len(wanted))
    except (sa.exc.DBAPIError, ground.driver_error) as error:
        return [*found, Fault(check="integrity", table="", detail=f"{place} cannot be read to its end: {reason_of(error)}.")]
    if current != known[-1]:
        behind = f"The schema is {current}, and {known[-1]} is the newest: `vivesphere db upgrade`, then check again."
        found.append(Fault(check="schema", table="", detail=behind))
    return found


def _integrity(connection: sa.Connection, _owners: Mapping[str, Principal]) -> Iterator[Fault]:
    """PostgreSQL looks after its pages by itself, and keeps every key."""
    if connection.dialect.name == "sqlite":
        for (said,) in connection.exec_driver_sql(f"PRAGMA integrity_check({MOST})").all():
            if said != "ok":
                yield Fault(check="integrity", table="", detail=f"The file is damaged: {said}.")


def _keys(connection: sa.Connection, _owners: Mapping[str, Principal]) -> Iterator[Fault]:
    if connection.dialect.name == "sqlite":
        broken: dict[tuple[str, str], int] = {}
        for table, _, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check").all():
            broken[table, parent] = broken.get((table, parent), 0) + 1
        for (table, parent), rows in broken.items():
            detail = f"{_rows(rows)} of {table} refer to rows of {parent} that are not there."
            yield Fault(check="keys", table=table, detail=detail)


def _tables(connection: sa.Connection, owners: Mapping[str, Principal]) -> Iterator[Fault]:
    there = set(sa.inspect(connection).get_table_names()) - {migrate.VERSION_TABLE}
    known = {row.table_name: row for row in connection.execute(sa.select(records.c.table_name, records.c.owner_id))}
    for name in sorted(there - known.keys()):
        detail = f"The table {name} is not in table_metadata, so that nobody may touch it."
        yield Fault(check="tables", table=name, detail=detail)
    for name in sorted(known.keys() - there):
        yield Fault(check="tables", table=name, detail=f"The table {name} is in table_metadata, and is not there.")
    for name in sorted(owners.keys() & known.keys()):
        if known[name].owner_id != owners[name]:
            detail = f"The table {name} is said to be of {known[name].owner_id}, and is of {owners[name]}; a start mends it."
            yield Fault(check="tables", table=name, detail=detail)


def _drift(connection: sa.Connection, owners: Mapping[str, Principal]) -> Iterator[Fault]:
    from vivesphere.kernel.db.drift import differences  # noqa: PLC0415 - loads Alembic

    for table, said in differences(connection, Model.metadata, owners.keys()):
        yield Fault(check="schema", table=table, detail=said)


def _orphans(connection: sa.Connection, _owners: Mapping[str, Principal]) -> Iterator[Fault]:
    """Ids of another module's row that is gone (I7)."""
    for table in Model.metadata.sorted_tables:
        for column in table.columns:
            if (to := column.info.get(REFERS_TO)) is not None:
                yield from _lost(connection, column, _column(to))


def _lost(connection: sa.Connection, column: sa.Column[Any], to: sa.Column[Any]) -> Iterator[Fault]:
    gone = sa.select(sa.func.count()).where(column.is_not(None), ~sa.exists().where(to == column))
    rows = connection.execute(gone.select_from(column.table)).scalar_one()
    if rows:
        table = str(column.table.name)
        detail = f"{_rows(rows)} of {table} refer by {column.name} to {to.table.name} that are gone."
        yield Fault(check="orphans", table=table, detail=detail)


def _column(name: str) -> sa.Column[Any]:
    table, _, column = name.partition(".")
    return Model.metadata.tables[table].columns[column]


def _events(connection: sa.Connection, _owners: Mapping[str, Principal]) -> Iterator[Fault]:
    """What is counted of the event log, and who has come how far in it."""
    newest = connection.execute(sa.select(sa.func.max(log.c.seq))).scalar_one() or 0
    facts = installation.facts
    written = connection.execute(sa.select(facts.c.value).where(facts.c.key == log_extent.COUNTED)).scalar_one_or_none()
    counted = msgspec.convert(written or {}, log_extent.Counted)
    held = sa.select(sa.func.count(log.c.seq), sa.func.coalesce(sa.func.sum(log.c.bytes), 0)).where(log.c.seq <= counted.newest)
    events, size = connection.execute(held).one()
    if (events, size) != (counted.events, counted.bytes):
        detail = (
            f"The event log holds {events} events of {size} bytes up to {counted.newest}, "
            f"and is said to hold {counted.events} of {counted.bytes}: retention would delete too much or too little."
        )
        yield Fault(check="events", table="event_log", detail=detail)
    cursors, deliveries = table_of(EventCursor), table_of(Delivery)
    last = max(newest, counted.newest)
    for listener, seq in connection.execute(sa.select(cursors.c.listener, cursors.c.seq).where(cursors.c.seq > last)):
        detail = f"{listener} is said to have heard event {seq}, and the last one is {last}: it would miss those between."
        yield Fault(check="events", table="event_cursors", detail=detail)
    yield from _lost(connection, deliveries.c.seq, log.c.seq)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


_ALWAYS: tuple[Check, ...] = (_integrity, _keys)
_WITH_MODELS: tuple[Check, ...] = (_tables, _drift, _orphans, _events)
