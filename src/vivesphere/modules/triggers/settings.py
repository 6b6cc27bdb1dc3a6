"""The settings section `triggers`."""

from typing import Annotated

import msgspec
from msgspec import Meta


class TriggersSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much fires at once."""

    firings_at_once: Annotated[int, Meta(ge=1, le=10_000, description="How many firings act at the same time; more wait.")] = 50
