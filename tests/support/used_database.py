"""A database as somebody left it: migrated, with rows in many tables, and with tables that a plugin and a person made."""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from vivesphere import tables
from vivesphere.kernel.db.location import SqlitePlace
from vivesphere.kernel.db.migrate import bring_up_to_date

EVENTS = "id, topic, time, source, actor, project, mode, correlation_id, causation_id, hop, bytes, payload"

LEADS = """
CREATE TABLE data_leads (
    id VARCHAR(36) NOT NULL, version BIGINT NOT NULL DEFAULT '1', name TEXT NOT NULL DEFAULT 'Nobody''s', vip BOOLEAN DEFAULT 1,
    score DOUBLE, day VARCHAR(10), boss VARCHAR(36) REFERENCES data_leads (id), firm VARCHAR(36) REFERENCES data_firms (id),
    PRIMARY KEY (id)
)
"""
FIRMS = """
CREATE TABLE data_firms (
    id VARCHAR(36) NOT NULL, best VARCHAR(36) REFERENCES data_leads (id), logo BLOB, PRIMARY KEY (id)
)
"""

SAID = "CREATE TABLE ext_quotes__said (body TEXT, at BIGINT)"


def used_database(file: Path, events: int = 100) -> Path:
    """Make one at that path."""
    bring_up_to_date(SqlitePlace(file), owners=tables.owners())
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("INSERT INTO projects VALUES ('default', 'Default', 1767614400000000)")
        connection.execute("INSERT INTO users VALUES ('u1', 'Ada ☕', 'ada ☕', 'hash', -1, -1)")
        add_events(connection, range(events))
        connection.execute("DELETE FROM event_log WHERE seq = (SELECT max(seq) FROM event_log)")
        sealed = bytes(range(256))
        connection.execute("INSERT INTO secrets VALUES ('s1', 'default', 'module:bots', 'irc', ?, 'last', 1, 2)", (sealed,))
        _add_tables(connection)
    return file


def add_events(connection: sqlite3.Connection, numbers: Iterable[int]) -> None:
    said = (
        (
            f"e{n:034}",
            "bots.message.sent",
            n,
            "module:bots",
            "user:u1",
            "default",
            "live",
            f"c{n // 7}",
            None,
            n % 16,
            200,
            TEXT,
        )
        for n in numbers
    )
    connection.executemany(f"INSERT INTO event_log ({EVENTS}) VALUES ({', '.join('?' * 12)})", said)  # noqa: S608 - our own words


TEXT = '{"text":"tab\\t, quote \\", backslash \\\\, ☕ and \\\\N"}'


def _add_tables(connection: sqlite3.Connection) -> None:
    """Tables that refer to one another in a circle, and one without a key."""
    for name, made in (("data_firms", FIRMS), ("data_leads", LEADS), ("ext_quotes__said", SAID)):
        connection.execute(made)
        connection.execute(
            "INSERT INTO table_metadata (table_name, access_level, owner_id, schema_definition, is_system, created_at, project)"
            " VALUES (?, 'user', 'module:data', '[]', 0, 1, 'default')",
            (name,),
        )
    connection.execute("CREATE UNIQUE INDEX data_leads__name ON data_leads (name)")
    connection.executemany("INSERT INTO ext_quotes__said VALUES (?, ?)", [("Hello", 1), ("Hello", 1)])
    connection.execute("INSERT INTO data_firms VALUES ('f1', 'l2', ?)", (b"\0\1\2",))
    rows = [("l1", "Grace\tHopper", 1, 1.5, "2026-01-05", "l2", "f1"), ("l2", "Ada\\N\n", 0, 1e300, None, None, None)]
    connection.executemany("INSERT INTO data_leads VALUES (?, 1, ?, ?, ?, ?, ?, ?)", rows)


def contents(file: Path) -> Mapping[str, Any]:
    """Everything that is in a file: each table's rows in order, and what its tables and indexes are made of."""
    with closing(sqlite3.connect(file)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        rows = {name: sorted(_all(connection, name), key=repr) for name in names}
        return rows | {"": sorted(connection.execute("SELECT type, name, tbl_name FROM sqlite_master"))}


def _all(connection: sqlite3.Connection, table: str) -> list[Any]:
    return connection.execute(f'SELECT * FROM "{table}"').fetchall()  # noqa: S608 - a name out of the schema itself
