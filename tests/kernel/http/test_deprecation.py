"""A route that goes says so with every answer, and in both descriptions of it."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar import Controller, Request, get
from tests.support.http import HttpForTests, http_for

from vivesphere.kernel.errors import NotFound
from vivesphere.kernel.http.authentication import public
from vivesphere.kernel.http.deprecation import deprecated
from vivesphere.kernel.http.openapi import openapi_document
from vivesphere.kernel.module import Module

GOING = deprecated(since=date(2027, 1, 5), sunset=date(2027, 7, 5), successor="/api/v1/lamps/current")
SAID = {
    "deprecation": "@1799107200",
    "sunset": "Mon, 05 Jul 2027 00:00:00 GMT",
    "link": '</api/v1/lamps/current>; rel="successor-version"',
}


class Lamp(msgspec.Struct):
    name: str


class LampController(Controller):
    path = "/api/v1/lamps"

    @get("/old", guards=[public], opt=GOING)
    async def old_lamp(self, request: Request[Any, Any, Any]) -> Lamp:
        """The lamp as it was."""
        if request.query_params.get("missing"):
            raise NotFound("There is no such lamp.")
        return Lamp("old")

    @get("/alone", guards=[public], opt=deprecated(since=date(2027, 1, 5), sunset=date(2027, 1, 5)))
    async def lamp_alone(self) -> Lamp:
        """Nothing comes after it."""
        return Lamp("alone")

    @get("/current", guards=[public])
    async def current_lamp(self) -> Lamp:
        """The lamp."""
        return Lamp("current")


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[HttpForTests]:
    async with http_for(tmp_path, Module(name="lamps", routes=(LampController,))) as http:
        yield http


async def test_a_deprecated_route_answers_and_says_until_when(http: HttpForTests) -> None:
    answer = await http.client.get("/api/v1/lamps/old")
    assert (answer.status_code, answer.json()) == (200, {"name": "old"})
    assert {name: answer.headers[name] for name in SAID} == SAID


async def test_a_refusal_of_a_deprecated_route_says_so_too(http: HttpForTests) -> None:
    answer = await http.client.get("/api/v1/lamps/old?missing=1")
    assert answer.status_code == 404
    assert {name: answer.headers[name] for name in SAID} == SAID


async def test_other_routes_say_nothing_of_the_kind(http: HttpForTests) -> None:
    for path in ("/api/v1/lamps/current", "/api/v1/nowhere", "/health/live"):
        answer = await http.client.get(path)
        assert not SAID.keys() & answer.headers.keys()
    alone = await http.client.get("/api/v1/lamps/alone")
    assert (alone.headers["sunset"], "link" in alone.headers) == ("Tue, 05 Jan 2027 00:00:00 GMT", False)


async def test_the_document_marks_the_operation_and_its_headers(http: HttpForTests) -> None:
    paths = openapi_document(http.app)["paths"]
    old = paths["/api/v1/lamps/old"]["get"]
    assert (old["deprecated"], old["x-vivesphere-sunset"]) == (True, "2027-07-05")
    headers = {name.lower(): header["example"] for name, header in old["responses"]["200"]["headers"].items()}
    assert headers == SAID
    assert not paths["/api/v1/lamps/current"]["get"]["deprecated"]
    assert not paths["/api/v1/lamps/current"]["get"]["responses"]["200"]["headers"]


def test_nothing_goes_before_it_is_deprecated() -> None:
    with pytest.raises(ValueError, match="cannot go on 2027-01-04"):
        deprecated(since=date(2027, 1, 5), sunset=date(2027, 1, 4))


async def test_the_description_of_the_bus_is_served_to_everybody(http: HttpForTests) -> None:
    answer = await http.client.get("/schema/asyncapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/vnd.aai.asyncapi+json")
    document = answer.json()
    assert document["asyncapi"] == "3.0.0"
    assert document["channels"]["bus.loop_broken"]["x-vivesphere-durable"] is True
    assert (await http.client.get("/schema/asyncapi.json")).json() == document
