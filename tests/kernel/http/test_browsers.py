"""Cookies: whom they are believed, on plain HTTP, on streams, and behind a proxy."""

from typing import Any

import pytest
from tests.support.http import HttpForTests
from tests.support.sockets import Closed, connect

from vivesphere.kernel.http.browsers import ACCESS, CSRF, REFRESH, Browsers, CrossSite, SignInCookies, cookies_in
from vivesphere.kernel.http.sockets import CHECKED_EVERY

PATH = "/api/v1/things"
ADA = {"cookie": "vivesphere_access=ada"}
GIVEN = SignInCookies(access="a", access_lasts=600, refresh="r", refresh_lasts=6000, csrf="c")


def asked(headers: dict[str, str], scheme: str = "http", method: str = "POST", kind: str = "http") -> dict[str, Any]:
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in ({"host": "test"} | headers).items()]
    return {"type": kind, "scheme": scheme, "method": method, "headers": encoded}


async def test_a_cookie_signs_in_and_a_change_needs_the_csrf_token(http: HttpForTests) -> None:
    assert (await http.client.get(PATH, headers=ADA)).json()["items"][0]["actor"] == "user:ada"
    assert (await http.client.post(PATH, headers=ADA, json={"name": "a"})).status_code == 403
    answer = await http.client.post(PATH, headers=ADA | {"X-CSRF-Token": "ada's csrf"}, json={"name": "a"})
    assert answer.status_code == 201


async def test_a_cookie_that_is_not_good_costs_as_much_as_any_stranger(http: HttpForTests) -> None:
    answer = await http.client.get(PATH, headers={"cookie": "vivesphere_access=nobody"})
    assert (answer.status_code, answer.headers["ratelimit-remaining"]) == (401, "99")


async def test_a_websocket_by_cookie_must_come_from_our_own_page(http: HttpForTests) -> None:
    async with connect(http.app, f"{PATH}/echo", headers=ADA | {"origin": "http://test"}) as socket:
        assert await socket.ask({"a": 1}) == {"a": 1}
    for headers in ({}, {"origin": "http://evil.example"}, {"origin": "null"}):
        async with connect(http.app, f"{PATH}/echo", headers=ADA | headers, protocols=("vivesphere.v1",)) as socket:
            with pytest.raises(Closed) as closed:
                await socket.frame()
        assert closed.value.code == 4403


async def test_a_websocket_by_token_may_come_from_anywhere(http: HttpForTests) -> None:
    async with connect(http.app, f"{PATH}/echo", token="ada", headers={"origin": "http://evil.example"}) as socket:
        assert await socket.ask({"a": 1}) == {"a": 1}


async def test_a_stream_by_cookie_ends_with_the_sign_in(http: HttpForTests) -> None:
    async with connect(http.app, "/api/v1/stream", headers=ADA | {"origin": "http://test"}) as socket:
        assert (await socket.ask({"type": "subscribe", "topic": "bots.>"}))["type"] == "stream.subscribed"
        http.authenticator.signed_out.add("ada")
        await http.bus.clock.advance(CHECKED_EVERY)
        frame = socket.frame()
        with pytest.raises(Closed) as closed:
            await frame
    assert closed.value.code == 4401


async def test_server_sent_events_take_the_cookie_of_our_own_page_alone(http: HttpForTests) -> None:
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "http://evil.example"}):
        assert (await http.client.get("/api/v1/stream/sse", headers=ADA | headers)).status_code == 403


@pytest.mark.parametrize(
    ("origin", "host", "scheme", "public", "good"),
    [
        ("http://test", "test", "http", "", True),
        ("HTTP://TEST", "test", "http", "", True),
        ("http://test:8000", "test:8000", "http", "", True),
        ("http://test:8000", "test", "http", "", False),
        ("https://test", "test", "http", "", True),  # TLS ends in a proxy that passes the Host on
        ("http://test", "test", "https", "", False),
        ("https://bots.example", "127.0.0.1:8000", "http", "", False),
        ("https://bots.example", "127.0.0.1:8000", "http", "https://bots.example", True),
        ("https://bots.example", "127.0.0.1:8000", "http", "https://bots.example/", True),
        ("http://bots.example", "127.0.0.1:8000", "http", "https://bots.example", False),
        ("http://127.0.0.1:8000", "127.0.0.1:8000", "http", "https://bots.example", True),
        ("https://bots.example.evil", "127.0.0.1:8000", "http", "https://bots.example", False),
        ("chrome-extension://test", "test", "http", "", False),
        ("null", "null", "http", "", False),
        ("http://", "", "http", "", False),
        ("http://[", "test", "http", "", False),
    ],
)
def test_whose_page_it_is(origin: str, host: str, scheme: str, public: str, *, good: bool) -> None:
    browsers = Browsers(public)
    scope = asked({"host": host, "origin": origin}, scheme)
    if good:
        browsers.check_origin(scope)
    else:
        with pytest.raises(CrossSite, match="VIVESPHERE_HTTP_PUBLIC_URL"):
            browsers.check_origin(scope)


@pytest.mark.parametrize(
    ("headers", "scheme", "public", "name"),
    [
        ({"host": "test"}, "http", "", "vivesphere_access"),
        ({"host": "test:8000"}, "http", "", "vivesphere_access_8000"),
        ({"host": "[::1]:8000"}, "http", "", "vivesphere_access_8000"),
        ({"host": "[::1]"}, "http", "", "vivesphere_access"),
        ({"host": "test"}, "https", "", "__Host-vivesphere_access"),
        ({"host": "test", "origin": "https://test"}, "http", "", "__Host-vivesphere_access"),
        ({"host": "127.0.0.1:8000", "origin": "https://b.example"}, "http", "https://b.example", "__Host-vivesphere_access"),
        ({"host": "b.example"}, "http", "https://b.example", "__Host-vivesphere_access"),
        ({"host": "127.0.0.1:8000"}, "http", "https://b.example:8443", "vivesphere_access_8443"),
    ],
)
def test_what_a_cookie_is_called(headers: dict[str, str], scheme: str, public: str, name: str) -> None:
    browsers = Browsers(public)
    made = browsers.keep(asked(headers, scheme), GIVEN)
    assert made[0].key == name
    assert all(cookie.secure == name.startswith("__Host-") for cookie in made)
    assert browsers.cookie(asked(headers | {"cookie": f"{name}=found"}, scheme), ACCESS) == "found"


def test_over_https_a_cookie_that_a_neighbour_may_have_set_does_not_count() -> None:
    browsers = Browsers()
    planted = {"cookie": "vivesphere_access=planted"}
    assert browsers.cookie(asked(planted, "https"), ACCESS) is None
    both = {"cookie": "vivesphere_access=planted; __Host-vivesphere_access=own"}
    assert browsers.cookie(asked(both), ACCESS) == browsers.cookie(asked(both, "https"), ACCESS) == "own"


def test_what_is_forgotten_is_what_was_kept() -> None:
    browsers = Browsers()
    kept, forgotten = browsers.keep(asked({}), GIVEN), browsers.forget(asked({}))
    assert [cookie.key for cookie in kept] == [cookie.key for cookie in forgotten] == [ACCESS, REFRESH, CSRF]
    assert {(cookie.value, cookie.max_age) for cookie in forgotten} == {("", 0)}


@pytest.mark.parametrize("text", ["", ";", "=", "a", 'a="b"', "a=b; a=c", "vivesphere_access", "; ;=;a==b"])
def test_no_cookie_header_is_too_strange_to_be_read(text: str) -> None:
    assert isinstance(cookies_in(asked({"cookie": text})), dict)
    assert not Browsers().cookie(asked({"cookie": text}), ACCESS)


def test_of_two_cookies_of_one_name_the_first_counts() -> None:
    assert cookies_in(asked({"cookie": "a=1; b=2; a=3"})) == {"a": "1", "b": "2"}


def test_a_change_of_nothing_needs_no_csrf_token() -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        Browsers().check(asked({}, method=method), "c")
    with pytest.raises(CrossSite, match="X-CSRF-Token"):
        Browsers().check(asked({"x-csrf-token": "wrong"}, method="DELETE"), "c")
    Browsers().check(asked({"x-csrf-token": "c"}, method="DELETE"), "c")
