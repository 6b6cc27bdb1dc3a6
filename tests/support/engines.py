"""Which database the tests run on: a test that asks for the fixture `engine` runs on each of them.

`pytestmark = pytest.mark.usefixtures("engine")` makes all of a file do so: `open_database` follows.
"""

from collections.abc import Iterator
from typing import Literal

import pytest

Engine = Literal["sqlite", "postgres"]

ENGINES: tuple[Engine, ...] = ("sqlite", "postgres")

_current: list[Engine] = ["sqlite"]


def current() -> Engine:
    """The one that the present test runs on."""
    return _current[-1]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    _current.append(request.param)
    yield current()
    _current.pop()


on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""For a test of what only SQLite does, in a file that runs on each."""

on_postgres = pytest.mark.parametrize("engine", ["postgres"], indirect=True)
