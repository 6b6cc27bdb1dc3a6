"""The bus edge of triggers."""

import msgspec

from vivesphere.contracts.triggers import CreateTrigger, TriggerMade, TriggerRefused
from vivesphere.kernel.errors import Refusal
from vivesphere.modules.triggers.schemas import TriggerInput
from vivesphere.modules.triggers.service import TriggerService


class TriggerHandlers:
    """Refusals become replies: a module that asks gets a sentence, not an exception."""

    def __init__(self, triggers: TriggerService) -> None:
        self._triggers = triggers

    async def create(self, asked: CreateTrigger) -> TriggerMade | TriggerRefused:
        try:
            given = msgspec.convert(msgspec.structs.asdict(asked), TriggerInput)
            return TriggerMade((await self._triggers.create(given)).id)
        except msgspec.ValidationError as error:
            return TriggerRefused(f"The trigger is not valid: {error}.")
        except Refusal as refused:
            return TriggerRefused(refused.detail)
