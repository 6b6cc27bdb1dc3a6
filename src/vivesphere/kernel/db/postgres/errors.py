"""What PostgreSQL's errors mean, by their SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html."""

from typing import Final

import psycopg

from vivesphere.kernel.db.errors import (
    ConstraintViolated,
    DatabaseError,
    DatabaseUnavailable,
    ReadOnly,
    StatementFailed,
    TransactionLost,
)
from vivesphere.kernel.db.postgres.opening import sentence

RUN_AGAIN: Final = frozenset({"40001", "40P01"})
"""Another unit was in the way: neither it nor we did anything wrong, and this one may run again."""

NO_PRIVILEGE: Final = "42501"
UNIQUE: Final = "23505"

_TOO_LONG = "57014"
_WRITES_IN_A_READ = "25006"
_GIVEN_UP = "25P02"
# Operator's intervention, resources, the connection, the server's own trouble: none of them is the statement's fault.
_OUT_OF_ORDER = ("08", "53", "57", "58", "F0", "XX")


def is_loss(error: BaseException | None) -> bool:
    """Whether the connection is gone with it. What the driver says by itself has no SQLSTATE."""
    if not isinstance(error, psycopg.OperationalError):
        return False
    return error.sqlstate is None or error.sqlstate.startswith("08") or error.sqlstate in {"57P01", "57P02", "57P03"}


def meaning(error: BaseException | None) -> DatabaseError:
    """One of our errors for one of the driver's that is no refusal of a table."""
    state = getattr(error, "sqlstate", None)
    said = sentence(error)
    if state == _TOO_LONG:
        return StatementFailed(f"the statement took too long and was stopped ({said})")
    if is_loss(error) or (state is not None and state.startswith(_OUT_OF_ORDER)):
        return DatabaseUnavailable(f"the database cannot do this now: {said}")
    if state in RUN_AGAIN:
        return DatabaseUnavailable("others changed the same rows again and again; nothing was kept")
    if state == _WRITES_IN_A_READ:
        return ReadOnly("a read writes nothing: use db.write")
    if state == _GIVEN_UP:
        return TransactionLost("an earlier statement of the unit failed, and PostgreSQL goes on with nothing after that")
    if state is not None and state.startswith("23"):
        return ConstraintViolated(said)
    return StatementFailed(said)
