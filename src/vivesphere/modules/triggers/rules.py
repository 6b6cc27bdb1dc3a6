"""What may be done with triggers, inside one unit of work."""

from datetime import datetime

import msgspec

from vivesphere.contracts.triggers import TriggerCreated, TriggerFired
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.ids import AFTER_EVERY_ID, new_id
from vivesphere.modules.triggers import repository
from vivesphere.modules.triggers.errors import TriggerUnknown
from vivesphere.modules.triggers.records import Firing, FiringCause, FiringRecord, Result, TriggerRecord
from vivesphere.modules.triggers.schedule import next_after
from vivesphere.modules.triggers.schemas import TriggerInput

AT_ONCE = 100
"""Triggers that are journaled in one unit of work when many are due together."""


def create(tx: Unit, trigger_id: str, given: TriggerInput) -> TriggerRecord:
    now = tx.now()
    trigger = TriggerRecord(
        id=trigger_id,
        project=tx.cause.project,
        name=given.name,
        kind="schedule",
        schedule=given.schedule,
        action=given.action,
        enabled=given.enabled,
        next_fire_at=next_after(given.schedule, now) if given.enabled else None,
        last_fired_at=None,
        actor=tx.cause.actor,
        created_at=now,
    )
    repository.insert(tx, trigger)
    tx.emit(TriggerCreated(trigger_id=trigger.id, name=trigger.name))
    return trigger


def find(tx: Unit, trigger_id: str) -> TriggerRecord:
    if (trigger := repository.find(tx, trigger_id)) is None:
        raise TriggerUnknown(trigger_id)
    return trigger


def page(tx: Unit, before: str | None, limit: int) -> list[TriggerRecord]:
    return repository.page(tx, before or AFTER_EVERY_ID, limit)


def firings(tx: Unit, trigger_id: str, before: str | None, limit: int) -> list[FiringRecord]:
    find(tx, trigger_id)
    return repository.firing_page(tx, trigger_id, before or AFTER_EVERY_ID, limit)


def pause(tx: Unit, trigger_id: str) -> TriggerRecord:
    trigger = find(tx, trigger_id)
    repository.schedule(tx, trigger.id, enabled=False, next_fire_at=None)
    return msgspec.structs.replace(trigger, enabled=False, next_fire_at=None)


def resume(tx: Unit, trigger_id: str) -> TriggerRecord:
    """What was due while the trigger was paused is skipped; the next time is computed from now."""
    trigger = find(tx, trigger_id)
    if trigger.enabled:
        return trigger
    next_fire_at = next_after(trigger.schedule, tx.now())
    repository.schedule(tx, trigger.id, enabled=True, next_fire_at=next_fire_at)
    return msgspec.structs.replace(trigger, enabled=True, next_fire_at=next_fire_at)


def skip_missed(tx: Unit) -> int:
    """Move every trigger that is overdue to its next time, without firing. Returns how many there were."""
    missed = 0
    while overdue := repository.due(tx, tx.now(), AT_ONCE):
        for trigger in overdue:
            repository.schedule(tx, trigger.id, enabled=True, next_fire_at=next_after(trigger.schedule, tx.now()))
        missed += len(overdue)
    return missed


def fire_due(tx: Unit) -> list[Firing]:
    """Journal a firing of each trigger whose time has come, together with its next time. What comes back is to be acted on."""
    now = tx.now()
    found = []
    for trigger in repository.due(tx, now, AT_ONCE):
        assert trigger.next_fire_at is not None  # noqa: S101 - `due` compares it with a time
        found.append(_journal(tx, trigger, trigger.next_fire_at, "schedule", new_id()))
        repository.schedule(tx, trigger.id, enabled=True, next_fire_at=next_after(trigger.schedule, now))
    return found


def fire_now(tx: Unit, trigger_id: str, firing_id: str) -> Firing:
    """Journal a firing that a person asked for; the schedule goes on as it was. A paused trigger fires too."""
    return _journal(tx, find(tx, trigger_id), tx.now(), "manual", firing_id)


def finish(tx: Unit, firing: Firing, result: Result) -> FiringRecord:
    """Write down what came of a firing, and tell it."""
    repository.finish_firing(tx, firing.record.id, result)
    tx.emit(
        TriggerFired(trigger_id=firing.trigger.id, outcome=result.outcome, reference=result.reference, detail=result.detail)
    )
    return msgspec.structs.replace(firing.record, outcome=result.outcome, reference=result.reference, detail=result.detail)


def pending(tx: Unit) -> list[Firing]:
    return repository.pending(tx)


def earliest(tx: Unit) -> datetime | None:
    return repository.earliest(tx)


def _journal(tx: Unit, trigger: TriggerRecord, scheduled_for: datetime, cause: FiringCause, firing_id: str) -> Firing:
    firing = FiringRecord(
        id=firing_id,
        trigger_id=trigger.id,
        at=tx.now(),
        scheduled_for=scheduled_for,
        cause=cause,
        # The firing's own and not the moment's: a clock that is set back brings a moment twice.
        idempotency_key=f"trigger:{trigger.id}:{firing_id}",
    )
    repository.insert_firing(tx, firing)
    return Firing(trigger, firing)
