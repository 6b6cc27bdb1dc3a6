"""Statements that are compiled once: the same as through SQLAlchemy, at a fifth of the price."""

from typing import Any

import pytest
import sqlalchemy as sa
from tests.kernel.db.world import World, letters, notes, put

from vivesphere.kernel.db.errors import AccessDenied, ConstraintViolated, ReadOnly, StatementFailed
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.db.hot import HotStatement, _compile

ADD = HotStatement(sa.insert(notes), ("body", "extra"))
ADD_AND_TELL = HotStatement(sa.insert(notes).returning(notes.c.id, notes.c.extra), ("body", "extra"))
FIND = HotStatement(sa.select(notes.c.body, notes.c.extra).where(notes.c.body == sa.bindparam("body"), notes.c.id > 0).limit(5))
ALL = HotStatement(sa.select(notes.c.body).order_by(notes.c.id))
RENAME = HotStatement(sa.update(notes).where(notes.c.body == sa.bindparam("old")), ("body",))
REMOVE = HotStatement(sa.delete(notes).where(notes.c.body.like(sa.bindparam("like"))))
EITHER = HotStatement(
    sa.select(notes.c.body).where((notes.c.body == sa.bindparam("one")) | (notes.c.extra == sa.bindparam("one", type_=sa.Text)))
)
LISTED = HotStatement(sa.select(notes).where(notes.c.body.in_(sa.bindparam("bodies", expanding=True))))
LETTERS = HotStatement(sa.select(letters))


async def rows(world: World, statement: HotStatement, **parameters: Any) -> list[dict[str, Any]]:
    return await world.notes.read(Unit.rows, statement, parameters)


async def change(world: World, statement: HotStatement, **parameters: Any) -> int:
    return await world.notes.write(Unit.change, statement, parameters)


async def test_it_reads_and_writes_as_core_does(world: World) -> None:
    assert await change(world, ADD, body="a", extra={"deep": [1, None]}) == 1
    assert await change(world, ADD, body="b", extra=None) == 1
    assert await rows(world, FIND, body="a") == [{"body": "a", "extra": {"deep": [1, None]}}]
    assert await rows(world, FIND, body="c") == []
    assert await rows(world, ALL) == [{"body": "a"}, {"body": "b"}]
    assert await world.bodies(notes) == ["a", "b"]


async def test_it_tells_how_many_rows_it_changed(world: World) -> None:
    for body in ("a1", "a2", "b"):
        await change(world, ADD, body=body, extra=None)
    assert await change(world, RENAME, old="b", body="c") == 1
    assert await change(world, RENAME, old="b", body="d") == 0
    assert await change(world, REMOVE, like="a%") == 2
    assert await world.bodies(notes) == ["c"]


async def test_what_is_returned_is_converted(world: World) -> None:
    def add(tx: Unit) -> list[dict[str, Any]]:
        return tx.rows(ADD_AND_TELL, {"body": "a", "extra": [1]})

    assert await world.notes.write(add) == [{"id": 1, "extra": [1]}]


async def test_a_parameter_that_stands_twice_is_given_once(world: World) -> None:
    await change(world, ADD, body="a", extra=None)
    assert await rows(world, EITHER, one="a") == [{"body": "a"}]


async def test_a_parameter_that_is_missing_is_a_mistake_of_ours(world: World) -> None:
    with pytest.raises(KeyError, match="body"):
        await rows(world, FIND)


async def test_a_list_has_no_fixed_place(world: World) -> None:
    with pytest.raises(ValueError, match="no fixed place"):
        await rows(world, LISTED, bodies=["a"])


async def test_what_a_column_of_fractions_means_depends_on_the_row(world: World) -> None:
    with pytest.raises(ValueError, match="fraction"):
        await rows(world, HotStatement(sa.select(sa.column("share", sa.Float)).select_from(notes)))


async def test_its_errors_are_ours(world: World) -> None:
    await world.notes.write(put, notes, "once")
    with pytest.raises(ConstraintViolated, match=r"notes\.body"):
        await change(world, ADD, body="once", extra=None)
    with pytest.raises(ReadOnly):
        await world.notes.read(Unit.change, ADD, {"body": "a", "extra": None})
    with pytest.raises(AccessDenied, match="letters"):
        await rows(world, LETTERS)
    with pytest.raises(StatementFailed):
        await rows(world, HotStatement(sa.select(sa.func.no_such_function())))


async def test_who_may_not_read_a_table_is_asked_each_time(world: World) -> None:
    """A statement of one principal is not prepared for another."""
    await world.letters.read(Unit.rows, LETTERS, {})
    for _ in range(2):
        with pytest.raises(AccessDenied):
            await rows(world, LETTERS)
    assert world.database.statistics().refused == 2


def test_for_postgresql_its_parameters_have_names() -> None:
    dialect = sa.create_mock_engine("postgresql+psycopg://", print).dialect
    compiled = _compile(sa.select(notes.c.body).where(notes.c.body == sa.bindparam("body"), notes.c.id > 7), None, dialect)
    assert not compiled.positional
    assert "%(body)s" in compiled.text
    assert {"body", *compiled.given} == set(compiled.names)
    assert list(compiled.given.values()) == [7]
