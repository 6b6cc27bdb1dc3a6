"""One run of one tool, once nothing stands against it: time, size, and what its failures mean.

This is the tool boundary: whatever a tool raises becomes its outcome, and a bug in one tool stays in that tool.
"""

import asyncio
import inspect
from typing import Any, NamedTuple

import msgspec
import structlog

from vivesphere.kernel.bus.errors import BusError, RequestTimeout
from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.db.errors import DatabaseUnavailable
from vivesphere.kernel.effect_errors import EffectError, EffectUnknown
from vivesphere.kernel.errors import Refusal
from vivesphere.modules.tools.registry import RegisteredTool
from vivesphere.sdk import PluginError

LONGEST_DETAIL = 1000

log = structlog.get_logger("vivesphere.tools")


class Outcome(NamedTuple):
    """What came of it. `reason` is empty for a result, else `error`, `timeout` or `unknown_outcome`."""

    result: JSON = None
    reason: str = ""
    detail: str = ""


class OutcomeUnknown(Exception):
    """A plugin's tool may or may not have acted."""


async def execute(tool: RegisteredTool, arguments: msgspec.Struct, given: dict[str, JSON], max_result: int) -> Outcome:
    """Run it. Nothing comes out of here but an Outcome, the cancellation of the caller, and DatabaseUnavailable: whoever asked
    with an idempotency key may ask again with it."""
    try:
        return _sized(await _run(tool, arguments, given), max_result)
    except (EffectUnknown, OutcomeUnknown) as error:
        return _failed("unknown_outcome", str(error))
    except (TimeoutError, RequestTimeout):
        return _timed_out(tool)
    except (PluginError, EffectError, BusError, Refusal) as error:
        return _failed("error", str(error))
    except DatabaseUnavailable:
        raise
    except Exception as error:
        log.exception("tool_raised", tool=tool.declaration.name)
        return _failed("error", f"The tool has a bug: it raised {type(error).__name__}. The log says where.")


async def _run(tool: RegisteredTool, arguments: msgspec.Struct, given: dict[str, JSON]) -> Any:
    """A plain function has computed its result by the time one could watch the clock, so only an awaitable is timed."""
    outcome = tool.call(arguments, given)
    if not inspect.isawaitable(outcome):
        return outcome
    async with asyncio.timeout(tool.declaration.timeout):
        return await outcome


def _sized(result: Any, most: int) -> Outcome:
    """The result as plain JSON values, shared with nobody."""
    encoded = msgspec.json.encode(result)
    if len(encoded) > most:
        return _failed("error", f"The result is larger than {most} bytes.")
    return Outcome(msgspec.json.decode(encoded))


def _timed_out(tool: RegisteredTool) -> Outcome:
    """What changes the world may have changed it before its time was over."""
    detail = f"{tool.declaration.name} did not finish within {tool.declaration.timeout:g} s"
    if tool.declaration.effect == "write":
        return _failed("unknown_outcome", f"{detail}; it may or may not have acted.")
    return _failed("timeout", f"{detail}.")


def _failed(reason: str, detail: str) -> Outcome:
    return Outcome(reason=reason, detail=detail[:LONGEST_DETAIL])
