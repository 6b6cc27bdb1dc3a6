"""What plans refuse."""

from collections.abc import Sequence

from vivesphere.kernel.errors import Conflict, FieldError, InvalidInput, NotFound


class PlanUnknown(NotFound):
    def __init__(self, plan_id: str) -> None:
        super().__init__(f"There is no plan {plan_id} in this project; list the plans to see which there are.")


class RunUnknown(NotFound):
    def __init__(self, run_id: str) -> None:
        super().__init__(f"There is no run {run_id} in this project; list a plan's runs to see which there are.")


class StepUnknown(NotFound):
    def __init__(self, run_id: str, step: str) -> None:
        super().__init__(f"The run {run_id} has no step {step!r} in its journal.")


class PlanInvalid(InvalidInput):
    """`errors` has every finding; each pointer leads into what was sent."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(f"The plan cannot be saved: {len(errors)} thing{'s' if len(errors) != 1 else ''} to correct.", errors)


class RunOver(Conflict):
    def __init__(self, run_id: str, status: str) -> None:
        super().__init__(f"The run {run_id} is over: it is {status}.")


class StepDecided(Conflict):
    def __init__(self, step: str, status: str) -> None:
        super().__init__(f"Step {step!r} is {status}; only a step whose outcome is unknown can be resolved.")


class KeyReused(Conflict):
    def __init__(self, key: str) -> None:
        super().__init__(f"The idempotency key {key!r} belongs to a run of another plan; use a new one.")
