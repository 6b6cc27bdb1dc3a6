"""The door: who comes in, what they act under, and what a stranger costs."""

from pathlib import Path
from typing import Any

import pytest
from litestar import Request, get, websocket
from litestar.handlers import BaseRouteHandler
from tests.kernel.http.things import Things, things_module
from tests.support.http import HttpForTests, http_for
from tests.support.sockets import Closed, connect

from vivesphere.kernel.errors import NotFound, NotSignedIn, PermissionMissing, StartError
from vivesphere.kernel.http.admission import Admission, Nobody
from vivesphere.kernel.http.authentication import Connection, public, requires, token_in
from vivesphere.kernel.http.server import build_http, handlers
from vivesphere.kernel.http.sockets import Socket
from vivesphere.kernel.module import Module

PATH = "/api/v1/things"


async def test_a_handler_acts_for_the_caller_in_the_name_of_its_module(http: HttpForTests) -> None:
    answer = await http.client.get(PATH, headers=http.ada)
    assert answer.json()["items"] == [{"id": answer.headers["x-request-id"], "source": "module:things", "actor": "user:ada"}]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic ada", "Bearer nobody", "ada", "Bearer ada extra"])
async def test_without_a_good_token_nobody_comes_in(http: HttpForTests, header: str) -> None:
    answer = await http.client.get(PATH, headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="vivesphere"'


async def test_a_session_without_the_permission_is_told_which(http: HttpForTests) -> None:
    assert (await http.client.get(PATH, headers=http.vic)).status_code == 200
    answer = await http.client.post(PATH, headers=http.vic, json={"name": "a"})
    assert (answer.status_code, answer.json()["detail"]) == (
        403,
        "This needs the permission bots.bot.write, which vic does not have.",
    )


async def test_a_public_route_has_no_session(http: HttpForTests) -> None:
    assert (await http.client.get(f"{PATH}/open", headers=http.ada)).status_code == 401


async def test_options_tells_the_methods(http: HttpForTests) -> None:
    for path, methods in (
        ("/health/live", "GET, HEAD, OPTIONS"),
        (PATH, "GET, HEAD, OPTIONS, POST"),
        ("/", "GET, HEAD, OPTIONS"),
    ):
        answer = await http.client.options(path)
        assert (answer.status_code, answer.headers.get_list("allow")) == (204, [methods]), path
    one = await http.client.options(f"{PATH}/0199c1f0-0000-7000-8000-000000000000")
    assert one.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_head_is_get_without_the_body(http: HttpForTests) -> None:
    for path, headers in (("/health/live", {}), (PATH, http.ada), (PATH, {}), ("/nothing.js", {})):
        got, head = await http.client.get(path, headers=headers), await http.client.head(path, headers=headers)
        assert (head.status_code, head.content) == (got.status_code, b"")
        assert head.headers["content-type"] == got.headers["content-type"]
    async with connect(http.app, f"{PATH}/echo", token="ada") as socket:
        assert await socket.ask({}) == {}


async def test_strangers_are_counted_and_then_refused(http: HttpForTests) -> None:
    for left in (99, 98):
        answer = await http.client.get(f"{PATH}/free")
        assert answer.headers["ratelimit-limit"] == "100"
        assert answer.headers["ratelimit-remaining"] == str(left)
        assert answer.headers["ratelimit-policy"] == "100;w=60"
    await http.bus.clock.advance(20)
    for _ in range(98):
        answer = await http.client.get(PATH)
    assert (answer.status_code, answer.headers["ratelimit-remaining"]) == (401, "0")
    for path in (PATH, f"{PATH}/free"):
        answer = await http.client.get(path)
        assert (answer.status_code, answer.headers["ratelimit-reset"]) == (429, "40")
    assert (await http.client.get(PATH, headers=http.ada)).status_code == 200
    assert (await http.client.get("/health/live")).status_code == 200
    await http.bus.clock.advance(40)
    assert (await http.client.get(f"{PATH}/free")).headers["ratelimit-remaining"] == "99"


async def test_who_is_signed_in_is_not_counted(http: HttpForTests) -> None:
    assert "ratelimit-limit" not in (await http.client.get(PATH, headers=http.ada)).headers


@pytest.mark.parametrize("protocols", [("vivesphere.v1", "bearer.ada"), ()])
async def test_a_websocket_takes_the_token_from_header_or_subprotocol(http: HttpForTests, protocols: tuple[str, ...]) -> None:
    async with connect(http.app, f"{PATH}/echo", token=None if protocols else "ada", protocols=protocols) as socket:
        assert await socket.ask({"a": 1}) == {"a": 1}
        assert socket.protocol == (protocols[0] if protocols else None)


async def test_a_browser_learns_why_it_is_refused(http: HttpForTests) -> None:
    async with connect(http.app, f"{PATH}/echo", protocols=("vivesphere.v1",)) as socket:
        with pytest.raises(Closed) as closed:
            await socket.frame()
    assert (closed.value.code, socket.accepted) == (4401, True)


async def test_any_other_client_gets_the_handshake_refused(http: HttpForTests) -> None:
    async with connect(http.app, f"{PATH}/echo", token="nobody") as socket:
        with pytest.raises(Closed) as closed:
            await socket.frame()
    assert (closed.value.code, socket.accepted) == (4401, False)


async def test_a_websocket_that_fails_is_closed_with_the_reason(http: HttpForTests, things: Things) -> None:
    things.raises = NotFound("It is gone." + "…" * 100)
    async with connect(http.app, f"{PATH}/echo", token="vic") as socket:
        with pytest.raises(Closed) as closed:
            await socket.ask("{}")
    assert closed.value.code == 4404
    assert closed.value.reason.startswith("It is gone.")
    assert len(closed.value.reason.encode()) <= 123


async def test_a_websocket_that_breaks_says_nothing_of_the_inside(http: HttpForTests, things: Things) -> None:
    things.raises = RuntimeError("hunter2")
    async with connect(http.app, f"{PATH}/echo", token="vic") as socket:
        with pytest.raises(Closed, match="1011 The server failed") as closed:
            await socket.ask("{}")
    assert "hunter2" not in str(closed.value)


async def test_a_client_that_leaves_before_the_answer_is_let_go(http: HttpForTests) -> None:
    async with connect(http.app, f"{PATH}/echo", token="nobody") as socket:
        socket.to_app.get_nowait()
        socket.to_app.put_nowait({"type": "websocket.disconnect", "code": 1006})
    assert socket.from_app.empty()


async def test_a_websocket_that_is_not_there_is_refused(http: HttpForTests) -> None:
    async with connect(http.app, "/api/v1/nothing", token="ada") as socket:
        with pytest.raises(Closed):
            await socket.frame()
    assert not socket.accepted


async def test_without_an_authenticator_nobody_is_signed_in() -> None:
    with pytest.raises(NotSignedIn):
        await Nobody().authenticate("anything")


async def test_a_route_without_a_guard_does_not_start(http: HttpForTests) -> None:
    @get("/api/v1/oversight")
    async def oversight() -> None: ...

    @websocket("/api/v1/oversight")
    async def overheard(socket: Socket) -> None: ...

    for route in (oversight, overheard):
        with pytest.raises(StartError, match=r"/api/v1/oversight .* has no guard"):
            build_http((Module(name="careless", routes=(route,)),), http.kernel)


async def test_names_and_authenticators_are_given_once(http: HttpForTests) -> None:
    twice = Module(name="other", provides={"things": 1})
    with pytest.raises(StartError, match="'things' is provided by two"):
        build_http((things_module(Things()), twice), http.kernel)
    with pytest.raises(StartError, match="'request'"):
        build_http((Module(name="other", provides={"request": 1}),), http.kernel)
    doorman = Module(name="doorman", authenticator=http.authenticator)
    with pytest.raises(StartError, match="who is signed in"):
        build_http((doorman, Module(name="other", authenticator=http.authenticator)), http.kernel)


async def test_a_module_cannot_take_another_modules_objects(tmp_path: Path) -> None:
    @get("/api/v1/thief", guards=[public])
    async def thief(things: Things) -> None:
        raise AssertionError(things)

    async with http_for(tmp_path, things_module(Things()), Module(name="thief", routes=(thief,))) as http:
        assert (await http.client.get("/api/v1/thief")).status_code == 422


def test_a_requirement_names_its_permission() -> None:
    assert requires("bots.bot.read").permission == "bots.bot.read"


async def test_the_door_stands_before_every_route_so_that_no_guard_is_asked_again(http: HttpForTests) -> None:
    for path, handler in handlers(http.app):
        assert any(isinstance(each, Admission) for each in handler.resolve_middleware()), path
        assert not handler.resolve_guards(), path


async def test_a_guard_of_another_kind_is_asked_all_the_same(tmp_path: Path) -> None:
    async def closed(_connection: Connection, _handler: BaseRouteHandler) -> None:
        raise PermissionMissing("Not today.")

    @get("/api/v1/closed", guards=[public, closed])
    async def shut() -> None: ...

    async with http_for(tmp_path, Module(name="shop", routes=(shut,))) as http:
        answer = await http.client.get("/api/v1/closed")
    assert (answer.status_code, answer.json()["detail"]) == (403, "Not today.")


async def test_a_guard_by_itself_wants_a_session(http: HttpForTests) -> None:
    request: Request[Any, Any, Any] = Request({"type": "http", "state": {}, "app": http.app})  # type: ignore[arg-type]  # as much of a scope as it reads
    _, handler = next(iter(handlers(http.app)))
    await public(request, handler)
    with pytest.raises(NotSignedIn):
        await requires("bots.bot.read")(request, handler)


def test_the_header_wins_over_the_subprotocol() -> None:
    assert token_in([(b"authorization", b"bearer  a ")], ["bearer.b"]) == "a"
    assert token_in([(b"host", b"x")], ["vivesphere.v1", "bearer.b"]) == "b"
    assert token_in([], []) is None
