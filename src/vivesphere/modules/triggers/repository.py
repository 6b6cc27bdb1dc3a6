"""All queries of triggers."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.db.schema import table_of
from vivesphere.modules.triggers.models import FiringRow, TriggerRow
from vivesphere.modules.triggers.records import Firing, FiringRecord, Result, TriggerRecord

triggers = table_of(TriggerRow)
firings = table_of(FiringRow)

_TRIGGERS = sa.select(triggers)
_BY_ID = _TRIGGERS.where(triggers.c.id == sa.bindparam("trigger"), triggers.c.project == sa.bindparam("project"))
_PAGE = _TRIGGERS.where(triggers.c.project == sa.bindparam("project"), triggers.c.id < sa.bindparam("before")).order_by(
    triggers.c.id.desc()
)
_DUE = (
    _TRIGGERS.where(triggers.c.next_fire_at <= sa.bindparam("now", type_=triggers.c.next_fire_at.type))
    .order_by(triggers.c.next_fire_at, triggers.c.id)
    .limit(sa.bindparam("limit"))
)
_NEXT = sa.select(sa.func.min(triggers.c.next_fire_at, type_=triggers.c.next_fire_at.type))
_INSERT = sa.insert(triggers)
_UPDATE = sa.update(triggers).where(triggers.c.id == sa.bindparam("trigger"))
_INSERT_FIRING = sa.insert(firings)
_FIRING_PAGE = (
    sa.select(firings)
    .where(firings.c.trigger_id == sa.bindparam("trigger"), firings.c.id < sa.bindparam("before"))
    .order_by(firings.c.id.desc())
)
_PENDING = sa.select(firings).where(firings.c.outcome == "pending").order_by(firings.c.id)
_TRIGGERS_OF = _TRIGGERS.where(triggers.c.id.in_(sa.bindparam("ids", expanding=True)))
_FINISH = sa.update(firings).where(firings.c.id == sa.bindparam("firing"))


def insert(tx: Unit, trigger: TriggerRecord) -> None:
    tx.execute(_INSERT, msgspec.structs.asdict(trigger))


def find(tx: Unit, trigger_id: str) -> TriggerRecord | None:
    """The trigger, if it is in the unit's project."""
    row = tx.execute(_BY_ID, {"trigger": trigger_id, "project": tx.cause.project}).one_or_none()
    return None if row is None else _trigger(row)


def page(tx: Unit, before: str, limit: int) -> list[TriggerRecord]:
    """Newest first, from the one after `before` on."""
    return [_trigger(row) for row in tx.execute(_PAGE.limit(limit), {"project": tx.cause.project, "before": before})]


def due(tx: Unit, now: datetime, limit: int) -> list[TriggerRecord]:
    """Triggers of every project whose time has come, the one that has waited longest first."""
    return [_trigger(row) for row in tx.execute(_DUE, {"now": now, "limit": limit})]


def earliest(tx: Unit) -> datetime | None:
    """When the next trigger of any project is due."""
    moment: datetime | None = tx.execute(_NEXT).scalar_one()
    return moment


def schedule(tx: Unit, trigger_id: str, *, enabled: bool, next_fire_at: datetime | None) -> None:
    tx.execute(_UPDATE, {"trigger": trigger_id, "enabled": enabled, "next_fire_at": next_fire_at})


def insert_firing(tx: Unit, firing: FiringRecord) -> None:
    tx.execute(_INSERT_FIRING, msgspec.structs.asdict(firing))
    tx.execute(_UPDATE, {"trigger": firing.trigger_id, "last_fired_at": firing.at})


def finish_firing(tx: Unit, firing_id: str, result: Result) -> None:
    tx.execute(_FINISH, {"firing": firing_id, **msgspec.structs.asdict(result)})


def firing_page(tx: Unit, trigger_id: str, before: str, limit: int) -> list[FiringRecord]:
    """Newest first, from the one after `before` on."""
    found = tx.execute(_FIRING_PAGE.limit(limit), {"trigger": trigger_id, "before": before})
    return [FiringRecord(**row._mapping) for row in found]


def pending(tx: Unit) -> list[Firing]:
    """Firings of every project that were journaled and not finished, oldest first."""
    records = [FiringRecord(**row._mapping) for row in tx.execute(_PENDING)]
    of = _by_id(tx, {record.trigger_id for record in records})
    return [Firing(of[record.trigger_id], record) for record in records]


def _by_id(tx: Unit, ids: Iterable[str]) -> dict[str, TriggerRecord]:
    return {row.id: _trigger(row) for row in tx.execute(_TRIGGERS_OF, {"ids": list(ids)})}


def _trigger(row: sa.Row[Any]) -> TriggerRecord:
    return msgspec.convert(dict(row._mapping), TriggerRecord)
