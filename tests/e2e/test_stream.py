"""The stream of the running server, over a real connection."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from tests.support.process import ServerProcess, serving

PATIENCE = 30.0
PATH = "/api/v1/stream/sse"


def events(lines: Iterator[str]) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Each event's id and frame."""
    place = None
    for line in lines:
        name, _, value = line.partition(": ")
        if name == "id":
            place = value
        if name == "data":
            yield place, json.loads(value)
            place = None


def fail_to_sign_in(client: httpx.Client, name: str) -> None:
    assert client.post("/api/v1/auth/login", json={"username": name, "password": "wrong"}).status_code == 401


def said(server: ServerProcess, client: httpx.Client, place: str | None, name: str) -> str:
    """Listen, fail to sign in under the name, and give the place of the event that says so."""
    headers = {} if place is None else {"Last-Event-ID": place}
    with client.stream("GET", PATH, params={"topic": "auth.login.failed"}, headers=headers) as answer:
        coming = events(answer.iter_lines())
        assert next(coming)[1]["type"] == "stream.subscribed"
        if place is not None:
            assert next(coming)[1]["data"]["username"] == "meanwhile"
        fail_to_sign_in(server.client(), name)
        reached, frame = next(coming)
    assert frame["data"]["username"] == name
    assert reached is not None
    return reached


def test_a_client_goes_on_across_a_restart_and_a_stop_of_the_server_ends_it(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        place = said(server, server.client(), None, "eve")
        fail_to_sign_in(server.client(), "meanwhile")
    with serving(tmp_path / "data") as server:
        said(server, server.client(), place, "adam")
        with server.client().stream("GET", PATH) as answer:
            coming = events(answer.iter_lines())
            next(coming)
            server.process.terminate()
            last = [frame for _, frame in coming][-1]
        assert (last["type"], last["data"]["code"]) == ("stream.closed", 1001)
        # A second signal would end it as the system does.
        server.process.wait(PATIENCE)
        assert server.stop() == 0
        assert "Traceback" not in server.output
