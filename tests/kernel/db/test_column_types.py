"""The types of custom columns: what they take from JSON and from CSV, and that it comes back the same."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivesphere.kernel.db.column_types import KINDS, TYPES, ColumnKind, ValueRefused

RIGHT: dict[ColumnKind, list[Any]] = {
    "text": ["", "ü\n\u2028😀"],
    "integer": [0, -(1 << 63), (1 << 63) - 1],
    "number": [0, -1.5, 1e308],
    "boolean": [True, False],
    "date": ["2026-01-05", "0001-01-01"],
    "datetime": ["2026-01-05T08:00:00Z", "2026-01-05T08:00:00.000001Z"],
    "json": [{}, [None, 1], "x", False, 0],
    "reference": ["00000000-0000-7000-8000-000000000000"],
}
WRONG: dict[ColumnKind, list[Any]] = {
    "text": [1, None, "a\0", ["a"]],
    "integer": ["1", 1.0, True, 1 << 63, -(1 << 63) - 1],
    "number": ["1", True, math.inf, math.nan, 10**400],
    "boolean": [0, "true"],
    "date": ["2026-1-5", "2026-02-30", "2026-W01-1", 5],
    "datetime": ["2026-01-05", "2026-01-05T08:00:00", "x", 5, "9999-12-31T23:59:59-14:00"],
    "json": [],
    "reference": ["x", 5, "00000000-0000-7000-8000-00000000000"],
}


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind in KINDS for value in RIGHT[kind]])
def test_what_is_right_comes_back_as_it_was(kind: ColumnKind, value: Any) -> None:
    assert TYPES[kind].show(TYPES[kind].read(value)) == value


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind in KINDS for value in WRONG[kind]])
def test_what_is_wrong_is_refused(kind: ColumnKind, value: Any) -> None:
    with pytest.raises(ValueRefused):
        TYPES[kind].read(value)


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("text", " a ", " a "),
        ("integer", " +7 ", 7),
        ("number", "-1.5e3", -1500.0),
        ("boolean", "Yes", True),
        ("boolean", "0", False),
        ("date", " 2026-01-05 ", "2026-01-05"),
        ("datetime", "2026-01-05T08:00:00Z ", "2026-01-05T08:00:00Z"),
        ("json", '{"a": 1}', {"a": 1}),
        ("reference", " x", "x"),
    ],
)
def test_a_cell_is_read_as_a_json_value(kind: ColumnKind, cell: str, value: Any) -> None:
    assert TYPES[kind].parse(cell) == value


@pytest.mark.parametrize(
    ("kind", "cell"), [("integer", "1.0"), ("integer", "1" * 20), ("number", "x"), ("boolean", "maybe"), ("json", "{")]
)
def test_a_cell_that_says_nothing_is_refused(kind: ColumnKind, cell: str) -> None:
    with pytest.raises(ValueRefused):
        TYPES[kind].parse(cell)


@given(st.text())
def test_no_text_makes_anything_but_a_value_or_a_refusal(text: str) -> None:
    for kind in KINDS:
        try:
            value = TYPES[kind].parse(text)
            TYPES[kind].show(TYPES[kind].read(value))
        except ValueRefused:
            continue
