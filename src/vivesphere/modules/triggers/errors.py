"""What triggers refuse."""

from collections.abc import Sequence

from vivesphere.kernel.errors import FieldError, InvalidInput, NotFound


class TriggerUnknown(NotFound):
    def __init__(self, trigger_id: str) -> None:
        super().__init__(f"There is no trigger {trigger_id} in this project; list the triggers to see which there are.")


class TriggerInvalid(InvalidInput):
    """`errors` has every finding; each pointer leads into what was sent."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(f"The trigger cannot be saved: {'; '.join(each.detail for each in errors)}.", errors)
