"""Custom tables in the database itself: made, changed and dropped, in a unit of work that is kept whole or not at all."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from tests.kernel.db.table_world import Made, make
from tests.kernel.db.world import World

from vivesphere.kernel import principals
from vivesphere.kernel.db import ddl, grants
from vivesphere.kernel.db.access import KEEPER, Granted
from vivesphere.kernel.db.alteration import Alteration
from vivesphere.kernel.db.definition import Column, Index
from vivesphere.kernel.db.errors import AccessDenied, ConstraintViolated
from vivesphere.kernel.db.handle import Unit

pytestmark = pytest.mark.usefixtures("engine")

DICE = principals.plugin("dice")
EVERY = (
    Column(name="a", type="text", default='it\'s 100% "so" :x ü'),
    Column(name="b", type="integer", default=-(1 << 62)),
    Column(name="c", type="number", default=-0.5),
    Column(name="d", type="boolean", default=True),
    Column(name="e", type="date", default="2026-01-05"),
    Column(name="f", type="datetime", default="2026-01-05T08:00:00Z"),
    Column(name="g", type="json", default={"a": ["ü", None]}),
)
DEFAULTS = {
    "a": 'it\'s 100% "so" :x ü',
    "b": -(1 << 62),
    "c": -0.5,
    "d": True,
    "e": "2026-01-05",
    "f": datetime(2026, 1, 5, 8, tzinfo=UTC),
    "g": {"a": ["ü", None]},
}


def own(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name in DEFAULTS}


async def test_what_sql_leaves_out_the_database_fills_in(world: World) -> None:
    made = await make(world.database, EVERY)
    await made.run("INSERT INTO data_leads (a) VALUES ('x')")
    await made.run("INSERT INTO data_leads DEFAULT VALUES")
    first, second = await made.select()
    assert own(first) == DEFAULTS | {"a": "x"}
    assert own(second) == DEFAULTS
    for record in (first, second):
        assert uuid.UUID(record["id"]).version == 7
        assert str(uuid.UUID(record["id"])) == record["id"]
        assert (record["version"], record["created_at"].tzinfo) == (1, UTC)
        assert record["created_at"].year >= 2026


async def test_columns_with_every_default_can_be_added_to_records(world: World) -> None:
    made = await make(world.database, [Column(name="body", type="text")])
    await made.run("INSERT INTO data_leads (body) VALUES ('x')")
    await made.alter(
        Alteration(
            add_columns=tuple(Column(name=each.name, type=each.type, default=each.default, required=True) for each in EVERY)
        )
    )
    (record,) = await made.select()
    assert own(record) == DEFAULTS


async def test_everything_that_comes_can_go(world: World) -> None:
    await make(world.database, [Column(name="body", type="text")], "data_others")
    many = tuple(Column(name=each.name, type=each.type, unique=each.type != "json") for each in EVERY)
    made = await make(
        world.database, [*many, Column(name="h", type="reference", references="others"), Column(name="z", type="text")]
    )
    await made.run("INSERT INTO data_leads (z) VALUES ('kept')")
    await made.alter(Alteration(drop_columns=tuple("abcdefgh")))
    assert [record["z"] for record in await made.select()] == ["kept"]
    assert [column.name for column in made.shape.table.columns] == ["id", "version", "created_at", "updated_at", "z"]


async def test_renamed_columns_keep_their_values_indexes_and_references(world: World) -> None:
    others = await make(world.database, [Column(name="body", type="text")], "data_others")
    await others.run("INSERT INTO data_others (id) VALUES ('o')")
    made = await make(
        world.database, [Column(name="a", type="text", unique=True), Column(name="b", type="reference", references="others")]
    )
    await made.insert({"a": "x", "b": "o"})
    await made.alter(Alteration(rename_columns={"a": "c", "b": "d"}))
    assert [(record["c"], record["d"]) for record in await made.select()] == [("x", "o")]
    for sql in (
        "INSERT INTO data_leads (c) VALUES ('x')",
        "INSERT INTO data_leads (d) VALUES ('p')",
        "DELETE FROM data_others",
    ):
        with pytest.raises(ConstraintViolated):
            await made.run(sql)


async def test_unique_means_the_whole_combination(world: World) -> None:
    columns = [Column(name="a", type="text"), Column(name="b", type="integer")]
    made = await make(world.database, columns, indexes=(Index(columns=("a", "b"), unique=True),))
    await made.run("INSERT INTO data_leads (a, b) VALUES ('x', 1), ('x', 2), ('x', NULL), ('x', NULL)")
    with pytest.raises(ConstraintViolated):
        await made.run("INSERT INTO data_leads (a, b) VALUES ('x', 1)")


async def test_the_policy_knows_a_table_with_its_columns_while_it_is_there(world: World) -> None:
    made = await make(world.database, EVERY)
    known = {table.name: table for table in world.database.access.describe()}["data_leads"]
    assert (known.access_level, known.owner, known.project) == ("user", KEEPER, "default")
    assert [(column.name, column.type) for column in known.columns][:5] == [
        *(("id", "id"), ("version", "integer"), ("created_at", "datetime"), ("updated_at", "datetime"), ("a", "text")),
    ]
    await made.alter(Alteration(drop_columns=("b",), rename_columns={"c": "b"}))
    known = {table.name: table for table in world.database.access.describe()}["data_leads"]
    assert [(column.name, column.type) for column in known.columns][5:7] == [("b", "number"), ("d", "boolean")]
    await made.drop()
    assert "data_leads" not in {table.name for table in world.database.access.describe()}


async def test_a_dropped_table_takes_its_grants_with_it(world: World) -> None:
    made = await make(world.database, EVERY)
    await world.system.write(grants.grant, Granted(DICE, "read", "data_leads"), "default")
    await made.drop()
    made = await make(world.database, EVERY)
    assert not world.database.access.policy.can(DICE, "read", "data_leads")


async def test_a_plugins_table_counts_its_rows_and_refers_to_them(world: World) -> None:
    name = ddl.plugin_table("dice", "notes")
    made = await make(world.database, EVERY, name, layout="rows", owner=DICE)
    references = Column(name="note", type="reference", references="notes")
    marks = await make(world.database, [references], ddl.plugin_table("dice", "marks"), layout="rows", owner=DICE)

    def write(tx: Unit) -> list[tuple[Any, ...]]:
        for _ in range(2):
            tx.execute(sa.insert(made.shape.table), {"a": "x"})
        tx.execute(sa.insert(marks.shape.table), {"note": 2})
        found = tx.execute(sa.text(f"SELECT n.id, n.a FROM {name} n JOIN {marks.name} m ON m.note = n.id"))  # noqa: S608 - our own names
        return [tuple(row) for row in found]

    assert await world.dice.write(write) == [(2, "x")]
    with pytest.raises(ConstraintViolated):
        await world.dice.write(lambda tx: tx.execute(sa.insert(marks.shape.table), {"note": 9}) and None)


@pytest.mark.parametrize("principal", [principals.module("notes"), DICE, principals.user("ada")])
async def test_nobody_else_makes_changes_or_drops_a_table(world: World, principal: principals.Principal) -> None:
    made = await make(world.database, EVERY)
    stranger = Made(world.database, made.description, made.definition)
    with pytest.raises(AccessDenied):
        await world.database.handle(principal).write(ddl.create, stranger.description, stranger.definition)
    with pytest.raises(AccessDenied):
        await world.database.handle(principal).write(ddl.drop, made.name)
    assert await made.select() == []


async def test_a_change_that_fails_half_way_leaves_the_table_as_it_was(world: World) -> None:
    made = await make(world.database, [Column(name="a", type="text"), Column(name="b", type="text")])
    await made.run("INSERT INTO data_leads (a) VALUES ('x'), ('x')")
    before = made.definition
    asked = Alteration(drop_columns=("b",), add_indexes=(Index(columns=("a",), unique=True),))
    with pytest.raises(ConstraintViolated):
        await made.alter(asked)
    assert made.definition == before
    assert [(record["a"], record["b"]) for record in await made.select()] == [("x", None)] * 2
