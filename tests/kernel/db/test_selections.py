"""Orders, pages and searches: every page goes on where the last one ended, with nulls and equal values too."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.kernel.db.table_world import Held, Made, make
from tests.kernel.db.world import World

from vivesphere.kernel.db.definition import Column
from vivesphere.kernel.db.selections import Position, Selection, position, sort_keys
from vivesphere.kernel.errors import InvalidInput

pytestmark = pytest.mark.usefixtures("engine")

COLUMNS = (
    Column(name="n", type="integer"),
    Column(name="t", type="text"),
    Column(name="x", type="number"),
    Column(name="b", type="boolean"),
    Column(name="m", type="datetime"),
    Column(name="j", type="json"),
)
SORTABLE = ("n", "t", "x", "b", "m")
START = datetime(2026, 1, 1, tzinfo=UTC)


async def walk(made: Made, sort: str, size: int) -> list[dict[str, Any]]:
    """All records, page by page."""
    keys = sort_keys(sort, made.shape.fields)
    seen: list[dict[str, Any]] = []
    after: Position | None = None
    while True:
        page = await made.select(Selection(sort=sort, after=after), size)
        seen += page
        if len(page) < size:
            return seen
        shown = {name: None if value is None else made.shape.fields[name].type.show(value) for name, value in page[-1].items()}
        after = position(keys, shown)


def comes_before(left: dict[str, Any], right: dict[str, Any], sort: str) -> bool:
    """By the model: null before everything else."""
    for part in filter(None, sort.split(",")):
        name = part.removeprefix("-")
        first, second = ((each[name] is not None, each[name]) for each in (left, right))
        if first != second:
            return bool((first < second) is not part.startswith("-"))
    return True


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "n": st.one_of(st.none(), st.integers(-1, 1)),
            "t": st.one_of(st.none(), st.sampled_from(["", "a", "B", "ä", "Z"])),
            "x": st.one_of(st.none(), st.sampled_from([-0.5, 0.0, 1e300])),
            "b": st.one_of(st.none(), st.booleans()),
            "m": st.one_of(st.none(), st.integers(0, 2).map(lambda days: START + timedelta(days=days))),
        }
    ),
    max_size=12,
)
SORTS = st.lists(st.sampled_from(SORTABLE), unique=True, max_size=3).flatmap(
    lambda names: st.tuples(*(st.sampled_from([name, f"-{name}"]) for name in names)).map(",".join)
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # each example empties the table
@given(ROWS, st.lists(st.tuples(SORTS, st.integers(1, 5)), min_size=1, max_size=4))
def test_pages_are_the_whole_list_in_its_order(held: Held, rows: list[dict[str, Any]], asked: list[tuple[str, int]]) -> None:
    made = held.made(COLUMNS)
    held.fill(rows)
    for sort, size in asked:
        whole = held.run(made.select(Selection(sort=sort)))
        assert len(whole) == len(rows)
        assert all(comes_before(left, right, sort) for left, right in pairwise(whole)), sort
        assert held.run(walk(made, sort, size)) == whole


@pytest.fixture
async def made(world: World) -> Made:
    return await make(world.database, COLUMNS)


@pytest.mark.parametrize("sort", ["nope", "j", "n,n", "n,-n", "-", "n,t,x,b,m,version"])
def test_an_order_that_is_none_is_refused(made: Made, sort: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        sort_keys(sort, made.shape.fields)
    assert refused.value.errors[0].pointer == "/sort"


@pytest.mark.parametrize("after", [(), (1,), ("x", "00000000-0000-7000-8000-000000000000"), (1, "x"), (1, 2, 3)])
async def test_a_position_of_another_order_is_refused(made: Made, after: Position) -> None:
    with pytest.raises(InvalidInput) as refused:
        await made.select(Selection(sort="n", after=after))
    assert refused.value.errors[0].pointer == "/cursor"


async def test_the_id_ends_every_order_but_once(made: Made) -> None:
    assert [key.name for key in sort_keys("", made.shape.fields)] == ["id"]
    assert [(key.name, key.descending) for key in sort_keys("n, -t", made.shape.fields)][-1] == ("id", True)
    assert [key.name for key in sort_keys("-id,n", made.shape.fields)] == ["id", "n"]


async def test_every_word_of_a_search_stands_in_some_text(world: World) -> None:
    made = await make(
        world.database, [Column(name="a", type="text"), Column(name="b", type="text"), Column(name="n", type="integer")]
    )
    for number, (a, b) in enumerate([("Ada Lovelace", "London"), ("100%", None), ("a_b", "x\\y"), (None, None)]):
        await made.insert({"a": a, "b": b, "n": number})
    for search, found in (
        ("ada", [0]),
        ("LOVE lond", [0]),
        ("%", [1]),
        ("_", [2]),
        ("\\", [2]),
        ("ada x", []),
        ("  ", [0, 1, 2, 3]),
    ):
        assert [record["n"] for record in await made.select(Selection(search=search, sort="n"))] == found, search


async def test_a_table_without_texts_holds_no_word(world: World) -> None:
    made = await make(world.database, [Column(name="n", type="integer")])
    await made.insert({"n": 1})
    assert await made.select(Selection(search="1")) == []


@pytest.mark.parametrize("search", ["x" * 201, " ".join("abcdefghijk"), "a\0"])
async def test_a_search_that_is_too_much_is_refused(made: Made, search: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await made.select(Selection(search=search))
    assert refused.value.errors[0].pointer == "/search"


@pytest.mark.parametrize("sort", ["", "n", "-n", "t,-n", "-b,m", "x,-id"])
async def test_pages_go_over_nulls_and_equal_values(made: Made, sort: str) -> None:
    for n, t, b in ((1, "a", True), (None, "a", None), (1, None, False), (None, None, None), (0, "b", True)):
        await made.insert({"n": n, "t": t, "b": b, "m": None if n is None else START})
    whole = await made.select(Selection(sort=sort))
    assert len(whole) == 5
    assert await walk(made, sort, 1) == whole
    assert await walk(made, sort, 2) == whole
