"""The filter language: what each operator means, null included, held against a model; and every mistake with its place."""

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.kernel.db.table_world import Held, Made, make
from tests.kernel.db.world import World

from vivesphere.kernel.db import filters
from vivesphere.kernel.db.definition import Column
from vivesphere.kernel.db.filters import FilterInvalid, condition
from vivesphere.kernel.db.selections import Selection

pytestmark = pytest.mark.usefixtures("engine")

COLUMNS = (
    Column(name="n", type="integer"),
    Column(name="t", type="text"),
    Column(name="b", type="boolean"),
    Column(name="d", type="date"),
    Column(name="m", type="datetime"),
    Column(name="x", type="number"),
    Column(name="j", type="json"),
)
ROWS: list[dict[str, Any]] = [
    {"n": 1, "t": "Ada", "b": True, "d": "2026-01-05", "j": {"a": 1}},
    {"n": 2, "t": "ada", "b": False, "x": 0.5},
    {"n": 3, "t": "a_a", "d": "2025-12-31"},
    {"n": 4, "t": "100% *?[x]\\"},
    {"n": None, "t": None},
    {"n": 6, "t": "ÄÖ"},
]


async def numbers(made: Made, document: Any) -> list[Any]:
    return sorted((record["n"] for record in await made.select(Selection(filter=document))), key=lambda n: (n is None, n))


@pytest.fixture
async def made(world: World) -> Made:
    made = await make(world.database, COLUMNS)
    for row in ROWS:
        await made.insert(row)
    return made


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({}, [1, 2, 3, 4, 6, None]),
        ({"n": 2}, [2]),
        ({"n": None}, [None]),
        ({"n": {"$eq": None}}, [None]),
        ({"n": {"$ne": 2}}, [1, 3, 4, 6, None]),
        ({"n": {"$ne": None}}, [1, 2, 3, 4, 6]),
        ({"n": {"$gt": 2, "$lte": 4}}, [3, 4]),
        ({"n": {"$gte": 4}}, [4, 6]),
        ({"n": {"$lt": 2}}, [1]),
        ({"n": {"$in": [1, 6]}}, [1, 6]),
        ({"n": {"$in": []}}, []),
        ({"n": {"$in": [1, None]}}, [1, None]),
        ({"n": {"$nin": [1, 2, 3, 4]}}, [6, None]),
        ({"n": {"$nin": [1, None]}}, [2, 3, 4, 6]),
        ({"n": {"$exists": True}}, [1, 2, 3, 4, 6]),
        ({"j": {"$exists": False}}, [2, 3, 4, 6, None]),
        ({"j": None}, [2, 3, 4, 6, None]),
        ({"t": {"$like": "a%"}}, [2, 3]),
        ({"t": {"$like": "a_a"}}, [2, 3]),
        ({"t": {"$like": "a\\_a"}}, [3]),
        ({"t": {"$like": "100\\% *?[x]\\\\"}}, [4]),
        ({"t": {"$like": "%[%"}}, [4]),
        ({"t": {"$ilike": "ADA"}}, [1, 2]),
        ({"t": {"$ilike": "%\\\\"}}, [4]),
        ({"b": True}, [1]),
        ({"b": {"$ne": True}}, [2, 3, 4, 6, None]),
        ({"d": {"$gt": "2025-12-31"}}, [1]),
        ({"x": {"$lt": 1}}, [2]),
        ({"$or": [{"n": 1}, {"n": 2, "t": "nope"}]}, [1]),
        ({"$and": [{"n": {"$gt": 1}}, {"n": {"$lt": 3}}]}, [2]),
        ({"$not": {"n": {"$gt": 1}}}, [1, None]),
        ({"$not": {"$not": {"n": {"$gt": 3}}}}, [4, 6]),
        ({"created_at": {"$gt": "2020-01-01T00:00:00Z"}, "version": 1, "n": 1}, [1]),
        ({"id": {"$in": ["00000000-0000-7000-8000-000000000000"]}}, []),
    ],
)
async def test_what_a_filter_finds(made: Made, document: Any, found: list[Any]) -> None:
    assert await numbers(made, document) == found


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ([], ""),
        ({"nope": 1}, "/nope"),
        ({"$nor": []}, "/$nor"),
        ({"$or": []}, "/$or"),
        ({"$and": {}}, "/$and"),
        ({"$or": [{}, 1]}, "/$or/1"),
        ({"$not": []}, "/$not"),
        ({"n": {}}, "/n"),
        ({"n": {"gt": 1}}, "/n/gt"),
        ({"n": "1"}, "/n"),
        ({"n": [1]}, "/n"),
        ({"n": {"$gt": None}}, "/n/$gt"),
        ({"b": {"$lt": True}}, "/b/$lt"),
        ({"n": {"$in": 1}}, "/n/$in"),
        ({"n": {"$in": ["1"]}}, "/n/$in"),
        ({"n": {"$nin": [1] * 501}}, "/n/$nin"),
        ({"n": {"$exists": 1}}, "/n/$exists"),
        ({"n": {"$like": "1"}}, "/n/$like"),
        ({"t": {"$like": ""}}, "/t/$like"),
        ({"t": {"$like": "a\\"}}, "/t/$like"),
        ({"t": {"$ilike": "a\0"}}, "/t/$ilike"),
        ({"t": {"$ilike": "a" * 201}}, "/t/$ilike"),
        ({"t": {"$ilike": 1}}, "/t/$ilike"),
        ({"d": "yesterday"}, "/d"),
        ({"j": {"a": 1}}, "/j/a"),
        ({"j": {"$eq": 1}}, "/j/$eq"),
        ({"m": {"$gt": "2026-01-05"}}, "/m/$gt"),
        ({"a/b~c": 1}, "/a~1b~0c"),
    ],
)
async def test_a_mistake_is_told_with_its_place(made: Made, document: Any, pointer: str) -> None:
    with pytest.raises(FilterInvalid) as refused:
        condition(document, made.shape.fields)
    assert [error.pointer for error in refused.value.errors] == [f"/filter{pointer}"]


async def test_a_filter_is_neither_too_deep_nor_too_long(made: Made) -> None:
    deep: Any = {"n": 1}
    for _ in range(filters.DEEPEST - 1):
        deep = {"$not": deep}
    assert await numbers(made, deep) in ([1], [2, 3, 4, 6, None])
    with pytest.raises(FilterInvalid, match="levels deep"):
        condition({"$not": deep}, made.shape.fields)
    many = {"$or": [{"n": number} for number in range(filters.MOST_CONDITIONS)]}
    assert len(await numbers(made, many)) == 5
    with pytest.raises(FilterInvalid, match="one condition too many"):
        condition({"$and": [many, {"n": 1}]}, made.shape.fields)


VALUES: dict[str, st.SearchStrategy[Any]] = {"n": st.integers(-2, 2), "t": st.text("aA%_\\*[", max_size=2), "b": st.booleans()}


def holds(name: str, operator: str, wanted: Any, value: Any) -> bool:
    match operator:
        case "$eq":
            return bool(value == wanted)
        case "$ne":
            return bool(value != wanted)
        case "$in":
            return value in wanted
        case "$nin":
            return value not in wanted
        case "$exists":
            return (value is not None) is wanted
        case "$like" | "$ilike":
            pattern = re.sub(r"\\(.)|(%)|(_)|(.)", as_regex, wanted, flags=re.DOTALL)
            return value is not None and bool(
                re.fullmatch(pattern, value, re.DOTALL | (re.IGNORECASE if operator == "$ilike" else 0))
            )
        case _:
            compare = {
                "$gt": lambda a, b: a > b,
                "$gte": lambda a, b: a >= b,
                "$lt": lambda a, b: a < b,
                "$lte": lambda a, b: a <= b,
            }
            return value is not None and bool(compare[operator](value, wanted))


def in_words(row: dict[str, Any]) -> list[str]:
    return [repr(row[name]) for name in VALUES]


def as_regex(found: re.Match[str]) -> str:
    if found[2] or found[3]:
        return ".*" if found[2] else "."
    return re.escape(found[1] or found[4])


def evaluated(document: dict[str, Any], row: dict[str, Any]) -> bool:
    for name, wanted in document.items():
        match name:
            case "$and":
                right = all(evaluated(each, row) for each in wanted)
            case "$or":
                right = any(evaluated(each, row) for each in wanted)
            case "$not":
                right = not evaluated(wanted, row)
            case _:
                right = all(holds(name, operator, value, row[name]) for operator, value in wanted.items())
        if not right:
            return False
    return True


def about(name: str) -> st.SearchStrategy[dict[str, Any]]:
    value = VALUES[name]
    perhaps = st.one_of(st.none(), value)
    kinds = [st.fixed_dictionaries({operator: perhaps}) for operator in ("$eq", "$ne")] + [
        st.fixed_dictionaries({operator: st.lists(perhaps, max_size=3)}) for operator in ("$in", "$nin")
    ]
    kinds.append(st.fixed_dictionaries({"$exists": st.booleans()}))
    if name != "b":
        kinds += [st.fixed_dictionaries({operator: value}) for operator in ("$gt", "$gte", "$lt", "$lte")]
    if name == "t":
        pattern = value.filter(lambda text: bool(text) and (len(text) - len(text.rstrip("\\"))) % 2 == 0)
        kinds += [st.fixed_dictionaries({operator: pattern}) for operator in ("$like", "$ilike")]
    return st.one_of(kinds).map(lambda conditions: {name: conditions})


DOCUMENTS = st.recursive(
    st.one_of([about(name) for name in VALUES]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"$and": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"$or": parts}),
        inner.map(lambda part: {"$not": part}),
    ),
    max_leaves=6,
)
RECORDS = st.lists(st.fixed_dictionaries({name: st.one_of(st.none(), value) for name, value in VALUES.items()}), max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # each example empties the table
@given(RECORDS, st.lists(DOCUMENTS, min_size=1, max_size=10))
def test_filters_mean_what_the_model_says(held: Held, rows: list[dict[str, Any]], documents: list[Any]) -> None:
    made = held.made(COLUMNS)
    held.fill(rows)
    for document in documents:
        found = [{name: record[name] for name in VALUES} for record in held.run(made.select(Selection(filter=document)))]
        wanted = [row for row in rows if evaluated(document, row)]
        assert sorted(found, key=in_words) == sorted(wanted, key=in_words), document
