"""A real PostgreSQL for the tests: one server for the session, started when the first test asks, and databases in it.

Every process of the session holds a lock that tells the keeper (`postgres_keeper.py`) that the server is needed.
"""

import fcntl
import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import sqlalchemy as sa
from psycopg import sql

from vivesphere import tables
from vivesphere.kernel.db import migrate
from vivesphere.kernel.db.location import PoolSize, PostgresPlace
from vivesphere.kernel.db.postgres.opening import core_engine
from vivesphere.kernel.db.schema import Model

POOL = PoolSize(2, 6)
TEMPLATE = "vivesphere_template"

_numbers = itertools.count(1)

# A database that is emptied is ready in a few milliseconds, and its roles are there already; to make one takes fifty.
_EMPTY: LiteralString = """
DO $$
DECLARE name text; filled boolean;
BEGIN
  PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'vivesphere' AND tablename <> 'alembic_version' LOOP
    IF name = ANY ({}) THEN
      EXECUTE 'SELECT EXISTS (SELECT FROM vivesphere.' || name || ')' INTO filled;
      IF filled THEN EXECUTE 'TRUNCATE vivesphere.' || name || ' CASCADE'; END IF;
    ELSE
      EXECUTE 'DROP TABLE vivesphere.' || name || ' CASCADE';
    END IF;
  END LOOP;
  PERFORM setval('vivesphere.event_log_seq_seq', 1, false);
END $$
"""


@cache
def server() -> sa.URL:
    """The session's server, for its superuser."""
    # Workers of pytest-xdist share the name of their run.
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"alone-{os.getpid()}")
    # Short, since a socket lies in it.
    folder = Path(tempfile.gettempdir()) / f"vs-pg-{session[:12]}"
    folder.mkdir(exist_ok=True)
    with (folder / "starting").open("wb") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        # Never closed: held for as long as this process lives.
        fcntl.flock(os.open(folder / "users", os.O_RDWR | os.O_CREAT, 0o600), fcntl.LOCK_SH)
        if not (folder / "url").exists():
            (folder / "url").write_text(_start(folder))
    return sa.make_url((folder / "url").read_text())


def _start(folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    command = [sys.executable, "-m", "tests.support.postgres_keeper", str(folder)]
    url = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own
    assert url, f"PostgreSQL did not start: {(folder / 'keeper.log').read_text()}"
    made = place_in(sa.make_url(url), "postgres")
    with connect(made) as connection:
        connection.execute(f"CREATE DATABASE {TEMPLATE}")
    migrate.bring_up_to_date(place_in(sa.make_url(url), TEMPLATE), owners=tables.owners())
    return url


def place_in(url: sa.URL, database: str) -> PostgresPlace:
    return PostgresPlace(url.set(drivername="postgresql+psycopg", database=database), POOL)


def connect(place: PostgresPlace) -> psycopg.Connection[Any]:
    """The superuser's connection, each statement for itself."""
    url = place.url
    return psycopg.connect(host=url.query["host"], user=url.username, dbname=url.database, autocommit=True)  # type: ignore[arg-type]  # one host


@contextmanager
def core(place: PostgresPlace) -> Iterator[sa.Connection]:
    """A transaction of SQLAlchemy's, committed if the block ends well."""
    with core_engine(place).execution_options(isolation_level="READ COMMITTED").begin() as connection:
        yield connection


@contextmanager
def new_database(template: str = TEMPLATE) -> Iterator[PostgresPlace]:
    """A database of its own, made by the migrations; `template0` for one that nobody has used."""
    place = _make_database(template)
    try:
        yield place
    finally:
        _as_admin("DROP DATABASE {} WITH (FORCE)", str(place.url.database))


def emptied_database() -> PostgresPlace:
    """This process's own database, as the migrations made it. For one test at a time."""
    place = own_database()
    with connect(place) as connection:
        connection.execute(sql.SQL(_EMPTY).format(sql.Literal(sorted(Model.metadata.tables))))
    return place


@cache
def own_database() -> PostgresPlace:
    """This process's. Never dropped: it goes with the server."""
    return _make_database(TEMPLATE)


def _make_database(template: str) -> PostgresPlace:
    name = f"test_{os.getpid()}_{next(_numbers)}"
    _as_admin("CREATE DATABASE {} TEMPLATE {}", name, template)
    return place_in(server(), name)


def _as_admin(command: LiteralString, *names: str) -> None:
    with connect(place_in(server(), "postgres")) as connection:
        connection.execute(sql.SQL(command).format(*map(sql.Identifier, names)))
