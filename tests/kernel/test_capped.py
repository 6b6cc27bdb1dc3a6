"""A dict that strangers fill holds no more than it may, and forgets the oldest first."""

from vivesphere.kernel.capped import make_room


def test_the_oldest_goes_once_there_are_enough() -> None:
    known: dict[str, int] = {}
    for place, name in enumerate("abcd"):
        make_room(known, 3)
        known[name] = place
    assert list(known) == ["b", "c", "d"]
