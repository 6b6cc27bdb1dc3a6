"""How much the event log holds, and which log it is. Rules for a handle of `system`.

What was counted up to some `seq` is kept as a fact of the installation, so that only what came later has to be counted; who
deletes from the log counts it down in the same commit.
"""

import secrets

import msgspec
import sqlalchemy as sa

from vivesphere.kernel.db import installation
from vivesphere.kernel.db.event_log import log
from vivesphere.kernel.db.unit import Unit

LOG_ID = "event_log_id"
COUNTED = "event_log_counted"

_OLDEST = sa.select(sa.func.min(log.c.seq))
_LATER = sa.select(
    sa.func.count(log.c.seq).label("events"), sa.func.sum(log.c.bytes).label("bytes"), sa.func.max(log.c.seq).label("newest")
).where(log.c.seq > sa.bindparam("counted"), log.c.seq <= sa.bindparam("horizon"))


class LogExtent(msgspec.Struct, frozen=True, kw_only=True):
    """`log_id` is this database's and no other's: a cursor that was given out by another is recognised by it. `newest` is the
    last `seq` given, 0 if there was none; `oldest` is None if nothing is left. `bytes` is what the rows take, roughly."""

    log_id: str
    oldest: int | None
    newest: int
    events: int
    bytes: int


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What the log holds up to and including `newest`."""

    newest: int = 0
    events: int = 0
    bytes: int = 0


def kept(tx: Unit) -> Counted:
    """What was last remembered."""
    return msgspec.convert(installation.read_fact(tx, COUNTED) or {}, Counted)


def count(tx: Unit) -> Counted:
    """The whole log, with what came since it was last counted."""
    known = kept(tx)
    later = tx.execute(_LATER, {"counted": known.newest, "horizon": tx.horizon}).one()
    if not later.events:
        return known
    return Counted(newest=later.newest, events=known.events + later.events, bytes=known.bytes + later.bytes)


def keep(tx: Unit, counted: Counted) -> None:
    """Remember the count."""
    installation.write_fact(tx, COUNTED, msgspec.to_builtins(counted))


def read_extent(tx: Unit) -> LogExtent | None:
    """None until the log was named."""
    log_id = installation.read_fact(tx, LOG_ID)
    if log_id is None:
        return None
    counted = count(tx)
    return LogExtent(
        log_id=str(log_id),
        oldest=tx.execute(_OLDEST).scalar_one(),
        newest=counted.newest,
        events=counted.events,
        bytes=counted.bytes,
    )


def name_log(tx: Unit) -> None:
    """Give the log of this database its name: 8 hexadecimal digits, once for all."""
    if installation.read_fact(tx, LOG_ID) is None:
        installation.write_fact(tx, LOG_ID, secrets.token_hex(4))
