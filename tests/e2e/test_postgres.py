"""The server on PostgreSQL, as an operator would start it."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.support import postgres
from tests.support.process import PASSWORD, ServerProcess, run_cli, serving
from tests.support.waiting import until
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from vivesphere.kernel.db.location import PostgresPlace


@pytest.fixture
def place() -> Iterator[PostgresPlace]:
    with postgres.new_database("template0") as place:
        yield place


def environ_of(place: PostgresPlace) -> dict[str, str]:
    url = place.url.set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)
    return {"DATABASE_URL": url, "VIVESPHERE_ENV": "development"}


def said_by_the_bot(server: ServerProcess, client: httpx.Client) -> str:
    (bot,) = client.get("/api/v1/bots").raise_for_status().json()["items"]
    address = f"{server.url.replace('http', 'ws', 1)}/api/v1/bots/{bot['id']}/chat"
    token = client.headers["Authorization"].removeprefix("Bearer ")
    protocols = [Subprotocol("vivesphere.v1"), Subprotocol(f"bearer.{token}")]
    with connect(address, subprotocols=protocols, proxy=None, open_timeout=30) as chat:
        chat.send(json.dumps({"type": "message", "text": "!roll 2d6"}))
        while True:
            frame = json.loads(chat.recv(timeout=30))
            if frame["direction"] == "out":
                return str(frame["text"])


def test_it_is_set_up_chats_remembers_and_survives_sigkill(tmp_path: Path, place: PostgresPlace) -> None:
    environ = environ_of(place)
    server = ServerProcess(tmp_path / "data", environ).wait_until_listening()
    try:
        until(lambda: server.output, lambda output: "/setup?token=" in output)
        body = {"token": server.set_up_link().partition("token=")[2], "username": "admin", "password": PASSWORD}
        httpx.post(f"{server.url}/api/v1/auth/setup", json=body).raise_for_status()
        answer = said_by_the_bot(server, server.client())
        second = run_cli(tmp_path / "other", "serve", environ=environ)
        assert second.returncode != 0
        assert "is in use by another ViveSphere server" in second.stderr
    finally:
        server.kill()
    with serving(tmp_path / "data", environ) as server:
        client = server.client()
        (event, *_) = client.get("/api/v1/events", params={"topic": "bots.message.sent"}).raise_for_status().json()["items"]
        assert answer in client.get(f"/api/v1/events/{event['id']}").raise_for_status().text
        assert server.stop() == 0
    doctor = run_cli(tmp_path / "data", "doctor", environ=environ)
    assert "up to date" in doctor.stdout
