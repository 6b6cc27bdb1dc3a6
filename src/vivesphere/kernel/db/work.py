"""One unit of work on its way: asked for on the loop, done on a database thread, answered on the loop."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Concatenate

import sqlalchemy as sa

from vivesphere.kernel.bus.in_flight import Acknowledgement
from vivesphere.kernel.bus.messages import Envelope, Event
from vivesphere.kernel.cause import Cause, Mode
from vivesphere.kernel.db.connection import Connection
from vivesphere.kernel.db.errors import TransactionLost
from vivesphere.kernel.db.kept_replies import Once
from vivesphere.kernel.db.unit import EventCheck, Staged, Unit
from vivesphere.kernel.events import TableAccessDenied
from vivesphere.kernel.principals import SYSTEM, Principal

Rule = Callable[Concatenate[Unit, ...], Any]


def _allow_every_event(principal: Principal, event: Event) -> None:
    """Until a bus installs its own check."""


def _leave_undelivered(envelopes: Sequence[Envelope[Any]]) -> None:
    """Until a bus installs its own dispatch; durable events are in the log all the same."""


def _leave_unreported(denied: TableAccessDenied, cause: Cause) -> None:
    """Until the application installs a way to publish the kernel's own events."""


def _leave_uncounted(principal: Principal, cause: Cause, message: str) -> None:
    """Until a bus installs its own count of broken loops."""


@dataclass(slots=True)
class Hooks:
    """What the bus puts in. `check` runs on database threads, the others on the loop.

    `dispatch` gets the events of one commit, in order, before any caller of that commit resumes. `report` gets a
    TableAccessDenied with the cause of the unit it happened in (`refused` counts them), `break_loop` the topic of the event
    that a chain at the hop limit wanted to emit.
    """

    check: EventCheck = _allow_every_event
    dispatch: Callable[[Sequence[Envelope[Any]]], object] = _leave_undelivered
    report: Callable[[TableAccessDenied, Cause], object] = _leave_unreported
    break_loop: Callable[[Principal, Cause, str], object] = _leave_uncounted
    refused: int = 0


class Work:
    """A rule with its arguments, whom it is for, and what came of it."""

    __slots__ = (
        "acknowledges",
        "args",
        "cause",
        "error",
        "future",
        "kwargs",
        "looped",
        "lost",
        "once",
        "principal",
        "reports",
        "result",
        "rule",
        "settlement",
        "staged",
    )

    def __init__(
        self,
        principal: Principal,
        cause: Cause,
        future: asyncio.Future[Any],
        *,
        rule: Rule,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        acknowledges: Acknowledgement | None = None,
        once: Once | None = None,
    ) -> None:
        self.acknowledges = acknowledges
        # Of this moment: the writer's thread may not ask the listener.
        self.settlement = None if acknowledges is None else acknowledges.settlement()
        self.once = once
        self.principal = principal
        self.cause = cause
        self.rule = rule
        self.args = args
        self.kwargs = kwargs
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None
        self.lost = False
        self.looped: str | None = None
        self.staged: Sequence[Staged] = ()
        self.reports: Sequence[TableAccessDenied] = ()

    @property
    def name(self) -> str:
        """The rule's name, for the log."""
        return f"{self.rule.__module__}.{getattr(self.rule, '__qualname__', type(self.rule).__name__)}"

    def perform(self, connection: Connection, hooks: Hooks, now: Callable[[], datetime], *, writable: bool) -> None:
        """Run the rule inside the transaction that is open, and keep what came of it. May be done again: nothing is left over.

        Never raises. `lost` says that the transaction is gone, whatever the rule made of the error.
        """
        unit = Unit(connection, self.cause, now=now, check=hooks.check, writable=writable)
        self.result = self.error = None
        try:
            self.result = self.rule(unit, *self.args, **self.kwargs)
        except sa.exc.DBAPIError as error:
            self.error = unit.left_with(connection, error)
            self.error.__cause__ = error
        except BaseException as error:  # noqa: BLE001 - whatever the rule raises belongs to its caller, not to this thread
            self.error = error
        unit.close()
        self.reports = unit.reports
        self.looped = unit.looped
        self.staged = () if self.error is not None else unit.staged
        self.lost = unit.lost or not connection.in_transaction
        if self.lost and self.error is None:
            self.fail(TransactionLost("a statement ended the whole transaction, and nothing of it was kept"))

    def answer(self, reply: Any, error: BaseException | None = None) -> None:
        """What came of it without running the rule."""
        self.result = reply
        self.error = error
        self.lost = False
        self.looped = None
        self.staged = ()
        self.reports = ()

    def fail(self, error: BaseException) -> None:
        """Nothing of this unit was kept."""
        self.result = None
        self.error = error
        self.staged = ()

    def settle(self, hooks: Hooks) -> None:
        """On the loop: answer the caller, if it still waits."""
        hooks.refused += len(self.reports)
        for event in self.reports:
            hooks.report(event, self.cause)
        if self.looped is not None:
            hooks.break_loop(self.principal, self.cause, self.looped)
        if self.acknowledges is not None and self.settlement is not None and self.error is None:
            self.acknowledges.confirm(self.settlement)
        if self.future.done():
            return
        if isinstance(self.error, StopIteration):
            # A future refuses it: it would end the generator that awaits.
            self.future.set_exception(RuntimeError("the rule raised StopIteration"))
        elif self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


def is_shadow(work: Work) -> bool:
    """Whether the unit only pretends. What `system` writes is the kernel's own record of what was pretended, and stays."""
    return work.cause.mode is Mode.SHADOW and work.principal != SYSTEM
