"""The journal of effects: rules that `kernel/effects.py` runs through a handle of `system`."""

from datetime import datetime
from typing import Literal

import msgspec
import sqlalchemy as sa

from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.db.models import Effect
from vivesphere.kernel.db.schema import table_of
from vivesphere.kernel.db.unit import Unit
from vivesphere.kernel.principals import Principal

Status = Literal["intended", "done", "failed", "unknown", "shadow"]
Outcome = Literal["retry", "done"]

effects = table_of(Effect)


class EffectRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One act. `intended` means it is being tried, or its process died: `leave_unknown` tells the two apart at start."""

    id: str
    kind: str
    target: str
    source: Principal
    actor: Principal
    project: str
    correlation_id: str
    created_at: datetime
    payload: JSON = None
    idempotency_key: str | None = None
    status: Status = "intended"
    result: JSON = None
    detail: str = ""
    finished_at: datetime | None = None


_COLUMNS = [effects.c[field] for field in EffectRecord.__struct_fields__]
_INSERT = sa.insert(effects)
_BY_KEY = sa.select(*_COLUMNS).where(effects.c.idempotency_key == sa.bindparam("key"))
_DROP_FAILED = sa.delete(effects).where(effects.c.idempotency_key == sa.bindparam("key"), effects.c.status == "failed")
_FINISH = sa.update(effects).where(effects.c.id == sa.bindparam("effect_id"))
_OF_CHAIN = (
    sa.select(*_COLUMNS)
    .where(effects.c.correlation_id == sa.bindparam("chain"))
    .order_by(effects.c.created_at, effects.c.id)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_LEAVE_UNKNOWN = sa.update(effects).where(effects.c.status == "intended").values(status="unknown")
_RESOLVE = sa.update(effects).where(
    effects.c.idempotency_key == sa.bindparam("key"), effects.c.status.in_(("intended", "unknown"))
)


def intend(tx: Unit, record: EffectRecord) -> EffectRecord:
    """Write the intent down. The record that comes back has your `id`: act. It has another's: that key was used before.

    A failed act under the same key gives way to the new one; `done`, `intended` and `unknown` ones are returned as they are.
    """
    if record.idempotency_key is not None:
        tx.execute(_DROP_FAILED, {"key": record.idempotency_key})
        if (existing := find(tx, record.idempotency_key)) is not None:
            return existing
    tx.execute(_INSERT, msgspec.structs.asdict(record))
    return record


def finish(tx: Unit, effect_id: str, status: Status, result: JSON = None, detail: str = "") -> None:
    """What became of an intended act."""
    tx.execute(_FINISH, {"effect_id": effect_id, "status": status, "result": result, "detail": detail, "finished_at": tx.now()})


def leave_unknown(tx: Unit) -> int:
    """At start: acts that an earlier process began and did not finish may or may not have happened. Returns how many."""
    return tx.execute(_LEAVE_UNKNOWN).rowcount


def find(tx: Unit, key: str) -> EffectRecord | None:
    """The act under an idempotency key."""
    row = tx.execute(_BY_KEY, {"key": key}).one_or_none()
    return None if row is None else EffectRecord(**row._mapping)


def of_chain(tx: Unit, correlation_id: str, limit: int) -> tuple[EffectRecord, ...]:
    """The acts of one chain of causes, oldest first."""
    return tuple(EffectRecord(**row._mapping) for row in tx.execute(_OF_CHAIN, {"chain": correlation_id, "most": limit}))


def resolve(tx: Unit, key: str, outcome: Outcome) -> EffectRecord | None:
    """What a person decided about an act of unknown outcome: it was `done`, or it is to be tried again with the same key."""
    status = "done" if outcome == "done" else "failed"
    tx.execute(_RESOLVE, {"key": key, "status": status, "detail": f"resolved by a person: {outcome}", "finished_at": tx.now()})
    return find(tx, key)
