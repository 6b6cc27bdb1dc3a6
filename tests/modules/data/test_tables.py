"""Tables over HTTP: all of them, as the engine's policy knows them, for those who may."""

from collections.abc import AsyncIterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from tests.support.http import HttpForTests, http_for

from vivesphere.kernel import principals
from vivesphere.kernel.db.access import AccessPolicy, ColumnDescription, CurrentAccess, TableDescription
from vivesphere.kernel.module import ModuleContext
from vivesphere.kernel.settings import Settings
from vivesphere.modules.data.module import build

PATH = "/api/v1/data/tables"


def table(name: str) -> TableDescription:
    return TableDescription(
        name=name,
        access_level="locked",
        owner=principals.module("bots"),
        is_system=True,
        columns=(ColumnDescription("id", "id"),),
    )


@pytest.fixture
def access() -> CurrentAccess:
    return CurrentAccess(AccessPolicy([table("bots"), table("outbox"), table("accounts")]))


@pytest.fixture
async def http(tmp_path: Path, access: CurrentAccess) -> AsyncIterator[HttpForTests]:
    parts: dict[str, Any] = dict.fromkeys(field.name for field in fields(ModuleContext))
    own = {"name": "data", "access": access, "settings": Settings.load({})}
    async with http_for(tmp_path, build(ModuleContext(**parts | own))) as http:
        yield http


async def test_every_table_is_listed_with_its_owner_and_columns(http: HttpForTests) -> None:
    answer = await http.client.get(PATH, headers=http.ada)
    assert answer.json() == {
        "items": [
            {
                "name": name,
                "access_level": "locked",
                "owner": "module:bots",
                "is_system": True,
                "columns": [{"name": "id", "type": "id"}],
                "project": None,
            }
            for name in ("accounts", "bots", "outbox")
        ],
        "next_cursor": None,
    }


async def test_the_list_comes_in_pages_and_shows_what_was_added_since(http: HttpForTests, access: CurrentAccess) -> None:
    first = (await http.client.get(PATH, params={"limit": 2}, headers=http.ada)).json()
    access.replace([*access.describe(), table("runs")])
    second = (await http.client.get(PATH, params={"limit": 2, "cursor": first["next_cursor"]}, headers=http.ada)).json()
    assert [each["name"] for each in (*first["items"], *second["items"])] == ["accounts", "bots", "outbox", "runs"]
    assert second["next_cursor"] is None


async def test_a_bad_cursor_and_a_missing_permission_are_refused(http: HttpForTests) -> None:
    assert (await http.client.get(PATH, params={"cursor": "%%%"}, headers=http.ada)).status_code == 422
    assert (await http.client.get(PATH, headers=http.vic)).status_code == 403
