"""The settings section `plans`."""

from typing import Annotated

import msgspec
from msgspec import Meta


class PlansSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much the engine does at once."""

    concurrent_runs: Annotated[
        int, Meta(ge=1, le=10_000, description="How many runs act at the same time; runs that only wait do not count.")
    ] = 200
    step_timeout: Annotated[
        float,
        Meta(gt=0, le=86_400, description="Seconds after which the outcome of a step that has not answered counts as unknown."),
    ] = 3600.0
