"""A PostgreSQL database as migrations see it: one schema of ours, changed in one transaction while nobody else uses it."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy as sa

from vivesphere.kernel.db.location import PostgresPlace
from vivesphere.kernel.db.postgres.opening import SCHEMA, core_engine
from vivesphere.kernel.db.postgres.roles import NO_ROLES
from vivesphere.kernel.db.postgres.server_lock import IN_USE, SERVER_LOCK
from vivesphere.kernel.errors import StartError

_MAY_MAKE_ROLES = sa.text("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
_TAKE = sa.text("SELECT pg_try_advisory_xact_lock(:lock)")

# SQLite compares text byte by byte; a server's locale may not, and then even a topic would be found or not by it.
_AS_BYTES = sa.text(
    """
    DO $$
    DECLARE found record;
    BEGIN
      FOR found IN
        SELECT c.oid::regclass AS relation, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'vivesphere'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
          AND a.attcollation <> 0 AND a.attcollation <> '"C"'::regcollation
      LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I TYPE %s COLLATE "C"', found.relation, found.name, found.type);
      END LOOP;
    END $$
    """
)


class PostgresGround:
    """PostgreSQL changes schemas in transactions, so whatever ends the process, the database is as before or as after."""

    driver_error = psycopg.Error

    def __init__(self, place: PostgresPlace) -> None:
        self._place = place

    @contextmanager
    def migrating(self) -> Iterator[sa.Connection]:
        engine = core_engine(self._place).execution_options(isolation_level="READ COMMITTED")
        with engine.begin() as connection:
            if not connection.execute(_TAKE, {"lock": SERVER_LOCK}).scalar_one():
                raise StartError(IN_USE.format(self._place))
            if not _has_schema(connection):
                connection.execute(sa.text(f"CREATE SCHEMA {SCHEMA}"))
            yield connection

    @contextmanager
    def looking(self) -> Iterator[sa.Connection | None]:
        engine = core_engine(self._place).execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with engine.begin() as connection:
            yield connection if _has_schema(connection) else None

    def warning(self, connection: sa.Connection) -> str | None:
        return None if connection.execute(_MAY_MAKE_ROLES).scalar_one() else NO_ROLES

    def check(self, connection: sa.Connection) -> None:
        """References cannot break: PostgreSQL checks them in every statement."""
        connection.execute(_AS_BYTES)


def _has_schema(connection: sa.Connection) -> bool:
    return bool(connection.execute(sa.text("SELECT to_regnamespace(:name) IS NOT NULL"), {"name": SCHEMA}).scalar_one())
