"""Signing in by cookie, over HTTP: what a browser is given, and whom it is believed."""

from http.cookies import Morsel, SimpleCookie
from typing import Any

import httpx
import pytest
from tests.modules.auth.world import FIREFOX, PASSWORD, AuthWorld

BROWSER = "/api/v1/auth/browser"
SESSIONS = "/api/v1/auth/sessions"
OWN = {"Origin": "http://test", "User-Agent": FIREFOX}
NAMES = ["vivesphere_access", "vivesphere_refresh", "vivesphere_csrf"]


def cookies_of(answer: httpx.Response) -> dict[str, "Morsel[str]"]:
    found: SimpleCookie = SimpleCookie()
    for header in answer.headers.get_list("set-cookie"):
        found.load(header)
    return dict(found)


async def log_in(world: AuthWorld, **headers: str) -> httpx.Response:
    answer = await world.http.client.post(
        f"{BROWSER}/login", json={"username": "ada", "password": PASSWORD}, headers=OWN | headers
    )
    assert answer.status_code == 200, answer.text
    return answer


def csrf(world: AuthWorld) -> dict[str, str]:
    return OWN | {"X-CSRF-Token": world.http.client.cookies["vivesphere_csrf"]}


def bring(world: AuthWorld, cookies: dict[str, str]) -> None:
    """The browser has these cookies and no others."""
    world.http.client.cookies.clear()
    for name, value in cookies.items():
        world.http.client.cookies.set(name, value)


async def test_no_script_can_read_a_token(world: AuthWorld) -> None:
    await world.add()
    answer = await log_in(world)
    cookies = cookies_of(answer)
    assert list(cookies) == NAMES
    assert [bool(cookies[name]["httponly"]) for name in NAMES] == [True, True, False]
    for cookie in cookies.values():
        assert (cookie["samesite"], cookie["path"], cookie["secure"], cookie["domain"]) == ("strict", "/", "", "")
    assert [cookies[name]["max-age"] for name in NAMES] == ["600", "604800", "604800"]
    assert answer.json() == {"expires_in": 600, "csrf_token": cookies["vivesphere_csrf"].value}
    assert cookies["vivesphere_access"].value not in answer.text
    assert cookies["vivesphere_refresh"].value not in answer.text
    assert answer.headers["cache-control"] == "no-store"


async def test_over_https_the_cookies_are_secure_and_this_hosts_alone(world: AuthWorld) -> None:
    await world.add()
    answer = await log_in(world, Origin="https://test")
    cookies = cookies_of(answer)
    assert list(cookies) == [f"__Host-{name}" for name in NAMES]
    assert all(cookie["secure"] for cookie in cookies.values())


async def test_from_the_link_to_the_sign_out_by_cookie(world: AuthWorld) -> None:
    client = world.http.client
    link = world.auth.setup_link()
    assert link is not None
    setup = {"token": link.removeprefix("/setup?token="), "username": "ada", "password": PASSWORD}
    made = await client.post(f"{BROWSER}/setup", json=setup, headers=OWN)
    assert made.status_code == 201
    assert (await client.get("/api/v1/auth/validate")).json()["user"]["username"] == "ada"
    refreshed = await client.post(f"{BROWSER}/refresh", headers=csrf(world))
    assert refreshed.json()["csrf_token"] == made.json()["csrf_token"]
    listed = (await client.get(SESSIONS)).json()["items"]
    assert [(each["device"], each["browser"], each["current"]) for each in listed] == [("Firefox on Linux", True, True)]
    gone = await client.post(f"{BROWSER}/logout", headers=csrf(world))
    assert (gone.status_code, gone.content) == (204, b"")
    assert {cookie["max-age"] for cookie in cookies_of(gone).values()} == {"0"}
    assert (await client.get("/api/v1/auth/validate")).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "guessed"},
        {"X-CSRF-Token": "gu\u00e9ssed".encode("latin-1")},
        {"Origin": "http://evil.example"},
        {"Origin": "http://test.evil.example"},
        {"Origin": "http://test:8001"},
        {"Origin": "null"},
        {"Origin": "file://test"},
        {"Origin": ""},
        {"Origin": None, "Sec-Fetch-Site": "cross-site"},
        {"Origin": None, "Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", [f"{SESSIONS}/revoke-others", f"{BROWSER}/refresh", f"{BROWSER}/logout"])
async def test_a_change_that_no_page_of_ours_asked_for_is_refused(world: AuthWorld, path: str, headers: dict[str, Any]) -> None:
    await world.add()
    await log_in(world)
    sent = {name: value for name, value in (csrf(world) | headers).items() if value is not None}
    answer = await world.http.client.post(path, headers=sent)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:vivesphere:problem:cross-site")
    # Nothing was done: the sign-in goes on.
    assert (await world.http.client.post(f"{BROWSER}/refresh", headers=csrf(world))).status_code == 200


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_nobody_is_signed_in_as_somebody_else_by_another_page(world: AuthWorld, headers: dict[str, str]) -> None:
    await world.add()
    for path, more in (("login", {}), ("setup", {"token": "x"})):
        body = {"username": "ada", "password": PASSWORD} | more
        answer = await world.http.client.post(f"{BROWSER}/{path}", json=body, headers=headers)
        assert (answer.status_code, answer.headers.get("set-cookie")) == (403, None)


async def test_a_program_that_keeps_cookies_needs_the_csrf_token_and_no_origin(world: AuthWorld) -> None:
    await world.add()
    await log_in(world)
    token = {"X-CSRF-Token": world.http.client.cookies["vivesphere_csrf"]}
    assert (await world.http.client.post(f"{SESSIONS}/revoke-others")).status_code == 403
    assert (await world.http.client.post(f"{SESSIONS}/revoke-others", headers=token)).json() == {"count": 0}


async def test_a_read_is_not_for_other_sites_pages_either(world: AuthWorld) -> None:
    await world.add()
    await log_in(world)
    for headers, status in (
        ({"Origin": "http://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({}, 200),
    ):
        assert (await world.http.client.get("/api/v1/auth/validate", headers=headers)).status_code == status, headers


async def test_another_sessions_csrf_token_is_worth_nothing(world: AuthWorld) -> None:
    await world.add()
    first = (await log_in(world)).json()["csrf_token"]
    world.http.client.cookies.clear()
    second = (await log_in(world)).json()["csrf_token"]
    assert first != second
    # An attacker who can set a cookie, as a neighbouring subdomain may, sets both: the session knows its own.
    bring(world, dict(world.http.client.cookies) | {"vivesphere_csrf": first})
    headers = OWN | {"X-CSRF-Token": first}
    assert (await world.http.client.post(f"{SESSIONS}/revoke-others", headers=headers)).status_code == 403
    assert (await world.http.client.post(f"{BROWSER}/refresh", headers=headers)).status_code == 401


async def test_a_bearer_needs_no_csrf_token_and_does_not_work_as_a_cookie(world: AuthWorld) -> None:
    await world.add()
    tokens = await world.sign_in()
    bearer = {"Authorization": f"Bearer {tokens.access_token}", "Origin": "http://evil.example"}
    assert (await world.http.client.post(f"{SESSIONS}/revoke-others", headers=bearer)).status_code == 200
    world.http.client.cookies.set("vivesphere_access", tokens.access_token)
    for answer in (
        await world.http.client.get("/api/v1/auth/validate"),
        await world.http.client.post(f"{SESSIONS}/revoke-others", headers={"X-CSRF-Token": ""}),
    ):
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:vivesphere:problem:cross-site")


async def test_a_header_that_signs_nobody_in_is_not_made_good_by_a_cookie(world: AuthWorld) -> None:
    await world.add()
    await log_in(world)
    for header in ("Bearer x", "Basic YTpi", ""):
        answer = await world.http.client.get("/api/v1/auth/validate", headers={"Authorization": header})
        assert answer.status_code == 401, header


async def test_a_new_sign_in_is_never_an_old_session(world: AuthWorld) -> None:
    """Session fixation: whatever cookies a browser brings to the login, it leaves with others, and the old are over."""
    await world.add()
    await log_in(world)
    planted = dict(world.http.client.cookies)
    await log_in(world)
    fresh = dict(world.http.client.cookies)
    assert not [name for name in NAMES if planted[name] == fresh[name]]
    assert len((await world.http.client.get(SESSIONS)).json()["items"]) == 1
    bring(world, planted)
    assert (await world.http.client.get("/api/v1/auth/validate")).status_code == 401


async def test_a_replayed_refresh_cookie_ends_the_sign_in(world: AuthWorld) -> None:
    await world.add()
    await log_in(world)
    old = dict(world.http.client.cookies)
    assert (await world.http.client.post(f"{BROWSER}/refresh", headers=csrf(world))).status_code == 200
    await world.clock.advance(60)
    bring(world, old)
    answer = await world.http.client.post(f"{BROWSER}/refresh", headers=csrf(world))
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:vivesphere:problem:token-refused")
    assert (await world.http.client.get("/api/v1/auth/validate")).status_code == 401


async def test_without_cookies_there_is_nothing_to_refresh_and_nothing_to_forget(world: AuthWorld) -> None:
    assert (await world.http.client.post(f"{BROWSER}/refresh", headers=OWN)).status_code == 401
    assert (await world.http.client.post(f"{BROWSER}/logout", headers=OWN)).status_code == 204


async def test_a_browser_signs_out_when_its_access_token_is_long_over(world: AuthWorld) -> None:
    await world.add()
    await log_in(world)
    await world.clock.advance(3600)
    held = dict(world.http.client.cookies)
    assert (await world.http.client.post(f"{BROWSER}/logout", headers=csrf(world))).status_code == 204
    bring(world, held)
    assert (await world.http.client.post(f"{BROWSER}/refresh", headers=csrf(world))).status_code == 401
