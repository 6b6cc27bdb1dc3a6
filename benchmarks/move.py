"""`vivesphere db move` of one million rows, proof included: to a new SQLite file, to PostgreSQL, and back.

The peer is what the driver alone can do to the same rows: read from one file, and written to another in one transaction.
"""

import sqlite3
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from tests.support.postgres import new_database
from tests.support.used_database import EVENTS, add_events, used_database

from benchmarks.harness import Result, result
from vivesphere import tables
from vivesphere.kernel import telemetry
from vivesphere.kernel.db.location import Place, SqlitePlace
from vivesphere.kernel.db.moving.transfer import Mover
from vivesphere.kernel.telemetry import LogSettings

ROWS = 1_000_000
TARGET = 20_000


def measure() -> list[Result]:
    """Each once: a million rows are a run of their own."""
    # What is told of migrations would stand among the figures.
    telemetry.configure_logging(LogSettings(level="warning"))
    with tempfile.TemporaryDirectory() as name, new_database() as server:
        folder = Path(name)
        file = used_database(folder / "source.db", events=2)
        with closing(sqlite3.connect(file)) as connection, connection:
            add_events(connection, range(10, 10 + ROWS))
        mover = Mover(tables.owners(), folder / "backups", datetime.now(UTC))
        plain = _plain(file, folder / "plain.db")
        figures = [
            ("SQLite to SQLite", _rate(mover, SqlitePlace(file), SqlitePlace(folder / "copy.db")), plain),
            ("SQLite to PostgreSQL", _rate(mover, SqlitePlace(file), server), None),
            ("PostgreSQL to SQLite", _rate(mover, server, SqlitePlace(folder / "back.db")), None),
        ]
    return [
        result(
            "move",
            f"{way}, one million events, proved",
            rate,
            "rows/s",
            target=TARGET,
            peer="sqlite3, unproved" if peer else None,
            peer_value=peer,
        )
        for way, rate, peer in figures
    ]


def _rate(mover: Mover, source: Place, target: Place) -> float:
    began = time.perf_counter()
    moved = mover.move(source, target)
    assert moved.tables["event_log"].rows > ROWS
    return moved.rows / (time.perf_counter() - began)


def _plain(source: Path, target: Path) -> float:
    """The same table with its indexes, by hand."""
    began = time.perf_counter()
    with closing(sqlite3.connect(source)) as reading, closing(sqlite3.connect(target)) as writing, writing:
        made = "SELECT sql FROM sqlite_master WHERE tbl_name = 'event_log' AND sql IS NOT NULL"
        for (sql,) in reading.execute(made).fetchall():
            writing.execute(sql)
        rows = reading.execute(f"SELECT {EVENTS} FROM event_log")  # noqa: S608 - our own words
        writing.executemany(f"INSERT INTO event_log ({EVENTS}) VALUES ({', '.join('?' * 12)})", rows)  # noqa: S608 - as above
    return ROWS / (time.perf_counter() - began)
