"""Structs of the HTTP interface."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from vivesphere.kernel.bus.messages import JSON

Tool = Annotated[str, Meta(max_length=100, examples=["text.count_words"])]


class RunInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`dry_run` records what would have been done to the outside, and does nothing of it."""

    arguments: dict[str, JSON] = msgspec.field(default_factory=dict)
    dry_run: bool = False


class RunOutput(msgspec.Struct, frozen=True, kw_only=True):
    """`detail` says why it failed; `result` is null then."""

    status: Literal["ok", "failed"]
    result: JSON
    detail: str
    duration_ms: float
    dry_run: bool


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """One run that was asked for. `status` is `result`, `failed`, `refused` or `cancelled`."""

    id: str
    at: datetime
    tool: str
    status: str
    reason: str
    detail: str
    duration_ms: float
    dry_run: bool
    source: str
    actor: str
    project: str
    correlation_id: str
