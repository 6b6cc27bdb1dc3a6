"""Where the database is: the settings' URL, read."""

from pathlib import Path
from typing import Literal

import msgspec
import sqlalchemy as sa

from vivesphere.kernel.errors import StartError

Environment = Literal["development", "staging", "production"]

NOT_UNDERSTOOD = (
    "VIVESPHERE_DATABASE_URL is not understood: write sqlite:///path/to/file.db, the path of a file, "
    "or postgresql://name@server/database, with the password after the name and a colon."
)
NOT_A_FILE = (
    "The database has to be a file, since several connections share it: "
    "write sqlite:///path/to/file.db in VIVESPHERE_DATABASE_URL."
)
_SQLITE = frozenset({"sqlite", "sqlite+pysqlite", "sqlite+aiosqlite"})
_POSTGRESQL = frozenset(
    scheme + driver for scheme in ("postgres", "postgresql") for driver in ("", "+psycopg", "+psycopg2", "+asyncpg")
)


class PoolSize(msgspec.Struct, frozen=True):
    """Connections that are kept, and how many more there may be while there is more to do."""

    kept: int
    extra: int

    @property
    def most(self) -> int:
        return self.kept + self.extra


POOLS: dict[Environment, PoolSize] = {
    "development": PoolSize(2, 5),
    "staging": PoolSize(5, 10),
    "production": PoolSize(10, 20),
}


class SqlitePlace(msgspec.Struct, frozen=True):
    """A file of SQLite."""

    file: Path

    def __str__(self) -> str:
        return str(self.file)


class PostgresPlace(msgspec.Struct, frozen=True):
    """A database of a PostgreSQL server. `url` holds the password, and shows it to nobody who prints it."""

    url: sa.URL
    pool: PoolSize = POOLS["production"]

    def __str__(self) -> str:
        """Without user and password."""
        server = self.url.host or self.url.query.get("host") or "this machine"
        return f"PostgreSQL database {self.url.database} on {server if isinstance(server, str) else ','.join(server)}"


Place = SqlitePlace | PostgresPlace


def pool_size(env: Environment, kept: int | None, extra: int | None) -> PoolSize:
    """What the environment is worth, but for what was set."""
    usual = POOLS[env]
    return PoolSize(usual.kept if kept is None else kept, usual.extra if extra is None else extra)


def place_of(url: str | None, default: Path, pool: PoolSize = POOLS["production"]) -> Place:
    """The place that `url` names: `sqlite:///relative`, `sqlite:////absolute`, a bare path, or `postgresql://…`; without one
    the file `default`. Drivers named in it (`+aiosqlite`, `+asyncpg`) are read as ours.

    Raises StartError for anything else. The URL itself is not repeated in the message: it may hold a password.
    """
    if not url:
        return SqlitePlace(default)
    scheme, separator, rest = url.partition("://")
    if not separator:
        place = SqlitePlace(_file(url))
        # A URL with a slash too few is no file's name, and may hold a password that would then stand in the directory.
        if ":" in url:
            raise StartError(NOT_UNDERSTOOD)
        return place
    if scheme in _POSTGRESQL:
        return PostgresPlace(_server(rest), pool)
    if scheme not in _SQLITE or not rest.startswith("/"):
        raise StartError(NOT_UNDERSTOOD)
    return SqlitePlace(_file(rest[1:].partition("?")[0]))


def _server(rest: str) -> sa.URL:
    try:
        url = sa.make_url(f"postgresql+psycopg://{rest}")
    except (sa.exc.ArgumentError, ValueError):
        # Not chained: SQLAlchemy repeats the URL.
        raise StartError(NOT_UNDERSTOOD) from None
    if not url.database:
        raise StartError("VIVESPHERE_DATABASE_URL names a PostgreSQL server but no database: add /name to it.")
    # asyncpg's spelling of libpq's `sslmode`.
    if (ssl := url.query.get("ssl")) is not None:
        url = url.difference_update_query(["ssl"]).update_query_dict({"sslmode": ssl})
    return url


def _file(path: str) -> Path:
    if path in ("", ":memory:") or path.startswith("file:"):
        raise StartError(NOT_A_FILE)
    return Path(path).expanduser().absolute()
