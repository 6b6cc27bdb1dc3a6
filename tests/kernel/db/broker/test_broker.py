"""The broker on a real database: who may speak, what is read and written, what comes back, and what is told of a refusal."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.kernel.db.hostile_world import HostileWorld, hostile_world

from vivesphere.kernel import principals
from vivesphere.kernel.db.broker.broker import Broker, SqlHandle
from vivesphere.kernel.db.broker.gate import SqlGate
from vivesphere.kernel.db.broker.statement import shown
from vivesphere.kernel.db.broker.values import _plain
from vivesphere.kernel.db.errors import AccessDenied, ConstraintViolated, ReadOnly, StatementFailed, StatementRefused
from vivesphere.kernel.db.fingerprint import fingerprint
from vivesphere.kernel.events import TableAccessDenied
from vivesphere.kernel.principals import SYSTEM, Principal
from vivesphere.kernel.sql import Parameters, QueryLimits, Rows


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[HostileWorld]:
    async with hostile_world(tmp_path, "plugin", gated=True) as world:
        yield world


async def test_rows_are_written_and_read(world: HostileWorld) -> None:
    written = await world.sql.execute("INSERT INTO items (body) VALUES (?), (?) RETURNING id, items.body", ["a", "b"])
    assert written == Rows(columns=("id", "body"), rows=((2, "a"), (3, "b")), changed=2)
    assert (await world.sql.execute("UPDATE items SET body = upper(body) WHERE id > :id", {"id": 1})).changed == 2
    read = await world.sql.query("SELECT id, body FROM items WHERE id > :id ORDER BY id", {"id": 1})
    assert read == Rows(columns=("id", "body"), rows=((2, "A"), (3, "B")))
    assert read.first() == {"id": 2, "body": "A"}
    assert (await world.sql.query("SELECT 1 AS one FROM items WHERE id = 9")).first() is None


async def test_a_query_writes_nothing(world: HostileWorld) -> None:
    with pytest.raises(ReadOnly, match="changes rows, and this only reads: use execute"):
        await world.sql.query("DELETE FROM items")
    assert (await world.sql.query("SELECT count(*) FROM items")).rows == ((1,),)


async def test_run_finds_out_which_of_both_it_is(world: HostileWorld) -> None:
    assert (await world.sql.run("SELECT id FROM items")).rows == ((1,),)
    assert (await world.sql.run("DELETE FROM items")).changed == 1
    world.broker.gate = None
    assert (await world.sql.run("SELECT count(*) FROM ext_quotes__items")).rows == ((0,),)


async def test_a_constraint_is_told_as_one(world: HostileWorld) -> None:
    with pytest.raises(ConstraintViolated, match="UNIQUE"):
        await world.sql.execute("INSERT INTO items (id) VALUES (1)")


async def test_a_refusal_of_the_gate_is_told_of(world: HostileWorld) -> None:
    for ask in (world.sql.query, world.sql.execute, world.sql.run):
        with pytest.raises(StatementRefused):
            await ask("PRAGMA user_version")
    told = TableAccessDenied(
        principal=world.speaker, action="statement", table="PRAGMA", sql=fingerprint("PRAGMA user_version")
    )
    assert world.reported == [told] * 3


@pytest.mark.parametrize("principal", [SYSTEM, principals.module("notes"), principals.bot("b"), principals.member("a", "p")])
async def test_only_plugins_and_people_speak_sql(world: HostileWorld, principal: Principal) -> None:
    with pytest.raises(AccessDenied, match="may not run SQL of its own"):
        world.broker.handle(principal)


async def test_a_key_speaks_of_peoples_tables(world: HostileWorld) -> None:
    with pytest.raises(AccessDenied, match="apikey:k may not read data_payroll"):
        await world.broker.handle(Principal("apikey:k")).query("SELECT body FROM payroll")


async def test_reading_a_new_text_does_not_keep_the_writer(world: HostileWorld) -> None:
    """A text is read once for a write, and not by the writer: its unit finds it known."""
    where: list[bool] = []

    class Watched(SqlGate):
        def admit(self, *asked: Any) -> Any:
            where.append(self.knows(*asked))
            return super().admit(*asked)

    world.broker.gate = Watched()
    await world.sql.execute("UPDATE items SET body = 'x'")
    await world.sql.execute("UPDATE items SET body = 'x'")
    assert where == [False, True, True]


async def test_limits_cut_rows_and_say_so(world: HostileWorld) -> None:
    up = "WITH RECURSIVE up(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < 100) SELECT n FROM up"
    by_rows = await world.sql.query(up, (), QueryLimits(rows=2))
    assert (by_rows.rows, by_rows.truncated) == (((1,), (2,)), True)
    by_bytes = await world.sql.query(up, (), QueryLimits(bytes=7))
    assert (by_bytes.rows, by_bytes.truncated) == (((1,), (2,)), True)
    assert not (await world.sql.query(up, (), QueryLimits(rows=100))).truncated
    written = await world.sql.execute(f"INSERT INTO items (body) {up} RETURNING id", (), QueryLimits(rows=1))
    assert (written.changed, len(written.rows), written.truncated) == (100, 1, True)
    endless = "WITH RECURSIVE up(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up) SELECT count(n) FROM up"
    with pytest.raises(StatementFailed, match="interrupted"):
        await world.sql.query(endless, (), QueryLimits(seconds=0.01))


@pytest.mark.parametrize(
    ("text", "parameters", "said"),
    [
        ("SELECT ?", [], "1 question marks, and 0 values"),
        ("SELECT 1", [1], "0 question marks, and 1 values"),
        ("SELECT ?", {"p1": 1}, "give a list of values, not names"),
        ("SELECT :a", [1], "give values by name, not a list"),
        ("SELECT :a", {}, "the parameter :a was given no value"),
        ("SELECT :a", {"a": 1, "b": 2}, "the statement has no parameter :b"),
        ("SELECT 1", {"b": 2}, "the statement has no parameter :b"),
        ("SELECT ?", ["a\0"], r"the value of :p1 contains the character U\+0000"),
        ("SELECT ?", ["\ud800"], "half of a surrogate pair"),
        ("SELECT ?", [1 << 63], "does not fit into 64 bits"),
        ("SELECT ?", [float("inf")], "is no finite number"),
        ("SELECT ?", [[1]], "is of type list: give a text, a number, true, false or null"),
    ],
)
async def test_values_that_do_not_fit_are_told(world: HostileWorld, text: str, parameters: Parameters, said: str) -> None:
    with pytest.raises(StatementFailed, match=said):
        await world.sql.query(text, parameters)
    assert world.reported == []


async def test_values_come_back_as_they_went_in(world: HostileWorld) -> None:
    values: list[Any] = ["it's", -(1 << 63), 1.5, None, True, False]
    found = await world.sql.query("SELECT ?, ?, ?, ?, ?, ?", values)
    assert found.rows == (("it's", -(1 << 63), 1.5, None, 1, 0),)
    assert found.columns == tuple(f"column{number}" for number in range(1, 7))


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (True, 1),
        (1.5, 1.5),
        (float("nan"), None),
        (Decimal(7), 7),
        (Decimal("1.5"), 1.5),
        (Decimal("NaN"), None),
        (b"ab", "YWI="),
        (memoryview(b"ab"), "YWI="),
        (datetime(2026, 1, 5, tzinfo=UTC), "2026-01-05T00:00:00Z"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ({"a": [1]}, {"a": [1]}),
    ],
)
def test_whatever_a_driver_gives_becomes_json(value: object, plain: object) -> None:
    assert _plain(value) == plain


async def test_many_ask_at_once(world: HostileWorld) -> None:
    writes = [world.sql.execute("INSERT INTO items (body) VALUES (?)", [str(number)]) for number in range(20)]
    reads = [world.sql.query("SELECT count(*) FROM items") for _ in range(20)]
    await asyncio.gather(*writes, *reads)
    assert (await world.sql.query("SELECT count(*) FROM items")).rows == ((21,),)


def test_what_is_shown_of_a_text_is_short_and_printable() -> None:
    assert shown("a \n\t b") == "a b"
    assert shown("\x1b[31m") == r"\x1b[31m"
    assert len(shown("x" * 100)) == 40


def test_a_handle_knows_whose_it_is(world: HostileWorld) -> None:
    handle = Broker(world.database.handle, "sqlite", None).handle(world.neighbour)
    assert isinstance(handle, SqlHandle)
    assert handle.principal == world.neighbour
