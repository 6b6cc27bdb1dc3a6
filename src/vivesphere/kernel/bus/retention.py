"""How long the event log remembers: by age and by bytes, in small units, and never at the cost of who has yet to hear."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from typing import Annotated

import msgspec
import structlog
from msgspec import Meta

from vivesphere.kernel.bus.durable import DurableSubscription
from vivesphere.kernel.bus.log import DatabaseEventLog, events_by_topic
from vivesphere.kernel.bus.redelivery import Redelivery
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.db import retention
from vivesphere.kernel.db.errors import DatabaseError
from vivesphere.kernel.db.event_rows import LogRow, row_bytes
from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.kernel.db.retention import Order, Owed, Swept
from vivesphere.kernel.services import Health

EVERY = 2.0
"""Seconds between two looks at how much the log holds. Live events ask for room by themselves."""

HOURLY = 3600.0
"""Seconds between two looks for what was kept with the log: dead letters, cursors, replies."""

ARRIVAL = 60.0
"""Seconds after the start until the first such look: whoever was away for long, the server with it, comes to listen before."""

REPLIES = timedelta(hours=24)
"""How long a reply is kept under its idempotency key."""

SLACK = 4 * 1024 * 1024
"""Bytes that a sweep deletes beyond what it has to, or a sixty-fourth of the limit if that is less."""

SPARE = 8 * 1024 * 1024
"""Bytes of empty pages that stay in the file for the next events, or a sixteenth of the limit if that is less."""

PAGE = 4096
GIVEN_BACK = 128
"""Empty pages handed back to the disk in one unit."""

COUNTED_ANEW = 50_000
"""Events that came since the log was counted, until the count is kept: a start counts fewer."""

logger = structlog.get_logger("vivesphere.bus")


class EventLogSettings(msgspec.Struct, frozen=True):
    """The settings section `events`."""

    keep_days: Annotated[int, Meta(ge=1, description="Days that events and dead letters are kept.")] = 30
    keep_bytes: Annotated[
        int, Meta(ge=1024 * 1024, description="Bytes that the event log may take; above that the oldest events go first.")
    ] = 1024 * 1024 * 1024
    listener_days: Annotated[
        int,
        Meta(ge=1, description="Days that events are kept for a durable listener that no longer comes to listen."),
    ] = 30


class EventRetention:
    """Keeps the log within its limits. `db` is a handle of `system`, `running` gives the durable listeners of this process."""

    def __init__(
        self,
        db: DatabaseHandle,
        settings: EventLogSettings,
        *,
        log: DatabaseEventLog,
        redelivery: Redelivery,
        bound_journal: Callable[[], Awaitable[None]],
        running: Callable[[], Iterable[DurableSubscription]],
        clock: Clock,
    ) -> None:
        self.settings = settings
        self._db = db
        self._log = log
        self._redelivery = redelivery
        self._bound_journal = bound_journal
        self._running = running
        self._clock = clock
        self._bytes = 0
        self._holder: Owed | None = None
        self._kept_up_to = 0

    def change(self, settings: EventLogSettings) -> None:
        """Other limits from the next look on."""
        self.settings = settings

    def health(self) -> Health:
        """Degraded while the log is above its limit because of what somebody has yet to hear."""
        over, holder = self._bytes - self.settings.keep_bytes, self._holder
        if over <= 0 or holder is None:
            return Health()
        return Health(
            "degraded",
            f"the event log is {over} bytes above the {self.settings.keep_bytes} it may take and cannot shrink: "
            f"{holder.listener} has yet to be done with event {holder.seq}",
        )

    async def append(self, rows: Sequence[LogRow]) -> None:
        """Write live events, in the place of the oldest ones if the log is full: however fast they come, it stays within its
        limit. Raises LogUnavailable."""
        coming = sum(map(row_bytes, rows))
        if self._bytes + coming <= self.settings.keep_bytes:
            await self._log.append(rows)
        else:
            order = self._order(self.settings.keep_bytes - coming)
            swept = await self._log.replace(msgspec.structs.replace(order, unit=2 * len(rows)), rows)
            self._pass_over(swept)
        self._bytes += coming

    async def run(self) -> None:
        """Look after the log, for as long as the server runs."""
        next_hour = self._clock.monotonic() + ARRIVAL
        while True:
            try:
                if self._clock.monotonic() >= next_hour:
                    await self.forget()
                    next_hour = self._clock.monotonic() + HOURLY
                await self.sweep()
                await self._bound_journal()
            except DatabaseError as error:
                # The database says so in its own health; the log only stays as it is for a while.
                logger.warning("event_retention_waits", reason=str(error))
            await self._clock.sleep(EVERY)

    async def sweep(self) -> None:
        """Delete what is too old and what is too much. Raises DatabaseError."""
        holder = await self._db.read(retention.furthest_behind)
        if holder != self._holder:
            self._holder, self._kept_up_to = holder, 0
        order = self._order(self.settings.keep_bytes)
        looked = await self._db.read(retention.look, order)
        self._bytes = looked.held.bytes
        if looked.uncounted > COUNTED_ANEW:
            await self._db.write(retention.count_anew)
        if looked.due:
            for listener in self._running():
                # One that hears seldom may stand far behind without owing anything, until it looks.
                listener.wake()
            await self._delete(order)
        await self._give_back()

    async def forget(self) -> None:
        """Let go of what is kept beside the log: listeners that are gone, dead letters and replies. Raises DatabaseError."""
        now = self._clock.now()
        await self._db.write(retention.note_seen, [listener.name for listener in self._running()])
        since = now - timedelta(days=self.settings.listener_days)
        for name in await self._db.read(retention.gone_listeners, since):
            while await self._db.write(retention.forget_listener, name, since):
                pass
            logger.warning("durable_listener_forgotten", listener=name, days=self.settings.listener_days)
        until = now - timedelta(days=self.settings.keep_days)
        while letters := await self._db.read(retention.old_letters, until):
            await self._redelivery.drop([letter.id for letter in letters])
            for name, count in Counter(letter.listener for letter in letters).items():
                logger.warning("dead_letters_too_old", listener=name, letters=count, days=self.settings.keep_days)
        while await self._db.write(retention.forget_replies, now - REPLIES) == retention.UNIT:
            pass
        # Whatever held the log up may be gone.
        self._kept_up_to = 0

    def _order(self, most_bytes: int) -> Order:
        live = sorted(topic for topic, kind in events_by_topic().items() if not kind.durable)
        until = self._clock.now() - timedelta(days=self.settings.keep_days)
        return Order(after=self._kept_up_to, until=until, most_bytes=most_bytes, live=live)

    async def _delete(self, order: Order) -> None:
        """Unit by unit, a little more than need be: the next events are to find room."""
        goal = self.settings.keep_bytes - min(self.settings.keep_bytes // 64, SLACK)
        while (swept := await self._db.write(retention.sweep, order)).reached is not None:
            self._pass_over(swept)
            order = msgspec.structs.replace(order, after=swept.reached, most_bytes=goal)

    def _pass_over(self, swept: Swept) -> None:
        """What has to stay is not looked at again until somebody has moved on."""
        self._bytes = swept.left.bytes
        if swept.reached is not None and (swept.owed or self._kept_up_to):
            self._kept_up_to = max(self._kept_up_to, swept.reached)

    async def _give_back(self) -> None:
        """The pages that became empty, but for some that the next events need."""
        spare = min(self.settings.keep_bytes // 16, SPARE) // PAGE
        while (empty := await self._db.read(retention.empty_pages)) > spare:
            await self._db.write(retention.give_back, min(GIVEN_BACK, empty - spare))
