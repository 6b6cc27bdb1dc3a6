"""The HTTP edge of triggers."""

from litestar import Controller, get, post

from vivesphere.kernel.http.authentication import requires
from vivesphere.kernel.http.idempotency import Asking
from vivesphere.kernel.http.paging import DEFAULT_LIMIT, Page, PageCursor, PageLimit, decode_cursor, page
from vivesphere.modules.triggers.records import FiringRecord, TriggerRecord
from vivesphere.modules.triggers.schemas import FiringView, TriggerInput, TriggerView
from vivesphere.modules.triggers.service import TriggerService


class TriggerController(Controller):
    path = "/api/v1/triggers"

    @get(guards=[requires("triggers.trigger.read")])
    async def list_triggers(
        self, triggers: TriggerService, limit: PageLimit = DEFAULT_LIMIT, cursor: PageCursor = None
    ) -> Page[TriggerView]:
        """Every trigger of the project, newest first."""
        found = [_trigger(each) for each in await triggers.page(decode_cursor(cursor, str), limit + 1)]
        return page(found, limit, lambda trigger: trigger.id)

    @post(guards=[requires("triggers.trigger.write")])
    async def create_trigger(self, triggers: TriggerService, data: TriggerInput, asking: Asking) -> TriggerView:
        """Save a trigger. It acts with the permissions of whoever saves it, as they are when it fires."""
        return _trigger(await triggers.create(data, once=asking.once(TriggerRecord)))

    @get("/{trigger_id:str}", guards=[requires("triggers.trigger.read")])
    async def get_trigger(self, triggers: TriggerService, trigger_id: str) -> TriggerView:
        return _trigger(await triggers.find(trigger_id))

    @post("/{trigger_id:str}/fire", guards=[requires("triggers.trigger.fire")], status_code=202)
    async def fire_trigger(self, triggers: TriggerService, trigger_id: str) -> FiringView:
        """Fire now, paused or not. The schedule goes on as it was."""
        return _firing(await triggers.fire_now(trigger_id))

    @post("/{trigger_id:str}/pause", guards=[requires("triggers.trigger.write")], status_code=200)
    async def pause_trigger(self, triggers: TriggerService, trigger_id: str) -> TriggerView:
        return _trigger(await triggers.pause(trigger_id))

    @post("/{trigger_id:str}/resume", guards=[requires("triggers.trigger.write")], status_code=200)
    async def resume_trigger(self, triggers: TriggerService, trigger_id: str) -> TriggerView:
        """Go on from now; what was due in between is skipped."""
        return _trigger(await triggers.resume(trigger_id))

    @get("/{trigger_id:str}/firings", guards=[requires("triggers.trigger.read")])
    async def list_firings(
        self, triggers: TriggerService, trigger_id: str, limit: PageLimit = DEFAULT_LIMIT, cursor: PageCursor = None
    ) -> Page[FiringView]:
        """The trigger's history, newest first."""
        found = [_firing(each) for each in await triggers.firings(trigger_id, decode_cursor(cursor, str), limit + 1)]
        return page(found, limit, lambda firing: firing.id)


def _trigger(record: TriggerRecord) -> TriggerView:
    return TriggerView(**{field: getattr(record, field) for field in TriggerView.__struct_fields__})


def _firing(record: FiringRecord) -> FiringView:
    return FiringView(**{field: getattr(record, field) for field in FiringView.__struct_fields__})
