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


async def test_ones_own_password_is_changed_over_http(world: AuthWorld) -> None:
    await world.add()
    headers = await world.bearer()
    change = {"current_password": PASSWORD, "new_password": "another password"}
    for changed, pointer in (
        ({"current_password": "wrong password"}, "/current_password"),
        ({"new_password": "short"}, "/new_password"),
        ({"new_password": "password123"}, "/new_password"),
    ):
        answer = await world.http.client.post(f"{AUTH}/password", headers=headers, json=change | changed)
        assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer])
    assert (await world.http.client.post(f"{AUTH}/password", json=change)).status_code == 401
    answer = await world.http.client.post(f"{AUTH}/password", headers=headers, json=change)
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await world.http.client.get(f"{AUTH}/validate", headers=headers)).status_code == 200
    login = {"username": "ada", "password": "another password"}
    assert (await world.http.client.post(f"{AUTH}/login", json=login)).status_code == 200


async def test_an_administrator_sees_and_ends_sign_ins_of_others_and_nobody_else_does(world: AuthWorld) -> None:
    await world.add("ada", "admin")
    await world.add("vic", "viewer")
    await world.add("max", "manager")
    ada, vic, max_ = await world.bearer("ada"), await world.bearer("vic"), await world.bearer("max")
    users = (await world.http.client.get(f"{AUTH}/users", headers=ada)).json()["items"]
    assert [(user["username"], user["role"]) for user in users] == [("ada", "admin"), ("vic", "viewer"), ("max", "manager")]
    of_vic = f"{AUTH}/users/{users[1]['id']}/sessions"
    listed = (await world.http.client.get(of_vic, headers=ada)).json()["items"]
    assert [(each["address"], each["current"]) for each in listed] == [("10.0.0.1", False)]
    one = f"{of_vic}/{listed[0]['id']}/revoke"
    for path in (one, f"{of_vic}/revoke"):
        for headers in (vic, max_):
            assert (await world.http.client.post(path, headers=headers)).status_code == 403
    for headers in (vic, max_):
        assert (await world.http.client.get(of_vic, headers=headers)).status_code == 403
    assert (await world.http.client.post(one, headers=ada)).status_code == 204
    assert (await world.http.client.post(one, headers=ada)).status_code == 404
    assert (await world.http.client.get(f"{AUTH}/validate", headers=vic)).status_code == 401
    await world.sign_in("vic")
    assert (await world.http.client.post(f"{of_vic}/revoke", headers=ada)).json() == {"count": 1}
    for path in (f"{AUTH}/users/nobody/sessions/revoke", f"{AUTH}/users/nobody/sessions/x/revoke"):
        assert (await world.http.client.post(path, headers=ada)).status_code == 404
    assert (await world.http.client.get(f"{AUTH}/users/nobody/sessions", headers=ada)).status_code == 404


async def test_nobody_ends_a_sign_in_of_another_by_its_id(world: AuthWorld) -> None:
    await world.add("ada")
    await world.add("eve", "viewer")
    ada, eve = await world.bearer("ada"), await world.bearer("eve")
    mine = (await world.http.client.get(f"{AUTH}/sessions", headers=ada)).json()["items"][0]["id"]
    answer = await world.http.client.post(f"{AUTH}/sessions/{mine}/revoke", headers=eve)
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:vivesphere:problem:session-unknown")
    assert (await world.http.client.post(f"{AUTH}/sessions/{mine}/revoke", headers=ada)).status_code == 204
    assert (await world.http.client.get(f"{AUTH}/validate", headers=ada)).status_code == 401
