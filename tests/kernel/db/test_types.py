"""Our own column types: what goes in comes out, exactly."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects.sqlite import dialect

from vivesphere.kernel.db.types import Json, UtcTime, from_microseconds, to_microseconds

SQLITE = dialect()
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.datetimes(timezones=st.timezones()))
def test_a_moment_keeps_its_microsecond_and_its_order(moment: datetime) -> None:
    kept = from_microseconds(to_microseconds(moment))
    assert kept == moment.astimezone(UTC)
    assert kept.tzinfo is UTC
    assert to_microseconds(kept + timedelta(microseconds=1)) == to_microseconds(kept) + 1


def test_zones_are_one_moment_and_a_moment_without_one_is_refused() -> None:
    east = datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=2)))
    assert to_microseconds(east) == to_microseconds(datetime(2026, 3, 29, 0, 30, tzinfo=UTC))
    with pytest.raises(TypeError):
        to_microseconds(datetime(2026, 1, 1))  # noqa: DTZ001 - what is refused


@given(json_values)
def test_json_comes_back_as_it_went(value: Any) -> None:
    column = Json()
    assert column.process_result_value(column.process_bind_param(value, SQLITE), SQLITE) == value


def test_structs_become_plain_json_and_nothing_stays_nothing() -> None:
    class Point(msgspec.Struct):
        x: int

    assert Json().process_bind_param([Point(1)], SQLITE) == '[{"x":1}]'
    assert Json().process_bind_param(None, SQLITE) is None
    assert UtcTime().process_bind_param(None, SQLITE) is None
    assert UtcTime().process_result_value(None, SQLITE) is None
