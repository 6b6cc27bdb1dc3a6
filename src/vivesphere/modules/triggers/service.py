"""The use cases of triggers."""

from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.cause import Cause, acting_under, cause_for
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.kernel.db.kept_replies import IdempotencyKey
from vivesphere.kernel.ids import new_id
from vivesphere.modules.triggers import rules, schedule
from vivesphere.modules.triggers.actions import Actions
from vivesphere.modules.triggers.alarm import Alarm
from vivesphere.modules.triggers.errors import TriggerInvalid
from vivesphere.modules.triggers.records import Firing, FiringRecord, TriggerRecord
from vivesphere.modules.triggers.schemas import TriggerInput


class TriggerService:
    """Everything happens in the project of the running cause; whoever saves a trigger lends it their authority."""

    def __init__(self, *, bus: BusHandle, db: DatabaseHandle, clock: Clock, actions: Actions, alarm: Alarm) -> None:
        self._principal = bus.principal
        self._db = db
        self._clock = clock
        self._actions = actions
        self._alarm = alarm

    async def create(self, given: TriggerInput, *, once: IdempotencyKey[TriggerRecord] | None = None) -> TriggerRecord:
        """Save a trigger. TriggerInvalid has every finding."""
        if (known := await self._db.answered(once)) is not None:
            return known
        found = schedule.findings(given.schedule, self._clock.now(), "/schedule")
        if found := (*found, *await self._actions.findings(given.action, "/action")):
            raise TriggerInvalid(found)
        trigger = await self._db.write_once(once, rules.create, new_id(), given)
        self._alarm.set()
        return trigger

    async def find(self, trigger_id: str) -> TriggerRecord:
        return await self._db.read(rules.find, trigger_id)

    async def page(self, before: str | None, limit: int) -> list[TriggerRecord]:
        """Newest first, from the one after `before` on."""
        return await self._db.read(rules.page, before, limit)

    async def firings(self, trigger_id: str, before: str | None, limit: int) -> list[FiringRecord]:
        """Newest first, from the one after `before` on."""
        return await self._db.read(rules.firings, trigger_id, before, limit)

    async def pause(self, trigger_id: str) -> TriggerRecord:
        trigger = await self._db.write(rules.pause, trigger_id)
        self._alarm.set()
        return trigger

    async def resume(self, trigger_id: str) -> TriggerRecord:
        trigger = await self._db.write(rules.resume, trigger_id)
        self._alarm.set()
        return trigger

    async def fire_now(self, trigger_id: str) -> FiringRecord:
        """Fire at once, under the trigger's own authority, as a link of the asker's chain."""
        firing = await self._db.write(rules.fire_now, trigger_id, new_id())
        trigger = firing.trigger
        return await self._act(firing, cause_for(self._principal).acting_as(trigger.actor, trigger.project))

    async def act(self, firing: Firing) -> FiringRecord:
        """Carry out a firing that is in the journal: a new chain, under the authority of whoever made the trigger."""
        trigger = firing.trigger
        return await self._act(firing, Cause(source=self._principal, actor=trigger.actor, project=trigger.project))

    async def _act(self, firing: Firing, cause: Cause) -> FiringRecord:
        with acting_under(cause):
            result = await self._actions.act(firing)
            return await self._db.write(rules.finish, firing, result)
