"""The settings section `tools`."""

from typing import Annotated

import msgspec
from msgspec import Meta


class ToolsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of running tools. Those of users stop a loop that has gone wild, and let a plan run at full speed."""

    rate: Annotated[float, Meta(gt=0, description="Tools a second that one user, key, plan or plugin may run.")] = 20_000.0
    burst: Annotated[float, Meta(ge=1, description="Tools that one user, key, plan or plugin may run at once.")] = 20_000.0
    chat_rate: Annotated[float, Meta(gt=0, description="Tools a second that one person in a chat may run.")] = 5.0
    chat_burst: Annotated[float, Meta(ge=1, description="Tools that one person in a chat may run at once.")] = 20.0
    max_result: Annotated[int, Meta(ge=1024, le=64 * 1024 * 1024, description="Bytes of JSON that a tool may give back.")] = (
        4 * 1024 * 1024
    )
    keep_executions_days: Annotated[float, Meta(gt=0, description="Days that the log of executions is kept.")] = 30.0
