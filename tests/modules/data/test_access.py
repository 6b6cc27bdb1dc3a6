"""Table access over HTTP, on the whole server: who may touch what and why, grants, refusals."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.schema import CreateTable
from tests.support.application import RunningApplication, running
from tests.support.process import PASSWORD

from vivesphere.kernel import principals
from vivesphere.kernel.db.access import KEEPER, TableDescription
from vivesphere.kernel.db.errors import AccessDenied
from vivesphere.kernel.db.fingerprint import fingerprint
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.db.table_records import write_down
from vivesphere.kernel.errors import InvalidInput
from vivesphere.kernel.principals import SYSTEM

ACCESS = "/api/v1/data/access"
GRANTS = f"{ACCESS}/grants"
REFUSALS = f"{ACCESS}/refusals"
DICE = principals.plugin("dice")
ASKED = {"grantee": "plugin:dice", "table": "leads", "action": "read"}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningApplication]:
    async with running(tmp_path) as server:
        await server.application.database.handle(SYSTEM).write(make_tables)
        await server.application.database.refresh_access()
        yield server


def make_tables(tx: Unit) -> None:
    for name, project in (("data_leads", "default"), ("data_roses", "kitchen")):
        with tx.as_host():
            tx.execute(CreateTable(sa.Table(name, sa.MetaData(), sa.Column("body", sa.Text))))
            described = TableDescription(name=name, access_level="user", owner=KEEPER, is_system=False, project=project)
            write_down(tx, described, tx.now())


def run(tx: Unit, sql: str) -> None:
    tx.execute(sa.text(sql))


async def items(server: RunningApplication, path: str, **params: str | int) -> list[dict[str, Any]]:
    answer = await server.client.get(path, params=params)
    found: list[dict[str, Any]] = answer.raise_for_status().json()["items"]
    return found


async def sign_in(server: RunningApplication, role: str) -> dict[str, str]:
    await server.application.operator_commands()["auth.user.add"].run({"username": role, "role": role, "password": PASSWORD})
    answer = await server.anonymous.post("/api/v1/auth/login", json={"username": role, "password": PASSWORD})
    return {"Authorization": f"Bearer {answer.raise_for_status().json()['access_token']}"}


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


async def test_who_may_touch_a_table_and_why(server: RunningApplication) -> None:
    owner = (await server.client.get("/api/v1/auth/validate")).json()["user"]["id"]
    (await server.client.post(GRANTS, json=ASKED)).raise_for_status()
    (leads,) = await items(server, ACCESS, level="user")
    assert leads == {
        "name": "leads",
        "stored_as": "data_leads",
        "access_level": "user",
        "owner": "module:data",
        "project": "default",
        "read": [
            {"principal": "module:data", "why": "keeper"},
            {"principal": "plugin:dice", "why": "grant"},
            {"principal": "system", "why": "keeper"},
            {"principal": f"user:{owner}", "why": "permission"},
        ],
        "write": [
            {"principal": "module:data", "why": "keeper"},
            {"principal": "system", "why": "keeper"},
            {"principal": f"user:{owner}", "why": "permission"},
        ],
    }
    everything = await items(server, ACCESS, limit=200)
    users = next(each for each in everything if each["name"] == "users")
    assert users["read"] == [{"principal": "module:auth", "why": "owner"}, {"principal": "system", "why": "keeper"}]
    assert "data_roses" not in {each["stored_as"] for each in everything}, "of another project"


async def test_the_list_comes_in_pages(server: RunningApplication) -> None:
    everything = await items(server, ACCESS, limit=200)
    found, cursor = [], None
    while True:
        page = (await server.client.get(ACCESS, params={"limit": 7} | ({"cursor": cursor} if cursor else {}))).json()
        found += page["items"]
        if (cursor := page["next_cursor"]) is None:
            break
    assert found == everything
    assert (await server.client.get(ACCESS, params={"cursor": "%%%"})).status_code == 422
    assert (await server.client.get(ACCESS, params={"level": "secret"})).status_code == 422


async def test_a_person_gives_takes_back_and_gives_again(server: RunningApplication) -> None:
    dice = server.application.database.handle(DICE)
    answer = await server.client.post(GRANTS, json=ASKED)
    assert answer.status_code == 201
    given = answer.json()
    assert (given["grantee"], given["table"], given["action"], given["status"]) == ("plugin:dice", "leads", "read", "approved")
    assert given["decided_by"].startswith("user:")
    await dice.read(run, "SELECT * FROM data_leads")
    revoked = (await server.client.post(f"{GRANTS}/{given['id']}/revoke")).raise_for_status().json()
    assert revoked["status"] == "revoked"
    with pytest.raises(AccessDenied):
        await dice.read(run, "SELECT * FROM data_leads")
    approved = (await server.client.post(f"{GRANTS}/{given['id']}/approve")).raise_for_status().json()
    await dice.read(run, "SELECT * FROM data_leads")
    assert await items(server, GRANTS) == await items(server, GRANTS, status="approved") == [approved]
    assert await items(server, GRANTS, status="requested") == []


async def test_a_table_that_is_dropped_takes_its_grants_with_it(server: RunningApplication) -> None:
    plants = {"name": "plants", "columns": [{"name": "body", "type": "text"}]}
    asked, dice = {**ASKED, "table": "plants"}, server.application.database.handle(DICE)
    for _ in range(2):
        (await server.client.post("/api/v1/data/tables", json=plants)).raise_for_status()
        with pytest.raises(AccessDenied):
            await dice.read(run, "SELECT body FROM data_plants")
        (await server.client.post(GRANTS, json=asked)).raise_for_status()
        await dice.read(run, "SELECT body FROM data_plants")
        (await server.client.delete("/api/v1/data/tables/plants")).raise_for_status()
        assert await items(server, GRANTS) == []


async def test_what_cannot_be_granted_is_told_clearly(server: RunningApplication) -> None:
    for table in ("nothing", "users", "roses", "data_leads"):
        assert problem(await server.client.post(GRANTS, json={**ASKED, "table": table})) == (404, "table-unknown")
    for wrong in ({"grantee": "user:ada"}, {"grantee": "plugin:Dice"}, {"table": "le ads"}, {"action": "drop"}, {"more": 1}):
        assert problem(await server.client.post(GRANTS, json={**ASKED, **wrong})) == (422, "invalid-input")
    given = (await server.client.post(GRANTS, json=ASKED)).json()
    again = await server.client.post(GRANTS, json=ASKED)
    assert problem(again) == (409, "grant-decided")
    assert again.json()["detail"] == "That plugin:dice may read 'leads' is decided already; nothing was changed."
    assert problem(await server.client.post(f"{GRANTS}/{given['id']}/approve")) == (409, "grant-decided")
    assert problem(await server.client.post(f"{GRANTS}/nothing/revoke")) == (404, "grant-unknown")


async def test_who_gets_no_answer_asks_again_under_the_same_key(server: RunningApplication) -> None:
    async def ask(path: str, **body: Any) -> dict[str, Any]:
        answers = [await server.client.post(path, headers={"Idempotency-Key": "k1"}, **body) for _ in range(2)]
        assert answers[0].status_code == answers[1].status_code < 300
        assert answers[0].json() == answers[1].json()
        found: dict[str, Any] = answers[0].json()
        return found

    given = await ask(GRANTS, json=ASKED)
    await ask(f"{GRANTS}/{given['id']}/revoke")
    assert (await ask(f"{GRANTS}/{given['id']}/approve"))["status"] == "approved"


async def test_a_refusal_can_be_read_and_gives_nothing_away(server: RunningApplication) -> None:
    statements = (
        "SELECT * FROM users WHERE username = 'Xq7-secret'",
        "SELECT * FROM data_leads WHERE body = 'Xq7-secret'",
        "DELETE FROM bots WHERE 1 = 4711 -- Xq7-secret",
    )
    dice = server.application.database.handle(DICE)
    for statement in statements:
        with pytest.raises(AccessDenied):
            await dice.write(run, statement)
    await server.application.bus.trouble.settled()
    answer = (await server.client.get(REFUSALS)).raise_for_status()
    assert "Xq7" not in answer.text
    assert "4711" not in answer.text
    found = answer.json()["items"]
    assert [(each["principal"], each["action"], each["table"], each["refused"]) for each in found] == [
        ("plugin:dice", "write", "bots", 1),
        ("plugin:dice", "read", "data_leads", 1),
        ("plugin:dice", "read", "users", 1),
    ]
    assert [each["sql"] for each in found] == [fingerprint(statement) for statement in reversed(statements)]
    assert all(each["id"] and each["time"] for each in found)
    first = (await server.client.get(REFUSALS, params={"limit": 1})).json()
    second = (await server.client.get(REFUSALS, params={"limit": 1, "cursor": first["next_cursor"]})).json()
    third = (await server.client.get(REFUSALS, params={"limit": 1, "cursor": second["next_cursor"]})).json()
    assert [*first["items"], *second["items"], *third["items"]] == found
    assert third["next_cursor"] is None


async def test_each_route_needs_its_permission(server: RunningApplication) -> None:
    viewer, manager = await sign_in(server, "viewer"), await sign_in(server, "manager")
    for path in (ACCESS, GRANTS, REFUSALS):
        assert (await server.anonymous.get(path)).status_code == 401
        assert (await server.anonymous.get(path, headers=viewer)).status_code == 403
        assert (await server.anonymous.get(path, headers=manager)).status_code == 200
    for path in (GRANTS, f"{GRANTS}/x/approve", f"{GRANTS}/x/revoke"):
        assert (await server.anonymous.post(path, headers=manager, json=ASKED)).status_code == 403


async def test_decisions_are_in_the_audit_log(server: RunningApplication) -> None:
    given = (await server.client.post(GRANTS, json=ASKED)).json()
    (await server.client.post(f"{GRANTS}/{given['id']}/revoke")).raise_for_status()
    events = await items(server, "/api/v1/events", topic="database.grant.*")
    assert [event["topic"] for event in events] == ["database.grant.revoked", "database.grant.approved"]
    assert {event["actor"] for event in events} == {given["decided_by"]}


async def test_the_operator_sees_every_project(server: RunningApplication) -> None:
    show = server.application.operator_commands()["data.access.list"].run
    everything = await show({})
    assert {"data_leads", "data_roses", "users"} <= {each["stored_as"] for each in everything}
    assert [each["stored_as"] for each in await show({"table": "roses"})] == ["data_roses"]
    assert [each["stored_as"] for each in await show({"table": "data_roses"})] == ["data_roses"]
    with pytest.raises(InvalidInput, match="not valid"):
        await show({"tables": 1})
