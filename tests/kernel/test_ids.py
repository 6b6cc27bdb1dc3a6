"""Identifiers: well-formed, unique, and in the order of their making."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from vivesphere.kernel.ids import IdSource, new_id


@given(st.lists(st.floats(0, 0.002), min_size=1, max_size=50), st.integers(1, 9000))
def test_ids_in_bulk_are_uuids_that_sort_as_they_were_made(steps: list[float], burst: int) -> None:
    source, now, made = IdSource(), 1_760_000_000.0, list[str]()
    for step in steps:
        now += step
        made.append(source.next(now))
    made += [source.next(now) for _ in range(burst)]
    assert len(set(made)) == len(made)
    assert made == sorted(made)
    for one in (made[0], made[-1]):
        assert (uuid.UUID(one).version, uuid.UUID(one).variant, str(uuid.UUID(one))) == (7, uuid.RFC_4122, one)


def test_two_sources_never_meet() -> None:
    one, other = IdSource(), IdSource()
    made = [source.next(1_760_000_000.0) for source in (one, other) for _ in range(10_000)]
    assert len(set(made)) == len(made)


def test_a_single_id_is_a_uuid_of_version_7() -> None:
    assert uuid.UUID(new_id()).version == 7
