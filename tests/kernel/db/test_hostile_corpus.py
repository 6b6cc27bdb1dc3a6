"""The whole corpus, on every database, as a plugin and as a person, behind the gate and without it."""

import asyncio
from pathlib import Path

import pytest
from tests.kernel.db.hostile_corpus import CORPUS, Engine, Fate, Hostile
from tests.kernel.db.hostile_world import SECRET, SPEAKERS, HostileWorld, Speaker, hostile_world

from vivesphere.kernel.db.broker.broker import SqlHandle
from vivesphere.kernel.db.errors import AccessDenied, DatabaseError, StatementRefused
from vivesphere.kernel.principals import SYSTEM
from vivesphere.kernel.sql import QueryLimits, Rows

KINDS = tuple(dict.fromkeys(each.kind for each in CORPUS))
LIMITS = QueryLimits(rows=100, bytes=10_000, seconds=0.2)
PATIENCE = 60
"""Seconds: a statement that nobody stops would run for ever."""


def test_the_corpus_is_as_large_as_promised_and_each_statement_has_a_name() -> None:
    assert len(CORPUS) >= 150
    assert len({(each.kind, each.name) for each in CORPUS}) == len(CORPUS)


def test_what_only_the_gate_stops_says_what_it_would_do() -> None:
    assert not [each.name for each in CORPUS if each.only_the_gate and not each.why]


async def test_the_tests_would_notice(tmp_path: Path) -> None:
    """A speaker whom the engine lets do everything: what is secret comes out, and what is another's changes."""
    async with hostile_world(tmp_path, "plugin", gated=False) as world:
        world.sql = SqlHandle(world.broker, world.database.handle(SYSTEM), "")
        with pytest.raises(AssertionError):
            await speak(world, Hostile("all of it", "", "SELECT * FROM {secret}"), "query")
        await speak(world, Hostile("delete", "", "DELETE FROM {secret}"), "execute")
        with pytest.raises(AssertionError):
            await world.check_all_is_well()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("gated", [True, False], ids=["gate", "open"])
@pytest.mark.parametrize("speaker", SPEAKERS)
async def test_hostile_sql_gets_nowhere(tmp_path: Path, engine: str, speaker: Speaker, gated: bool, kind: str) -> None:
    async with hostile_world(tmp_path, speaker, gated=gated) as world:
        # Without the gate PostgreSQL runs some that SQLite cannot read, and refuses others by what its connections let through.
        # What they must not do is the same: it is looked at after each.
        either = world.dialect == "postgresql" and not gated
        for hostile in CORPUS:
            if hostile.kind == kind:
                fates = [await speak(world, hostile, way) for way in ("query", "execute")]
                assert either or fates == [expected(hostile, world.dialect, gated=gated)] * 2, hostile.name
                await world.check_all_is_well()


def expected(hostile: Hostile, engine: Engine, *, gated: bool) -> Fate:
    if gated:
        return hostile.fate
    return "harmless" if engine in hostile.only_the_gate else hostile.open_fate


async def speak(world: HostileWorld, hostile: Hostile, way: str) -> Fate:
    """Run it; whatever comes of it, nothing of another's is in it, and a refusal was told of."""
    told = len(world.reported)
    error: DatabaseError | None = None
    rows = Rows()
    try:
        async with asyncio.timeout(PATIENCE):
            rows = await getattr(world.sql, way)(world.written(hostile.sql), (), LIMITS)
    except DatabaseError as raised:
        error = raised
    assert SECRET not in f"{error} {rows}", hostile.name
    assert len(rows.rows) <= LIMITS.rows
    if isinstance(error, AccessDenied | StatementRefused):
        assert len(world.reported) > told, hostile.name
    assert {each.principal for each in world.reported[told:]} <= {world.speaker}
    return "harmless" if error is None else "refused"
