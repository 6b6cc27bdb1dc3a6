"""History: what was recorded, found again by pattern, time, source and chain."""

from datetime import datetime, timedelta, timezone

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.pool import StaticPool
from tests.kernel.db.world import NOTES, Noted, World, run_sql
from tests.support.clock import FakeClock

from vivesphere.kernel import principals
from vivesphere.kernel.bus.errors import TopicInvalid
from vivesphere.kernel.bus.messages import Envelope, Event
from vivesphere.kernel.bus.topics import matches
from vivesphere.kernel.cause import Cause
from vivesphere.kernel.db import effect_records, event_log, log_topics
from vivesphere.kernel.db.errors import AccessDenied
from vivesphere.kernel.db.event_log import HistoryQuery, RecordedEvent
from vivesphere.kernel.db.event_rows import row_of
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.ids import new_id

pytestmark = pytest.mark.usefixtures("engine")

START = FakeClock().now()
BOTS = principals.module("bots")
MEMORY = sa.create_engine("sqlite://", poolclass=StaticPool)
TOPICS = ("bots.message.received", "bots.message.sent", "bots", "bots-too.message.sent", "plans.run.completed", "bots.a.b.c")


def envelope(topic: str, seconds: float = 0, **cause: str) -> Envelope[Event]:
    by = Cause(**{"source": BOTS, "actor": BOTS} | cause)  # type: ignore[arg-type]  # the fields are strings here
    return Envelope(id=new_id(), topic=topic, timestamp=START.timestamp() + seconds, cause=by, payload=Noted(body=topic))


def record(tx: Unit, *envelopes: Envelope[Event]) -> None:
    """Write events straight into the log, under causes that a unit of work would not have."""
    tx.append([row_of(each) for each in envelopes])


async def recorded(world: World, *envelopes: Envelope[Event]) -> None:
    await world.system.write(record, *envelopes)


async def found(world: World, limit: int = 50, **query: object) -> list[RecordedEvent]:
    page = await world.system.read(event_log.history, HistoryQuery(**query), limit)  # type: ignore[arg-type]  # by name
    return list(page.items)


async def test_what_was_recorded_is_read_back_newest_first(world: World) -> None:
    sent = [envelope(topic, number) for number, topic in enumerate(TOPICS)]
    await recorded(world, *sent)
    kept = await found(world)
    assert [each.id for each in kept] == [each.id for each in reversed(sent)]
    oldest, cause = kept[-1], sent[0].cause
    assert (oldest.seq, oldest.topic, oldest.time, oldest.payload) == (1, TOPICS[0], START, {"body": TOPICS[0]})
    assert (oldest.source, oldest.actor, oldest.mode, oldest.hop) == (cause.source, cause.actor, cause.mode, cause.hop)
    assert (oldest.project, oldest.correlation_id, oldest.causation_id) == (cause.project, cause.correlation_id, None)


async def test_a_row_says_roughly_what_it_takes(world: World) -> None:
    small, large = envelope("bots"), msgspec.structs.replace(envelope("bots"), payload=Noted(body="ä" * 500))
    await recorded(world, small, large)
    sizes = await world.system.read(run_sql, "SELECT bytes FROM event_log ORDER BY seq")
    assert sizes[1][0] - sizes[0][0] == 2 * 500 - len("bots")


async def test_a_seq_is_never_given_twice(world: World) -> None:
    await recorded(world, envelope("bots"), envelope("bots"))
    await world.system.write(run_sql, "DELETE FROM event_log")
    await recorded(world, envelope("bots"))
    assert [each.seq for each in await found(world)] == [3]


async def test_only_the_kernel_records(world: World) -> None:
    with pytest.raises(AccessDenied):
        await world.notes.write(record, envelope("bots"))


@pytest.mark.parametrize(
    "pattern",
    ["bots.message.sent", "bots.>", "bots.*", "*.message.sent", "bots.message.*", "*", ">", "*.>", "bots.*.b.>", "none.>"],
)
async def test_a_pattern_finds_what_the_bus_would_deliver(world: World, pattern: str) -> None:
    await recorded(world, *(envelope(topic) for topic in TOPICS))
    assert [each.topic for each in await found(world, pattern=pattern)] == [
        topic for topic in reversed(TOPICS) if matches(pattern, topic)
    ]


token = st.text("ab-_0", min_size=1, max_size=2)
topics = st.lists(token, min_size=1, max_size=4).map(".".join)
patterns = st.tuples(st.lists(token | st.just("*"), max_size=3), st.sampled_from(["*", ">", "a"])).map(
    lambda parts: ".".join([*parts[0], parts[1]])
)


@given(pattern=patterns, topic=topics, category=token | st.none())
def test_the_database_says_the_same_as_the_bus(pattern: str, topic: str, category: str | None) -> None:
    row = sa.select(sa.literal(topic).label("topic")).subquery()
    asked = sa.select(sa.func.count()).select_from(row).where(*log_topics.conditions_on(row.c.topic, pattern, category))
    with MEMORY.connect() as connection:
        found = connection.execute(asked).scalar_one()
    assert found == (matches(pattern, topic) and category in (None, topic.partition(".")[0]))


async def test_time_source_project_and_chain_narrow_together(world: World) -> None:
    await recorded(
        world,
        envelope("bots", 0, correlation_id="a"),
        envelope("notes.made", 1, correlation_id="a", source=NOTES),
        envelope("bots", 2, correlation_id="b", project="garden"),
    )

    async def seqs(**query: object) -> list[int]:
        return [each.seq for each in await found(world, **query)]  # type: ignore[arg-type]  # by name

    assert await seqs(since=START + timedelta(seconds=1)) == [3, 2]
    assert await seqs(until=START + timedelta(seconds=1)) == [1]
    assert await seqs(source=NOTES) == [2]
    assert await seqs(project="garden") == [3]
    assert await seqs(correlation_id="a") == [2, 1]
    assert await seqs(correlation_id="a", source=BOTS, pattern="bots") == [1]


@pytest.mark.parametrize("topics", [1, 1000])
@pytest.mark.parametrize("pattern", [">", "bots.*"])
async def test_pages_go_on_where_the_last_one_ended(
    world: World, pattern: str, topics: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_topics, "LOOKED_AT", topics)
    await recorded(world, *(envelope("bots.one" if number % 3 else "bots.two.three") for number in range(11)))
    before, seen = None, list[int]()
    for _ in range(20):
        page = await world.system.read(event_log.history, HistoryQuery(pattern=pattern, before=before), 2)
        assert len(page.items) == 2 or page.next_before is None
        seen += [each.seq for each in page.items]
        if (before := page.next_before) is None:
            break
    assert before is None
    assert seen == [number + 1 for number in reversed(range(11)) if pattern == ">" or number % 3]


async def test_a_bad_pattern_is_refused(world: World) -> None:
    for pattern in ("", "a..b", ">.a", "A"):
        with pytest.raises(TopicInvalid):
            await found(world, pattern=pattern)


@pytest.mark.parametrize("merged", [1, 64])
async def test_a_category_is_the_first_token(world: World, merged: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_topics, "MERGED", merged)
    await recorded(world, *(envelope(topic) for topic in TOPICS))
    of_bots = [topic for topic in reversed(TOPICS) if topic.split(".")[0] == "bots"]
    assert [each.topic for each in await found(world, category="bots")] == of_bots
    assert [each.topic for each in await found(world, category="bots", pattern="*.message.*")] == [
        "bots.message.sent",
        "bots.message.received",
    ]
    assert await found(world, category="plans", pattern="bots.>") == []
    for category in ("", "bots.message", ">"):
        with pytest.raises(TopicInvalid):
            await found(world, category=category)


async def test_a_source_is_looked_for_where_it_may_speak(world: World) -> None:
    system, plugin, user = principals.SYSTEM, principals.plugin("dice"), principals.user("1")
    await recorded(
        world,
        envelope("bus.loop_broken", source=system),
        envelope("database.access_denied", source=system),
        envelope("plugins.dice.rolled", source=plugin),
        envelope("plugins.quotes.said", source=principals.plugin("quotes")),
    )
    assert [each.seq for each in await found(world, source=system)] == [2, 1]
    assert [each.seq for each in await found(world, source=plugin)] == [3]
    assert await found(world, source=plugin, pattern="plugins.quotes.said") == []
    assert await found(world, source=user) == []


async def test_a_time_is_found_in_a_log_with_gaps_whose_neighbours_are_out_of_step(world: World) -> None:
    offsets = [0, 100, 90, 130, 200, 300, 290, 400, 500]
    await recorded(world, *(envelope("bots.a", offset) for offset in offsets))
    await world.system.write(run_sql, "DELETE FROM event_log WHERE seq IN (1, 5)")
    kept = [offset for number, offset in enumerate(offsets, start=1) if number not in (1, 5)]
    for since in range(0, 520, 10):
        for until in (since + 10, since + 200):
            page = await found(world, since=START + timedelta(seconds=since), until=START + timedelta(seconds=until))
            assert [(each.time - START).seconds for each in reversed(page)] == [
                offset for offset in kept if since <= offset < until
            ]


async def test_the_first_and_the_last_moment_there_are_may_be_asked_for(world: World) -> None:
    await recorded(world, envelope("bots.a"), envelope("bots.b", 1))
    earliest = datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))
    latest = datetime.max.replace(tzinfo=timezone(timedelta(hours=-12)))
    assert len(await found(world, since=earliest, until=latest)) == 2
    assert await found(world, since=latest) == await found(world, until=earliest) == []


async def test_a_stream_goes_on_after_the_last_seq_it_has(world: World) -> None:
    await recorded(world, *(envelope(topic) for topic in TOPICS))

    async def seqs(after: int, limit: int, pattern: str = ">") -> list[int]:
        events = await world.system.read(event_log.after, after, HistoryQuery(pattern=pattern), limit)
        return [each.seq for each in events]

    assert await seqs(0, 3) == [1, 2, 3]
    assert await seqs(3, 3) == [4, 5, 6]
    assert await seqs(6, 3) == []
    assert await seqs(0, 2, pattern="bots.message.*") == [1, 2]
    assert await seqs(1, 9, pattern="bots.>") == [2, 6]
    assert await seqs(1, 9, pattern="none.>") == []


async def test_an_event_is_found_by_its_id(world: World) -> None:
    sent = envelope("bots.a")
    await recorded(world, sent)
    event = await world.system.read(event_log.find, sent.id)
    assert event is not None
    assert (event.id, event.seq) == (sent.id, 1)
    assert await world.system.read(event_log.find, new_id()) is None


async def test_a_chain_has_its_events_and_its_effects_oldest_first(world: World) -> None:
    begun, other = envelope("bots.a", 0, correlation_id="c"), envelope("bots.a", 1, correlation_id="d")
    await recorded(world, begun, other, envelope("plans.b", 2, correlation_id="c", causation_id=begun.id))
    for number, chain in enumerate(("c", "d", "c")):
        await world.system.write(
            effect_records.intend,
            effect_records.EffectRecord(
                id=str(number),
                kind="http",
                target="t",
                source=BOTS,
                actor=BOTS,
                project="default",
                correlation_id=chain,
                created_at=START + timedelta(seconds=number),
            ),
        )
    whole = await world.system.read(event_log.chain, begun.id)
    assert whole is not None
    assert (whole.correlation_id, whole.truncated) == ("c", False)
    assert [each.topic for each in whole.events] == ["bots.a", "plans.b"]
    assert [each.id for each in whole.effects] == ["0", "2"]
    cut = await world.system.read(event_log.chain, begun.id, 1)
    assert cut is not None
    assert (len(cut.events), len(cut.effects), cut.truncated) == (1, 1, True)
    assert await world.system.read(event_log.chain, new_id()) is None
