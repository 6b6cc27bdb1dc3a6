"""A module with a few routes, as the tests of HTTP need one."""

from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, get, post, websocket
from litestar.handlers import WebsocketRouteHandler

from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.cause import current_cause
from vivesphere.kernel.http.authentication import public, requires, session_of
from vivesphere.kernel.http.paging import Page, PageCursor, PageLimit
from vivesphere.kernel.http.sockets import Socket, accept
from vivesphere.kernel.module import Module


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str


class NewThing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=5)]
    parts: list[Part] = []
    ready: bool = False
    free: dict[str, JSON] = {}


class Thing(msgspec.Struct, frozen=True):
    id: str
    source: str = ""
    actor: str = ""


class Things:
    """`raises` is what the next call ends with."""

    def __init__(self) -> None:
        self.raises: Exception | None = None
        self.made: list[NewThing] = []

    def check(self) -> None:
        if self.raises is not None:
            raise self.raises


class ThingController(Controller):
    path = "/api/v1/things"

    @get(guards=[requires("bots.bot.read")])
    async def list_things(self, things: Things, limit: PageLimit = 50, cursor: PageCursor = None) -> Page[Thing]:
        """List the things. With who asked."""
        things.check()
        cause = current_cause()
        assert cause is not None
        return Page([Thing(cause.correlation_id, cause.source, cause.actor)], cursor)

    @post(guards=[requires("bots.bot.write")])
    async def make_thing(self, things: Things, data: NewThing) -> NewThing:
        things.made.append(data)
        return data

    @get("/open", guards=[public])
    async def open_thing(self, request: Request[Any, Any, Any]) -> Thing:
        return Thing(session_of(request).username)

    @get("/{thing_id:uuid}", guards=[requires("bots.bot.read")])
    async def one_thing(self, thing_id: str) -> Thing:
        return Thing(str(thing_id))

    @get("/free", guards=[public])
    async def free_thing(self) -> Thing:
        return Thing("free")


def echo_socket(things: Things) -> WebsocketRouteHandler:
    @websocket("/api/v1/things/echo", guards=[requires("bots.bot.read")])
    async def echo(socket: Socket) -> None:
        """Says back what it hears."""
        await accept(socket)
        while True:
            text = await socket.receive_data("text")
            things.check()
            await socket.send_data(text)

    return echo


def things_module(things: Things) -> Module:
    return Module(name="things", routes=(ThingController, echo_socket(things)), provides={"things": things})
