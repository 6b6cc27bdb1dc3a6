"""Each way to break a route or a topic is seen; growing is not."""

from collections.abc import Awaitable, Callable, Mapping
from copy import deepcopy
from datetime import date
from typing import Any

import msgspec
import pytest
from tests.contracts.breaking import breaking_bus, breaking_http, promised

from vivesphere.kernel.bus.messages import Event, Request
from vivesphere.kernel.http.asyncapi import asyncapi_document
from vivesphere.kernel.module import Listener, Module

TODAY = date(2026, 11, 20)
Json = dict[str, Any]

ROUTE: Json = {
    "parameters": [{"in": "query", "name": "limit", "schema": {"type": "integer"}}],
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewBot"}}}},
    "responses": {
        "201": {
            "description": "Made",
            "headers": {"Location": {}},
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Bot"}}},
        },
        "404": {"$ref": "#/components/responses/Problem404"},
    },
    "security": [{"bearer": []}],
    "x-vivesphere-permissions": ["bots.bot.write"],
}
DOCUMENT: Json = {
    "paths": {"/bots": {"post": ROUTE, "get": {"responses": {"200": {}}, "security": []}}},
    "x-websockets": {"/stream": {"permissions": []}},
    "components": {
        "schemas": {
            "NewBot": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
            "Bot": {"type": "object", "properties": {"id": {"type": "string"}}},
            "Problem": {"type": "object", "properties": {"type": {"type": "string"}}},
        },
        "responses": {
            "Problem404": {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
        },
    },
}


def http_changes(change: Callable[[Json, Json], Any]) -> list[str]:
    """What is broken after `change(document, its POST route)`."""
    new = deepcopy(DOCUMENT)
    change(new, new["paths"]["/bots"]["post"])
    return list(breaking_http(DOCUMENT, new, TODAY))


def schema(document: Json, name: str) -> Json:
    found: Json = document["components"]["schemas"][name]
    return found


HTTP_BREAKS: list[tuple[Callable[[Json, Json], Any], str]] = [
    (lambda d, r: d["paths"].pop("/bots"), "POST /bots: the route is gone"),
    (lambda d, r: d["paths"]["/bots"].pop("get"), "GET /bots: the route is gone"),
    (lambda d, r: r.update(parameters=[]), "POST /bots (query limit): the parameter is gone"),
    (
        lambda d, r: r["parameters"][0].update(required=True),
        "POST /bots (query limit): must be given, and need not be before",
    ),
    (
        lambda d, r: r["parameters"].append({"in": "query", "name": "b", "required": True, "schema": {}}),
        "POST /bots (query b): must be given, and need not be before",
    ),
    (
        lambda d, r: r["parameters"][0].update(schema={"type": "integer", "maximum": 9}),
        "POST /bots (query limit): maximum was None, is 9",
    ),
    (lambda d, r: r.pop("requestBody"), "POST /bots: takes no body any more"),
    (
        lambda d, r: r.update(requestBody={"content": {"text/plain": {}}}),
        "POST /bots body: application/json is gone",
    ),
    (
        lambda d, r: schema(d, "NewBot")["required"].append("colour"),
        "POST /bots body.colour: must be given, and need not be before",
    ),
    (lambda d, r: schema(d, "NewBot")["properties"].pop("name"), "POST /bots body.name: the field is gone"),
    (lambda d, r: schema(d, "Bot")["properties"].pop("id"), "POST /bots 201.id: the field is gone"),
    (lambda d, r: schema(d, "Problem")["properties"].pop("type"), "POST /bots 404.type: the field is gone"),
    (lambda d, r: r["responses"].pop("201"), "POST /bots 201: the status is gone"),
    (lambda d, r: r["responses"]["201"].pop("headers"), "POST /bots 201: the header Location is gone"),
    (
        lambda d, r: r.update({"x-vivesphere-permissions": ["bots.bot.read"]}),
        "POST /bots: permissions ['bots.bot.write'] became ['bots.bot.read']",
    ),
    (
        lambda d, r: r.update(security=[{"cookie": []}]),
        "POST /bots: security [{'bearer': []}] became [{'cookie': []}]",
    ),
    (lambda d, r: r.update(security=[]), "POST /bots: security [{'bearer': []}] became []"),
    (
        lambda d, r: d["paths"]["/bots"]["get"].update(security=[{"bearer": []}]),
        "GET /bots: security [] became [{'bearer': []}]",
    ),
    (
        lambda d, r: d["paths"]["/bots"]["get"].update(requestBody={"required": True}),
        "GET /bots: a body must be given, and need not be before",
    ),
    (lambda d, r: d["x-websockets"].clear(), "WebSocket /stream: the route is gone"),
    (lambda d, r: d["x-websockets"]["/stream"].update(permissions=["a.b.c"]), "WebSocket /stream: needed [], needs ['a.b.c']"),
]


@pytest.mark.parametrize(("change", "said"), HTTP_BREAKS, ids=[said for _, said in HTTP_BREAKS])
def test_what_breaks_a_client_of_http_is_seen(change: Callable[[Json, Json], Any], said: str) -> None:
    assert said in http_changes(change)


def test_http_may_grow() -> None:
    def grow(document: Json, route: Json) -> None:
        document["paths"]["/cats"] = {"get": {"responses": {}}}
        route["parameters"].append({"in": "query", "name": "colour", "schema": {"type": "string"}})
        route["requestBody"]["required"] = False
        route["security"].append({"cookie": []})
        route["responses"]["202"] = {}
        schema(document, "Bot")["properties"]["colour"] = {"type": "string"}
        schema(document, "NewBot")["properties"]["colour"] = {"type": "string"}

    assert http_changes(grow) == []
    assert http_changes(lambda document, route: None) == []


@pytest.mark.parametrize(("sunset", "gone"), [(date(2026, 11, 19), []), (date(2026, 11, 21), ["GET /old: the route is gone"])])
def test_a_deprecated_route_may_go_after_its_sunset(sunset: date, gone: list[str]) -> None:
    old = deepcopy(DOCUMENT)
    old["paths"]["/old"] = {"get": {"deprecated": True, "x-vivesphere-sunset": sunset.isoformat(), "responses": {}}}
    assert list(breaking_http(old, DOCUMENT, TODAY)) == gone


class Rang(Event, durable=True):
    topic = "bell.rang"
    permission = "bell.bell.read"
    loud: bool


class Answered(msgspec.Struct, tag="answered"):
    name: str


class Away(msgspec.Struct, tag="away"):
    pass


class Ring(Request[Answered | Away]):
    topic = "bell.ring"
    permission = "bell.bell.ring"
    times: int = 1


async def _nothing(_: Any) -> None: ...


def bell(event: type[Event] = Rang, request: type[Request[Any]] = Ring) -> Json:
    """The document of a server with one module."""
    responders: Mapping[type[Request[Any]], Callable[[Any], Awaitable[Any]]] = {request: _nothing}
    module = Module(name="bell", publishes=(event,), responders=responders, listeners=(Listener("bell.>", _nothing),))
    document: Json = promised(asyncapi_document([module], "1"))
    return document


def event(durable: bool = True, *, topic: str = "bell.rang", permission: str = "bell.bell.read", **fields: Any) -> type[Event]:
    namespace = {"topic": topic, "permission": permission, "__annotations__": {"loud": bool, **fields}}
    return type("Rang", (Event,), namespace, durable=durable)


class Longer(Request[Answered | Away]):
    topic = "bell.ring"
    permission = "bell.bell.ring"
    seconds: float
    times: int = 1


class Terse(Request[Answered]):
    topic = "bell.ring"
    permission = "bell.bell.ring"
    times: int = 1


BUS_BREAKS = [
    (bell(event(topic="bell.tolled")), "bell.rang: the topic is gone"),
    (bell(event(durable=False)), "bell.rang: was durable"),
    (bell(event(permission="bell.bell.hear")), "bell.rang: needed bell.bell.read, needs bell.bell.hear"),
    (bell(event(place=str)), "bell.rang told.place: must be given, and need not be before"),
    (bell(event(loud=int)), "bell.rang told.loud: boolean is gone; there is integer"),
    (bell(request=Longer), "bell.ring asked.seconds: must be given, and need not be before"),
    (bell(request=Terse), "bell.ring told: the member 'away' is gone; there is the member 'answered'"),
]


@pytest.mark.parametrize(("new", "said"), BUS_BREAKS, ids=[said for _, said in BUS_BREAKS])
def test_what_breaks_a_listener_or_asker_is_seen(new: Json, said: str) -> None:
    assert said in list(breaking_bus(bell(), new))


class Chatty(Request[Answered | Away]):
    topic = "bell.ring"
    permission = "bell.bell.ring"
    times: int = 1
    softly: bool = False


class Louder(Event, durable=True):
    topic = "bell.rang"
    permission = "bell.bell.read"
    loud: bool
    place: str = ""


def test_the_bus_may_grow() -> None:
    assert list(breaking_bus(bell(), bell())) == []
    assert list(breaking_bus(bell(), bell(Louder, Chatty))) == []
    assert list(breaking_bus(bell(event(durable=False)), bell())) == []


def test_a_baseline_keeps_names_and_drops_words() -> None:
    document = {
        "paths": {"/x": {"summary": "X", "description": "…"}},
        "components": {"schemas": {"description": {"properties": {"title": {"title": "T", "type": "string"}}}}},
    }
    assert promised(document) == {
        "paths": {"/x": {}},
        "components": {"schemas": {"description": {"properties": {"title": {"type": "string"}}}}},
    }
