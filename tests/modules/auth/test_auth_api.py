"""Auth over HTTP: what the UI and every client speak."""

from typing import Any

import pytest
from tests.modules.auth.world import PASSWORD, AuthWorld

from vivesphere.kernel import release

AUTH = "/api/v1/auth"


async def test_from_the_link_to_the_sign_out(world: AuthWorld) -> None:
    client = world.http.client
    assert (await client.get(f"{AUTH}/status")).json() == {"setup_required": True, "version": release.version()}
    link = world.auth.setup_link()
    assert link is not None
    setup = {"token": link.removeprefix("/setup?token="), "username": "ada", "password": PASSWORD}
    made = await client.post(f"{AUTH}/setup", json=setup)
    assert made.status_code == 201
    assert (await client.post(f"{AUTH}/setup", json=setup)).status_code == 409
    signed_in = await client.post(f"{AUTH}/login", json={"username": "ada", "password": PASSWORD})
    assert (signed_in.status_code, set(signed_in.json())) == (
        200,
        {"access_token", "token_type", "expires_in", "refresh_token"},
    )
    refreshed = await client.post(f"{AUTH}/refresh", json={"refresh_token": signed_in.json()["refresh_token"]})
    assert refreshed.status_code == 200
    headers = {"Authorization": f"Bearer {refreshed.json()['access_token']}"}
    validated = await client.get(f"{AUTH}/validate", headers=headers)
    assert validated.json()["user"]["role"] == "owner"
    assert validated.json()["permissions"] == [">"]
    assert validated.json()["expires_at"] == "2026-01-05T12:10:00Z"
    projects = await client.get("/api/v1/projects", headers=headers)
    assert projects.json() == {
        "items": [{"id": "default", "name": "Default", "created_at": "2026-01-05T12:00:00Z"}],
        "next_cursor": None,
    }
    gone = await client.post(f"{AUTH}/logout", headers=headers, json={"refresh_token": refreshed.json()["refresh_token"]})
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await client.get(f"{AUTH}/validate", headers=headers)).status_code == 401


async def test_nobody_learns_which_names_exist(world: AuthWorld) -> None:
    await world.add("ada")
    answers = [
        await world.http.client.post(f"{AUTH}/login", json={"username": name, "password": "wrong password"})
        for name in ("ada", "nobody")
    ]
    bodies = [answer.json() | {"request_id": ""} for answer in answers]
    assert bodies[0] == bodies[1]
    assert [answer.status_code for answer in answers] == [401, 401]


async def test_a_locked_name_says_when_to_come_back(world: AuthWorld) -> None:
    for _ in range(6):
        answer = await world.http.client.post(f"{AUTH}/login", json={"username": "ada", "password": "wrong password"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")


@pytest.mark.parametrize(
    ("path", "body", "status", "pointer"),
    [
        ("login", {}, 422, "/username"),
        ("login", {"username": "ada"}, 422, "/password"),
        ("login", {"username": "ada", "password": 5}, 422, "/password"),
        ("login", {"username": "ada", "password": "x" * 2001}, 422, "/password"),
        ("login", {"username": "ada", "password": "x", "otp": "1"}, 422, "/otp"),
        ("refresh", {"refresh_token": None}, 422, "/refresh_token"),
        ("refresh", {"refresh_token": "x"}, 401, None),
        ("setup", {"token": "x", "username": "ada", "password": PASSWORD}, 403, None),
        ("logout", {"refresh_token": "x"}, 401, None),
    ],
)
async def test_bad_input_is_a_problem(
    *, world: AuthWorld, path: str, body: dict[str, Any], status: int, pointer: str | None
) -> None:
    answer = await world.http.client.post(f"{AUTH}/{path}", json=body)
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert [error["pointer"] for error in problem["errors"]] == ([] if pointer is None else [pointer])


async def test_a_refused_password_and_name_say_why_at_set_up(world: AuthWorld) -> None:
    link = world.auth.setup_link()
    assert link is not None
    token = link.removeprefix("/setup?token=")
    for changed, pointer in (({"password": "short"}, "/password"), ({"username": "a b"}, "/username")):
        body = {"token": token, "username": "ada", "password": PASSWORD} | changed
        problem = (await world.http.client.post(f"{AUTH}/setup", json=body)).json()
        assert (problem["status"], problem["errors"][0]["pointer"]) == (422, pointer)


async def test_a_role_opens_what_it_holds_and_no_more(world: AuthWorld) -> None:
    await world.add("vic", "viewer")
    headers = await world.bearer("vic")
    for path in ("/api/v1/projects", f"{AUTH}/validate"):
        assert (await world.http.client.get(path, headers=headers)).status_code == 200
