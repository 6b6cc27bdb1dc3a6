"""The bookkeeping of events in hand, against a disk that commits late, or not at all, and confirms later still."""

from collections import deque

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from vivesphere.kernel.bus.in_flight import Acknowledgement, InFlight, Settlement

NAME = "module:hall/bell"


class Disk:
    """What the statements of `db/settling.py` and a parked event do, in two lines each."""

    def __init__(self) -> None:
        self.cursor = 0
        self.done: set[int] = set()
        self.parked: set[int] = set()

    def commit(self, settlement: Settlement, *, parks: bool) -> None:
        self.cursor = max(self.cursor, settlement.floor)
        self.parked.discard(settlement.seq)
        if parks:
            self.parked.add(settlement.seq)
        elif settlement.seq > self.cursor:
            self.done.add(settlement.seq)
        self.sweep(settlement.swept, settlement.floor)

    def sweep(self, swept: int | None, floor: int) -> None:
        if swept is not None:
            self.done -= set(range(swept + 1, floor + 1))


class Flight(RuleBasedStateMachine):
    """`queued` are units on their way to the disk, `told` those that are on it, of which the listener has not heard yet."""

    def __init__(self) -> None:
        super().__init__()
        self.disk = Disk()
        self.flight = InFlight(0)
        self.newest = 0
        self.working: set[int] = set()
        self.queued: deque[tuple[Settlement, bool]] = deque()
        self.told: deque[Settlement] = deque()
        self.settled: set[int] = set()

    @rule(steps=st.lists(st.integers(1, 3), min_size=1, max_size=6), beyond=st.integers(0, 3))
    def read(self, steps: list[int], beyond: int) -> None:
        for step in steps:
            self.newest += step
            self.flight.take(self.newest)
            self.working.add(self.newest)
        self.newest += beyond
        self.flight.reach(self.newest)

    @precondition(lambda self: self.working)
    @rule(data=st.data(), parks=st.booleans())
    def finish(self, data: st.DataObject, parks: bool) -> None:
        seq = data.draw(st.sampled_from(sorted(self.working)))
        self.working.discard(seq)
        self.queued.append((self.flight.settlement(NAME, seq), parks))

    @precondition(lambda self: self.queued)
    @rule()
    def commit(self) -> None:
        settlement, parks = self.queued.popleft()
        self.disk.commit(settlement, parks=parks)
        self.told.append(settlement)
        if not parks:
            self.settled.add(settlement.seq)

    @precondition(lambda self: self.queued)
    @rule()
    def lose(self) -> None:
        settlement, _ = self.queued.popleft()
        self.working.add(settlement.seq)

    @precondition(lambda self: self.told)
    @rule()
    def hear(self) -> None:
        self.flight.settle(self.told.popleft())

    @precondition(lambda self: self.disk.parked - self.flight.held)
    @rule(data=st.data())
    def take_again(self, data: st.DataObject) -> None:
        seq = data.draw(st.sampled_from(sorted(self.disk.parked - self.flight.held)))
        self.flight.take(seq)
        self.working.add(seq)

    @precondition(lambda self: self.flight.untidy)
    @rule()
    def tidy(self) -> None:
        floor = self.flight.floor
        self.disk.cursor = max(self.disk.cursor, floor)
        self.disk.sweep(self.flight.swept_for(floor), floor)
        self.flight.moved_to(floor)

    @rule()
    def crash(self) -> None:
        """What was queued is lost, and a new life begins from what is on disk."""
        self.queued.clear()
        self.told.clear()
        self.working.clear()
        rows = self.disk.done | self.disk.parked
        self.flight = InFlight(self.disk.cursor, sorted(seq for seq in rows if seq > self.disk.cursor))
        for seq in range(self.disk.cursor + 1, self.newest + 1):
            if seq not in rows:
                self.flight.take(seq)
                self.working.add(seq)
        self.flight.reach(self.newest)

    @invariant()
    def nothing_unsettled_is_passed(self) -> None:
        owed = self.working | {settlement.seq for settlement, _ in self.queued}
        assert all(seq > self.disk.cursor or seq in self.disk.parked for seq in owed)
        assert self.disk.cursor <= self.newest

    @invariant()
    def nothing_settled_comes_again(self) -> None:
        assert all(seq <= self.disk.cursor or seq in self.disk.done for seq in self.settled - self.disk.parked)

    @invariant()
    def it_knows_no_more_than_the_disk(self) -> None:
        assert self.flight.kept <= self.disk.cursor

    def teardown(self) -> None:
        while self.queued:
            self.commit()
        while self.told:
            self.hear()
        while self.working:
            seq = self.working.pop()
            self.disk.commit(self.flight.settlement(NAME, seq), parks=False)
            self.flight.settle(self.flight.settlement(NAME, seq))
        if self.flight.untidy:
            self.tidy()
        # Nothing is left behind.
        assert not {seq for seq in self.disk.done if seq <= self.flight.floor}
        assert self.flight.floor == self.newest
        assert len(self.flight) == 0


TestFlight = Flight.TestCase
TestFlight.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


def test_an_acknowledgement_is_done_once_a_commit_has_said_so() -> None:
    flight = InFlight(0)
    flight.take(7)
    flight.reach(9)
    acknowledgement = Acknowledgement(NAME, 7, flight)
    assert not acknowledgement.done
    assert acknowledgement.settlement() == Settlement(NAME, 7, 9)
    acknowledgement.confirm(acknowledgement.settlement())
    assert acknowledgement.done


def test_what_was_put_aside_beyond_what_is_read_lets_nothing_unread_be_passed() -> None:
    flight = InFlight(10, (20,))
    flight.take(20)
    assert flight.floor == 10
    assert flight.settlement(NAME, 20) == Settlement(NAME, 20, 10)


def test_one_after_the_other_the_cursor_moves_with_each_and_no_row_is_left() -> None:
    flight = InFlight(0)
    for seq in (1, 2, 4):
        flight.take(seq)
    flight.reach(9)
    for seq, floor in ((1, 1), (2, 3), (4, 9)):
        assert flight.settlement(NAME, seq) == Settlement(NAME, seq, floor)
        flight.settle(flight.settlement(NAME, seq))
        assert not flight.untidy
