"""What a step does to the world, and what is known of it afterwards."""

import msgspec
import structlog

from vivesphere.contracts.bots import MessageQueued, MessageRefused, SendMessage
from vivesphere.contracts.tools import RunTool, ToolFailed, ToolRefused, ToolResult
from vivesphere.kernel.bus.errors import (
    HopLimitExceeded,
    NoResponder,
    NotPermitted,
    RateLimited,
    RequestTimeout,
)
from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.db.errors import DatabaseUnavailable

log = structlog.get_logger("vivesphere.plans")


class Done(msgspec.Struct, frozen=True):
    result: JSON


class Failed(msgspec.Struct, frozen=True):
    """It is known that the act did not succeed."""

    detail: str


class Refused(msgspec.Struct, frozen=True):
    """Nothing was begun, since too much is asked at present: the same attempt is to be made again in `retry_after` seconds."""

    detail: str
    retry_after: float


class Unknown(msgspec.Struct, frozen=True):
    """The act may or may not have happened. Only a person can say, so nothing is repeated."""

    detail: str


Outcome = Done | Failed | Refused | Unknown


class Acts:
    """Carries out single steps through other modules, under the cause of the running task."""

    def __init__(self, bus: BusHandle, timeout: float) -> None:
        self._bus = bus
        self._timeout = timeout

    async def do(self, kind: str, arguments: dict[str, JSON], key: str, *, dry_run: bool) -> Outcome:
        """Do what the journal says the step is about to do. Asking again with the same key does not do it again.

        Raises DatabaseUnavailable if nothing can be written down now; asking again later, with the same key, is right then.
        """
        try:
            return await (self._tool(arguments, key, dry_run) if kind == "tool" else self._message(arguments, key))
        except RateLimited as refused:
            return Refused(str(refused), refused.retry_after)
        except (NoResponder, NotPermitted, HopLimitExceeded) as refused:
            return Failed(str(refused))
        except RequestTimeout as late:
            return Unknown(f"{late}; it may or may not have acted")
        except DatabaseUnavailable:
            raise
        except Exception as error:  # the bus boundary: whoever answered broke, and how far it got cannot be told
            log.exception("step_act_raised", kind=kind, key=key)
            return Unknown(f"{type(error).__name__}: {error}; it may or may not have acted")

    async def _tool(self, arguments: dict[str, JSON], key: str, dry_run: bool) -> Outcome:
        name, given = arguments["tool"], arguments["arguments"]
        assert isinstance(name, str) and isinstance(given, dict)  # noqa: S101, PT018 - what `executor` put in the journal
        reply = await self._bus.request(
            RunTool(tool=name, arguments=given, dry_run=dry_run, idempotency_key=key), timeout=self._timeout
        )
        match reply:
            case ToolResult():
                return Done(reply.result)
            case ToolRefused(reason="rate_limited"):
                return Refused(reply.detail, reply.retry_after or 1.0)
            case ToolRefused():
                return Failed(reply.detail)
            case ToolFailed(reason="unknown_outcome"):
                return Unknown(reply.detail)
            case ToolFailed():
                return Failed(reply.detail)

    async def _message(self, arguments: dict[str, JSON], key: str) -> Outcome:
        reply = await self._bus.request(
            SendMessage(
                bot_id=str(arguments["bot"]),
                channel=str(arguments["channel"]),
                text=str(arguments["text"]),
                account_id=None if arguments.get("account") is None else str(arguments["account"]),
                idempotency_key=key,
            ),
            timeout=self._timeout,
        )
        match reply:
            case MessageQueued():
                return Done({"message_id": reply.message_id})
            case MessageRefused():
                return Failed(reply.detail)
