"""How connections to the server are opened: the host's, and a guest's under a login of its own."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from vivesphere.kernel.db.location import PostgresPlace
from vivesphere.kernel.db.postgres.statements import Cursor, RawConnection

SCHEMA: Final = "vivesphere"
"""Everything of ours is in it, and nothing of others: a database may be shared with other programs."""

CONNECT_SECONDS: Final = 5
PATIENCE: Final = 60.0
"""Seconds. A statement of ours that takes longer waits for a lock that nobody lets go of."""

_NETWORK = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "connect_timeout": CONNECT_SECONDS}
_SESSION = {
    "search_path": SCHEMA,
    "timezone": "UTC",
    # A scan of a whole table reads every row of it, so that of two units that only look at different rows of a small table
    # one would have to run again.
    "enable_seqscan": "off",
    # A client that is gone without a word keeps nothing locked for long.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}


def open_raw(place: PostgresPlace, *, login: tuple[str, str] | None = None, patience: float = PATIENCE) -> RawConnection:
    """A connection that begins no transaction by itself: the host's, or that of another login with its password.

    Raises psycopg.Error, whose message names no password.
    """
    url = place.url if login is None else place.url.set(username=login[0], password=login[1])
    settings = _SESSION | {"statement_timeout": str(round(patience * 1000))}
    asked: dict[str, Any] = {name: value if isinstance(value, str) else ",".join(value) for name, value in url.query.items()}
    own_options = asked.pop("options", "")
    options = " ".join((own_options, *(f"-c {name}={value}" for name, value in settings.items()))).strip()
    named = {"host": url.host, "port": url.port, "user": url.username, "password": url.password, "dbname": url.database}
    given = _NETWORK | asked | {name: value for name, value in named.items() if value is not None}
    return RawConnection.connect(**given, options=options, autocommit=True, cursor_factory=Cursor)


def core_engine(place: PostgresPlace, login: tuple[str, str] | None = None, *, patience: float = PATIENCE) -> sa.Engine:
    """SQLAlchemy upon such connections. Parameters stay out of error messages: they may be secrets."""
    return sa.create_engine(
        "postgresql+psycopg://",
        creator=lambda: open_raw(place, login=login, patience=patience),
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        use_native_hstore=False,
        hide_parameters=True,
    )


def sentence(error: BaseException | None) -> str:
    """A driver's message in one line."""
    return " ".join(str(error).split())
