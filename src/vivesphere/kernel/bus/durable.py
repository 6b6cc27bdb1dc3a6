"""Durable delivery: a listener that reads only from the event log, and has handled an event when it says so on disk.

At least once: an event is handed over again until its handler returned. A handler may have the acknowledgement in the commit
of its last unit of work, so that what it writes is written exactly once. One event after the other, in the order of the log,
or in several lanes, in that order for each key. An event that fails is put aside and tried again later, and the next one goes
on meanwhile; if the listener is ordered, its lane waits.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

import msgspec
import structlog

from vivesphere.kernel.backoff import delay
from vivesphere.kernel.bus.breaker import STORM, Breakers, CutOff, Tripped
from vivesphere.kernel.bus.delivery_log import DeliveryLog, Due, Failure, Found, Look, Place
from vivesphere.kernel.bus.in_flight import Acknowledgement, InFlight, Settlement
from vivesphere.kernel.bus.lanes import Held, Lane, is_cancelled
from vivesphere.kernel.bus.live import Admits, Key
from vivesphere.kernel.bus.messages import Envelope, Event
from vivesphere.kernel.bus.patience import Patience
from vivesphere.kernel.cause import act_under
from vivesphere.kernel.clock import Clock, wait_at_most
from vivesphere.kernel.errors import told

E_co = TypeVar("E_co", bound=Event, covariant=True)

MAX_DELIVER = 10
"""Tries before an event is a dead letter."""

FIRST_DELAY = 1.0
LONGEST_DELAY = 300.0
"""Seconds before the first and, doubling, before the later tries."""

IN_FLIGHT = 256
"""Events in hand at once, waiting in their lanes included; more are read when half of them are settled."""

SKIP = 5000
"""So many events that are none of the listener's are remembered as looked at; a start looks at fewer again."""

logger = structlog.get_logger("vivesphere.bus")


class Delivery(Generic[E_co]):
    """An event handed to a durable listener. `attempt` counts from 1; `replayed`: a person asked for it again.

    A handler whose last unit of work is `db.acknowledge(delivery.acknowledgement, rule, …)` has that unit done exactly once.
    """

    def __init__(
        self, envelope: Envelope[E_co], acknowledgement: Acknowledgement, attempt: int, replayed: bool = False
    ) -> None:
        self.envelope = envelope
        self.acknowledgement = acknowledgement
        self.attempt = attempt
        self.replayed = replayed

    @property
    def event(self) -> E_co:
        return self.envelope.payload


Handler = Callable[[Delivery[Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DurableListening:
    """What a durable listener asked for: `kinds` are its events by topic, the rest is as in `BusHandle.listen_durably`."""

    name: str
    kinds: Mapping[str, type[Event]]
    handler: Handler
    ordered: bool = False
    key: Key | None = None
    lanes: int = 1
    start: str = "now"
    max_deliver: int = MAX_DELIVER

    def __post_init__(self) -> None:
        if not self.kinds:
            raise ValueError(f"{self.name}: a listener hears at least one kind of events")
        if self.lanes < 1 or self.max_deliver < 1:
            raise ValueError(
                f"{self.name}: a listener has at least one lane and one try, not {self.lanes} and {self.max_deliver}"
            )
        if self.ordered and self.lanes > 1 and self.key is None:
            raise ValueError(f"{self.name}: several lanes keep no order but that of a key; name the key, or have one lane")


class DurableSubscription:
    """A durable listener at its place in the log. `handled` and `failed` count since the start; `dead` letters stand."""

    def __init__(
        self,
        asked: DurableListening,
        *,
        log: DeliveryLog,
        clock: Clock,
        admits: Admits,
        jitter: Callable[[], float],
        tripped: Tripped,
    ) -> None:
        """`jitter` gives 0.0 to 1.0."""
        self.asked = asked
        self.name = asked.name
        self.topics = tuple(asked.kinds)
        self.handled = 0
        self.failed = 0
        self.dead = 0
        self.breakers = Breakers()
        self._log = log
        self._clock = clock
        self._admits = admits
        self._jitter = jitter
        self._tripped = tripped
        self._flight = InFlight(0)
        self._lanes = tuple(Lane() for _ in range(asked.lanes))
        self._newest: int | None = None
        self._trouble: str | None = None
        self._patience = Patience(self.name, clock)
        self._more = asyncio.Event()
        self._calm = asyncio.Event()
        self._resting = False
        self._ended = False
        self._hungry = False
        self._recount = False

    @property
    def waiting(self) -> int:
        """Events in hand, those included that wait in a lane."""
        return len(self._flight)

    @property
    def lag(self) -> int | None:
        """How many recorded events, of any kind, it is behind the log, as of its last look; None before the first."""
        return None if self._newest is None else max(0, self._newest - self._flight.floor)

    @property
    def blocked(self) -> str | None:
        """Why the listener, or a lane of it, does not go on, if it does not."""
        return self._trouble or self._patience.trouble or next((lane.blocked for lane in self._lanes if lane.blocked), None)

    def wake(self) -> None:
        """Something was recorded: a signal to look, nothing more."""
        self._more.set()

    def reconsider(self) -> None:
        """A person has decided about what was put aside, or wants something again."""
        self._recount = True
        for lane in self._lanes:
            lane.decided.set()
        self._more.set()

    async def drained(self) -> None:
        """Return once everything recorded so far has been handled or put aside, or waits for what was."""
        while not self._still:
            self._calm.clear()
            await self._calm.wait()

    async def run(self) -> None:
        """Deliver until cancelled. While the database is away it waits and asks again: nothing is lost in a log."""
        try:
            place = await self._patience.ask(lambda: self._log.open_cursor(self.name, self.asked.start))
            if place is None:
                self._trouble = f"it was to begin with the event {self.asked.start}, which is not in the log"
                logger.error("durable_listener_not_started", listener=self.name, reason=self._trouble)
            else:
                await self._deliver_from(place)
        except Exception as error:
            self._trouble = f"it ended: {told(error)}"
            raise
        finally:
            self._ended = True
            self._trouble = self._trouble or "it was cancelled"
            self._calm.set()

    async def _deliver_from(self, place: Place) -> None:
        self._flight = InFlight(place.seq, place.beyond)
        self.dead = place.dead
        reader = asyncio.current_task()

        def lane_ended(task: asyncio.Task[None]) -> None:
            # Cancelled from elsewhere: then the listener ends as a whole, and not one lane of it without a word.
            if task.cancelled() and reader is not None:
                reader.cancel()

        async with asyncio.TaskGroup() as group:
            for number, lane in enumerate(self._lanes):
                task = group.create_task(self._serve(lane), name=f"durable listener {self.name} lane {number}")
                task.add_done_callback(lane_ended)
            await self._read()

    async def _read(self) -> None:
        """Fill the lanes, for ever."""
        while True:
            self._more.clear()
            next_at = None
            if len(self._flight) > IN_FLIGHT // 2:
                self._hungry = True
            else:
                next_at = (await self._look()).next_at
            await self._rest(next_at)

    async def _look(self) -> Found:
        flight = self._flight
        recount, self._recount = self._recount, False
        found = await self._patience.ask(
            lambda: self._log.look(
                Look(
                    listener=self.name,
                    topics=self.topics,
                    after=flight.reached,
                    # Beyond the floor an ordered listener's lanes try again what they have put aside.
                    upto=flight.floor if self.asked.ordered else None,
                    held=flight.held,
                    room=IN_FLIGHT - len(flight),
                    ordered=self.asked.ordered,
                    count_dead=recount,
                )
            )
        )
        self._newest = found.newest
        self.dead = self.dead if found.dead is None else found.dead
        # What is due may have been settled while we looked, but only by the lanes, which had it in hand.
        self._hungry = found.more or found.held_back
        for due in found.due:
            self._take(due, blocks=False)
        for due in found.ahead:
            self._take(due, blocks=self.asked.ordered)
        flight.reach(found.reached)
        if flight.untidy or flight.floor - flight.kept >= SKIP:
            floor, swept = flight.floor, flight.swept_for(flight.floor)
            await self._patience.ask(lambda: self._log.move_on(self.name, floor, swept))
            flight.moved_to(floor)
        return found

    def _take(self, due: Due, *, blocks: bool) -> None:
        held = Held(due, blocks=blocks)
        lane = self._lanes[0]
        try:
            held.envelope = due.envelope(self.asked.kinds[due.topic])
            key = self.asked.key
            lane = self._lanes[(due.seq if key is None else hash(key(held.envelope))) % len(self._lanes)]
        except Exception as error:  # noqa: BLE001 - a contract or a key that cannot read the event fails this one delivery
            held.unreadable = error
        self._flight.take(due.seq)
        lane.add(held)

    async def _serve(self, lane: Lane) -> None:
        """Deliver what comes into the lane, one event after the other, for ever."""
        while True:
            while lane.queue:
                await self._deliver(lane, lane.queue[0])
                lane.queue.popleft()
                self._settled(lane)
                if is_cancelled():
                    # The handler caught what was meant to end the listener.
                    raise asyncio.CancelledError
            await lane.filled.wait()
            lane.filled.clear()

    def _settled(self, lane: Lane) -> None:
        flight = self._flight
        room = self._hungry and len(flight) <= IN_FLIGHT // 2
        if room or (flight.untidy and not len(flight)):
            self._more.set()
        if not lane.queue:
            self._calm.set()

    async def _deliver(self, lane: Lane, held: Held) -> None:
        """See to an event until it is settled or put aside."""
        while await self._its_turn(lane, held):
            acknowledgement = Acknowledgement(self.name, held.due.seq, self._flight)
            error = await self._try(held, acknowledgement)
            if error is None:
                await self._acknowledge(acknowledgement)
                return
            if await self._put_aside(held, acknowledgement, error):
                return
        self._flight.let_go(held.due.seq)

    async def _try(self, held: Held, acknowledgement: Acknowledgement) -> BaseException | None:
        """Hand the event over; what failed, unless that no longer matters."""
        try:
            envelope = held.readable()
            self._check_breaker(envelope)
            act_under(envelope)
            if self._admits(envelope):
                await self.asked.handler(Delivery(envelope, acknowledgement, held.due.attempts + 1, held.due.replay))
            self.breakers.succeeded(envelope.topic)
        except (Exception, asyncio.CancelledError) as error:
            # A handler may await what was cancelled elsewhere; only a cancellation of this task ends it.
            if isinstance(error, asyncio.CancelledError) and is_cancelled():
                raise
            if held.envelope is not None and not isinstance(error, CutOff):
                self.breakers.trial_failed(held.envelope.topic, self._clock.monotonic())
            if not acknowledgement.done:
                return error
            logger.warning("failed_after_acknowledging", listener=self.name, event_id=held.due.id, exc_info=error)
        return None

    def _check_breaker(self, envelope: Envelope[Any]) -> None:
        """Raises CutOff for an event of a storm: it is put aside like one that failed, since nothing may be lost."""
        now = self._clock.monotonic()
        if envelope.cause.hop and self.breakers.came_round(envelope, now):
            self._tripped(self.name, envelope, STORM)
        if not self.breakers.admit(envelope.topic, now):
            raise CutOff(f"{self.name} is cut off from {envelope.topic} for a while: {STORM}")

    async def _acknowledge(self, acknowledgement: Acknowledgement) -> None:
        if not acknowledgement.done:
            await self._patience.ask(lambda: self._log.acknowledge(acknowledgement))
        self._has_handled(acknowledgement)

    def _has_handled(self, acknowledgement: Acknowledgement) -> None:
        self.handled += 1
        if acknowledgement.confirmed is not None:
            self._flight.settle(acknowledgement.confirmed)
        else:
            self._flight.let_go(acknowledgement.seq)

    async def _put_aside(self, held: Held, acknowledgement: Acknowledgement, error: BaseException) -> bool:
        """Whether that was all; False if the event holds its lane up until it is settled."""
        due = held.due
        attempts = due.attempts + 1
        dead = attempts >= self.asked.max_deliver
        seconds = delay(due.attempts, self._jitter, first=FIRST_DELAY, longest=LONGEST_DELAY)
        again_at = None if dead else self._clock.now() + timedelta(seconds=seconds)
        why = None if isinstance(error, CutOff) else error
        logger.warning("delivery_failed", listener=self.name, event_id=due.id, attempts=attempts, dead=dead, exc_info=why)
        settlement = await self._park(due, told(error, 1000), again_at, blocks=held.blocks)
        if settlement is None:
            # Whoever waited for its commit was cancelled, and the commit came all the same.
            self._has_handled(acknowledgement)
            return True
        self.failed += 1
        self.dead += dead
        if held.blocks:
            held.due = msgspec.structs.replace(due, attempts=attempts, again_at=again_at, dead=dead)
            return False
        self._flight.settle(settlement)
        # To learn when the next try is due.
        self._more.set()
        return True

    async def _park(self, due: Due, error: str, again_at: datetime | None, *, blocks: bool) -> Settlement | None:
        """The settlement that was written; None if the event is settled already."""

        async def write() -> Settlement | None:
            settlement = self._flight.settlement(self.name, due.seq)
            failure = Failure(due, error, again_at, None if blocks else settlement)
            return settlement if await self._log.park(self.name, failure) else None

        return await self._patience.ask(write)

    async def _its_turn(self, lane: Lane, held: Held) -> bool:
        """Wait until an event that holds its lane up may be tried again; False if a person has dropped it."""
        while held.blocks and not held.ready(self._clock.now()):
            again_at = held.due.again_at
            if again_at is not None:
                self._block(lane, held)
                await self._clock.sleep((again_at - self._clock.now()).total_seconds())
            else:
                lane.decided.clear()
                # A person may have decided before we knew that there was something to decide.
                standing = await self._patience.ask(lambda: self._log.standing(self.name, held.due.seq))
                if standing is None:
                    return False
                held.due = msgspec.structs.replace(
                    held.due, attempts=standing.attempts, again_at=standing.again_at, dead=standing.dead
                )
                if standing.dead:
                    self._block(lane, held)
                    await lane.decided.wait()
            lane.blocked = None
        return True

    def _block(self, lane: Lane, held: Held) -> None:
        lane.blocked = held.trouble()
        self._calm.set()

    async def _rest(self, next_at: datetime | None) -> None:
        """Until there is something to look for, or a failed event's next try is due."""
        self._resting = True
        self._calm.set()
        if next_at is None:
            await self._more.wait()
        else:
            await wait_at_most(self._clock, self._more, (next_at - self._clock.now()).total_seconds())
        self._resting = False

    @property
    def _still(self) -> bool:
        resting = self._resting and not self._more.is_set()
        return self._ended or (resting and all(lane.still for lane in self._lanes))
