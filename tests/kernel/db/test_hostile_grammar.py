"""Hostile SQL that nobody thought of: made by a grammar that knows every name and every clause, and by shaking the corpus."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.kernel.db.hostile_corpus import CORPUS, Hostile
from tests.kernel.db.hostile_world import HostileWorld, hostile_world
from tests.kernel.db.test_hostile_corpus import speak

from vivesphere.kernel.db.broker.gate import SqlGate
from vivesphere.kernel.db.errors import StatementRefused

NAMES = st.sampled_from(
    ["{own}", "{secret}", "{payroll}", "{core}", "main.{secret}", '"{secret}"', "[{secret}]", "sqlite_master", "event_log", "w"]
)
COLUMNS = st.sampled_from(["id", "body", "*", "o.body", "s.body", "rowid", "sql", "count(*)", "max(body)", "1", "'x'", "NULL"])
ALIASES = st.sampled_from(["", " AS o", " AS s", " AS {own}", " AS {secret}", " w"])

QUERIES: st.SearchStrategy[str] = st.deferred(lambda: SELECTS | SETS | WITHS)
SCALARS: st.SearchStrategy[str] = st.deferred(
    lambda: COLUMNS | st.builds("({})".format, QUERIES) | st.builds("length(({}))".format, QUERIES)
)
SOURCES: st.SearchStrategy[str] = st.deferred(
    lambda: st.builds("{}{}".format, NAMES, ALIASES) | st.builds("({}) AS o".format, QUERIES)
)
CONDITIONS: st.SearchStrategy[str] = st.deferred(
    lambda: (
        st.builds("{} {} {}".format, SCALARS, st.sampled_from(["=", "<", "<>", "LIKE", "IS", "GLOB"]), SCALARS)
        | st.builds("EXISTS ({})".format, QUERIES)
        | st.builds("{} IN ({})".format, COLUMNS, QUERIES)
        | st.builds("NOT ({})".format, CONDITIONS)
    )
)
JOINS: st.SearchStrategy[str] = st.builds(
    "{} {} {}{}".format,
    SOURCES,
    st.sampled_from(["JOIN", "LEFT JOIN", "FULL JOIN", "CROSS JOIN", "NATURAL JOIN", ","]),
    SOURCES,
    st.just("") | st.just(" USING (body)") | st.builds(" ON {}".format, CONDITIONS),
)
TAILS: st.SearchStrategy[str] = st.just("") | st.builds(
    " {} {}".format, st.sampled_from(["WHERE", "GROUP BY", "HAVING", "ORDER BY", "LIMIT"]), CONDITIONS | SCALARS
)
SELECTS: st.SearchStrategy[str] = st.builds("SELECT {} FROM {}{}".format, SCALARS, SOURCES | JOINS, TAILS)
SETS: st.SearchStrategy[str] = st.builds(
    "{} {} {}".format, SELECTS, st.sampled_from(["UNION", "UNION ALL", "EXCEPT", "INTERSECT"]), SELECTS
)
WITHS: st.SearchStrategy[str] = st.builds(
    "WITH {}{} AS ({}) {}".format, st.sampled_from(["", "RECURSIVE "]), NAMES, SELECTS, SELECTS
)
RETURNS = st.just("") | st.builds(" RETURNING {}".format, SCALARS)
WRITES = (
    st.builds("INSERT INTO {} (body) {}{}".format, NAMES, QUERIES, RETURNS)
    | st.builds("INSERT INTO {} (body) VALUES ({}){}".format, NAMES, SCALARS, RETURNS)
    | st.builds(
        "INSERT INTO {} (id, body) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET body = {} WHERE {}".format,
        NAMES,
        SCALARS,
        CONDITIONS,
    )
    | st.builds("UPDATE {} SET body = {} WHERE {}{}".format, NAMES, SCALARS, CONDITIONS, RETURNS)
    | st.builds("UPDATE {} SET body = s.body FROM {} AS s{}".format, NAMES, NAMES, RETURNS)
    | st.builds("DELETE FROM {} WHERE {}{}".format, NAMES, CONDITIONS, RETURNS)
)
STATEMENTS = QUERIES | WRITES

PIECES = st.sampled_from([piece for hostile in CORPUS if len(hostile.sql) < 500 for piece in hostile.sql.split(" ")])
SHAKEN = st.lists(PIECES, min_size=1, max_size=30).map(" ".join)


OVERGROWN = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
"""Queries stand in queries: many grow beyond what Hypothesis keeps of one example, and are given up."""

Speaking = tuple[asyncio.Runner, HostileWorld]


@pytest.fixture(scope="module", params=[True, False], ids=["gate", "open"])
def speaking(request: pytest.FixtureRequest) -> Iterator[Speaking]:
    """One world for all examples, on a loop of its own."""
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory() as folder:
        stack = AsyncExitStack()
        opened = hostile_world(Path(folder), "plugin", gated=request.param)
        world = runner.run(stack.enter_async_context(opened))
        yield runner, world
        runner.run(stack.aclose())


async def hold(world: HostileWorld, sql: str) -> None:
    for way in ("query", "execute"):
        await speak(world, Hostile(sql, "generated", sql), way)
    await world.check_all_is_well()


@settings(max_examples=settings().max_examples // 4, suppress_health_check=OVERGROWN)
@given(sql=STATEMENTS)
def test_whatever_the_grammar_makes_gets_nowhere(speaking: Speaking, sql: str) -> None:
    runner, world = speaking
    runner.run(hold(world, sql))


@settings(max_examples=settings().max_examples // 4, suppress_health_check=OVERGROWN)
@given(sql=SHAKEN)
def test_the_corpus_shaken_gets_nowhere(speaking: Speaking, sql: str) -> None:
    runner, world = speaking
    runner.run(hold(world, sql))


@settings(suppress_health_check=OVERGROWN)
@given(text=STATEMENTS | SHAKEN | st.text(max_size=100))
def test_the_gate_lets_through_or_refuses_and_what_it_wrote_it_reads_again(text: str) -> None:
    """It raises nothing else, and what it writes for SQLite is within its own subset."""
    gate = SqlGate()
    try:
        written = gate.admit(text, "data_", "sqlite").text
        gate.admit(text, "data_", "postgresql")
    except StatementRefused:
        return
    assert gate.admit(written.replace("data_", ""), "data_", "sqlite").writes == gate.admit(text, "data_", "sqlite").writes
