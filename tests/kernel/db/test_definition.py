"""Definitions of custom tables: what is wrong with one is told at once, and what it implies is added."""

import pytest

from vivesphere.kernel.db.alteration import Alteration, altered, faults
from vivesphere.kernel.db.definition import (
    LONGEST_NAME,
    LONGEST_TABLE,
    RESERVED,
    Column,
    Index,
    Limits,
    TableDefinition,
    completed,
    findings,
    name_problem,
)

LIMITS = Limits()
BODY = Column(name="body", type="text")
AGE = Column(name="age", type="integer")


def table(*columns: Column, indexes: tuple[Index, ...] = ()) -> TableDefinition:
    return TableDefinition(columns=columns, indexes=indexes)


def found(definition: TableDefinition, limits: Limits = LIMITS) -> list[tuple[str, str]]:
    return [(each.pointer, each.detail) for each in findings(definition, limits)]


@pytest.mark.parametrize("name", ["a", "a1", "a_b", "long_name_2", "x" * LONGEST_NAME])
def test_a_good_name(name: str) -> None:
    assert name_problem(name) is None


@pytest.mark.parametrize(
    "name", ["", "A", "1a", "_a", "a_", "a__b", "a-b", "ä", "a b", 'a"', "a;", "x" * 64, "select", "user", "rowid"]
)
def test_a_bad_name(name: str) -> None:
    assert name_problem(name) is not None


def test_a_tables_name_leaves_room_for_what_comes_before_it() -> None:
    assert name_problem("x" * LONGEST_TABLE, LONGEST_TABLE) is None
    assert name_problem("x" * (LONGEST_TABLE + 1), LONGEST_TABLE) == "has at most 58 characters"


def test_reserved_words_are_names_but_for_that() -> None:
    assert not [word for word in RESERVED if not word.replace("_", "").isalpha()]


def test_a_right_definition_has_no_findings() -> None:
    every = (
        Column(name="a", type="text", default="x"),
        Column(name="b", type="integer", default=1),
        Column(name="c", type="number", default=1),
        Column(name="d", type="boolean", default=False),
        Column(name="e", type="date", default="2026-01-05"),
        Column(name="f", type="datetime", default="2026-01-05T08:00:00Z"),
        Column(name="g", type="json", default={"a": [1]}),
        Column(name="h", type="reference", references="others", required=True),
    )
    assert found(table(*every, indexes=(Index(columns=("a", "created_at")),))) == []


@pytest.mark.parametrize(
    ("column", "pointer"),
    [
        (Column(name="version", type="text"), "/columns/0/name"),
        (Column(name="lead", type="reference"), "/columns/0/references"),
        (Column(name="lead", type="text", references="leads"), "/columns/0/references"),
        (Column(name="data", type="json", unique=True), "/columns/0/unique"),
        (Column(name="n", type="integer", default="1"), "/columns/0/default"),
        (Column(name="n", type="integer", default=1, unique=True), "/columns/0/default"),
        (Column(name="n", type="reference", references="x", default="1"), "/columns/0/default"),
        (Column(name="n", type="text", default="x" * 10_001), "/columns/0/default"),
    ],
)
def test_what_is_wrong_with_a_column(column: Column, pointer: str) -> None:
    assert [place for place, _ in found(table(column))] == [pointer]


def test_what_is_wrong_with_the_whole() -> None:
    assert found(table()) == [("/columns", "a table has at least one column of its own")]
    assert found(table(BODY, BODY)) == [("/columns", "names 'body' 2 times")]
    assert found(table(BODY, AGE), Limits(columns=1)) == [("/columns", "a table has at most 1 columns")]
    unique = Column(name="mail", type="text", unique=True)
    assert [place for place, _ in found(table(unique), Limits(indexes=0))] == ["/indexes"]


@pytest.mark.parametrize(
    ("columns", "pointer"),
    [
        ((), "/indexes/0/columns"),
        (("body",) * 2, "/indexes/0/columns"),
        (("body", "id", "version", "created_at", "updated_at", "age", "a", "b", "c"), "/indexes/0/columns"),
        (("missing",), "/indexes/0/columns/0"),
        (("body", "extra"), "/indexes/0/columns/1"),
    ],
)
def test_what_is_wrong_with_an_index(columns: tuple[str, ...], pointer: str) -> None:
    more = (Column(name=name, type="text") for name in "abc")
    definition = table(BODY, AGE, Column(name="extra", type="json"), *more, indexes=(Index(columns=columns),))
    assert [place for place, _ in found(definition)] == [pointer]


def test_indexes_that_columns_imply_are_added_and_named_and_unique_says_what_is() -> None:
    mail, boss = Column(name="mail", type="text", unique=True), Column(name="boss", type="reference", references="x")
    made = completed("data_leads", table(mail, boss, BODY, indexes=(Index(columns=("body",), unique=True),)))
    assert [(each.name, each.columns, each.unique) for each in made.indexes] == [
        ("data_leads__body", ("body",), True),
        ("data_leads__mail", ("mail",), True),
        ("data_leads__boss", ("boss",), False),
    ]
    assert [column.name for column in made.columns if column.unique] == ["mail", "body"]
    assert completed("data_leads", made) == made


def test_names_of_indexes_fit_and_differ() -> None:
    long = tuple(f"{letter * 30}" for letter in "abc")
    indexes = tuple(Index(columns=long, unique=unique) for unique in (False, True, False))
    names = [
        index.name
        for index in completed("data_leads", table(*(Column(name=each, type="text") for each in long), indexes=indexes)).indexes
    ]
    assert len(set(names)) == 3
    assert max(map(len, names)) <= LONGEST_NAME


def test_an_alteration_is_carried_out_in_its_order() -> None:
    before = completed("t", table(BODY, AGE, indexes=(Index(columns=("body",)),)))
    asked = Alteration(
        drop_columns=("body",),
        rename_columns={"age": "body"},
        add_columns=(Column(name="age", type="text", unique=True),),
        add_indexes=(Index(columns=("body", "age")),),
    )
    assert faults(before, asked, LIMITS) == []
    after = completed("t", altered(before, asked))
    assert [(each.name, each.type) for each in after.columns] == [("body", "integer"), ("age", "text")]
    assert [each.columns for each in after.indexes] == [("body", "age"), ("age",)]
    assert not asked.empty
    assert Alteration().empty


def test_a_column_is_not_unique_once_its_index_is_dropped() -> None:
    before = completed("t", table(Column(name="mail", type="text", unique=True)))
    after = completed("t", altered(before, Alteration(drop_indexes=("t__mail",))))
    assert (after.columns[0].unique, after.indexes) == (False, ())
