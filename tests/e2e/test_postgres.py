"""The server on PostgreSQL, as an operator would start it: set up, a chat with a bot, its events, and its end."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import postgres
from tests.support.process import ServerProcess, run_cli, serving

from vivesphere.kernel.db.location import PostgresPlace


@pytest.fixture
def place() -> Iterator[PostgresPlace]:
    with postgres.new_database("template0") as place:
        yield place


def environ_of(place: PostgresPlace) -> dict[str, str]:
    url = place.url.set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)
    return {"DATABASE_URL": url, "VIVESPHERE_ENV": "development"}


def test_it_serves(tmp_path: Path, place: PostgresPlace) -> None:
    with serving(tmp_path / "data", environ_of(place)) as server:
        client = server.client()
        print(client.get("/health").json())
        print(client.get("/api/v1/bots").json())
