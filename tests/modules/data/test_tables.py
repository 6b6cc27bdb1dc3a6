"""Custom tables over HTTP: made, changed, dropped, and listed beside all others."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.modules.data.world import ADA, COLUMNS, DATA, LEADS, RECORDS, TABLES, World, in_project, running_world

from vivesphere.contracts.data import TableChanged, TableCreated, TableDropped
from vivesphere.kernel.cause import Cause, Mode, acting_under
from vivesphere.kernel.db.definition import Column
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.errors import Conflict, NotFound
from vivesphere.modules.data.schemas import TableChange, TableInput
from vivesphere.modules.data.settings import DataSettings
from vivesphere.modules.data.tables import rules
from vivesphere.modules.data.tables.service import TableService

pytestmark = pytest.mark.usefixtures("engine")

TEXT = {"name": "body", "type": "text"}
BODY = (Column(name="body", type="text"),)


async def change(world: World, status: int = 200, **asked: Any) -> Any:
    return await world.ask("PATCH", LEADS, status, json=asked)


def service(world: World) -> TableService:
    tables: Any = world.module.provides["tables"]
    assert isinstance(tables, TableService)
    return tables


async def test_a_table_is_made_and_can_be_used_at_once(world: World) -> None:
    made = await world.create(description="People to call", indexes=[{"columns": ["name", "created_at"]}])
    assert (made["name"], made["access_level"], made["owner"], made["project"]) == ("leads", "user", "user:ada", "default")
    assert made["columns"][1] == {
        "name": "email",
        "type": "text",
        "required": False,
        "unique": True,
        "default": None,
        "references": None,
    }
    assert made["indexes"] == [
        {"columns": ["name", "created_at"], "unique": False, "name": "data_leads__name__created_at"},
        {"columns": ["email"], "unique": True, "name": "data_leads__email"},
    ]
    assert (made["description"], made["records"], made["version"]) == ("People to call", 0, 1)
    assert (await world.add(name="Ada"))["name"] == "Ada"
    (created,) = world.events(TableCreated)
    assert isinstance(created, TableCreated)
    assert created.table == "leads"


async def test_every_table_is_listed_with_its_owner_and_columns(world: World) -> None:
    await world.create()
    await world.add(name="Ada")
    listed = {each["name"]: each for each in (await world.ask("GET", TABLES, params={"limit": 200}))["items"]}
    assert listed["custom_tables"]["owner"] == "module:data"
    assert listed["custom_tables"]["access_level"] == "locked"
    assert {"name", "definition"} <= {column["name"] for column in listed["custom_tables"]["columns"]}
    assert listed["custom_tables"] == await world.ask("GET", f"{TABLES}/custom_tables")
    assert listed["leads"]["records"] == 1
    assert listed["leads"] == await world.ask("GET", LEADS)


async def test_the_list_comes_in_pages_by_name(world: World) -> None:
    for name in ("a", "z", "zz"):
        await world.create(name, [TEXT])
    seen: list[str] = []
    cursor = None
    while True:
        page = await world.ask("GET", TABLES, params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        seen += [each["name"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == sorted(seen)
    assert {"a", "z", "zz", "custom_tables", "event_log"} <= set(seen)


async def test_a_bad_cursor_and_a_missing_permission_are_refused(world: World) -> None:
    assert (await world.send("GET", TABLES, params={"cursor": "%%%"})).status_code == 422
    for method, path in (
        ("GET", TABLES),
        ("GET", LEADS),
        ("GET", RECORDS),
        ("DELETE", LEADS),
        ("GET", f"{LEADS}/export?format=csv"),
    ):
        assert (await world.http.client.request(method, path, headers=world.http.vic)).status_code == 403


async def test_everything_that_is_wrong_with_a_table_is_told_at_once(world: World) -> None:
    columns = [
        {"name": "Name", "type": "text"},
        {"name": "select", "type": "text"},
        {"name": "id", "type": "text"},
        {"name": "boss", "type": "reference"},
        {"name": "lead", "type": "reference", "references": "nowhere"},
        {"name": "n", "type": "integer", "default": "x"},
        {"name": "n", "type": "json", "unique": True},
    ]
    asked = {"name": "data__x", "columns": columns, "indexes": [{"columns": ["n", "missing"]}]}
    refused = await world.ask("POST", TABLES, 422, json=asked)
    assert {each["pointer"] for each in refused["errors"]} == {
        *("/name", "/columns/0/name", "/columns/1/name", "/columns/2/name", "/columns/3/references", "/columns/5/default"),
        *("/columns/4/references", "/columns/6/unique", "/columns", "/indexes/0/columns/1"),
    }
    assert (await world.send("GET", LEADS)).status_code == 404


@pytest.mark.parametrize("name", ["leads", "event_log"])
async def test_a_name_is_given_once(world: World, name: str) -> None:
    await world.create()
    refused = await world.ask("POST", TABLES, 409, json={"name": name, "columns": [TEXT]})
    assert refused["detail"] == f"There is a table {name!r} already; choose another name."


async def test_asked_again_under_the_same_key_a_table_is_made_once(world: World) -> None:
    key = {"Idempotency-Key": "once"}
    first, again = [await world.send("POST", TABLES, json={"name": "leads", "columns": [TEXT]}, headers=key) for _ in range(2)]
    assert (first.status_code, first.json()) == (again.status_code, again.json()) == (201, first.json())
    assert len(world.events(TableCreated)) == 1


async def test_a_table_changes_in_one_go_and_keeps_its_records(world: World) -> None:
    await world.create()
    record = await world.add(name="Ada", age=36, email="a@x")
    changed = await change(
        world,
        description="Changed",
        drop_indexes=["data_leads__email"],
        drop_columns=["score", "extra"],
        rename_columns={"age": "years", "email": "mail"},
        add_columns=[{"name": "rank", "type": "integer", "required": True, "default": -7}, {"name": "score", "type": "text"}],
        add_indexes=[{"columns": ["mail", "years"], "unique": True}],
    )
    assert [each["name"] for each in changed["columns"]] == ["name", "mail", "years", "open", "due", "seen", "rank", "score"]
    assert [each["name"] for each in changed["indexes"]] == ["data_leads__mail__years"]
    assert (changed["description"], changed["version"], changed["records"]) == ("Changed", 2, 1)
    found = await world.ask("GET", f"{RECORDS}/{record['id']}")
    assert (found["mail"], found["years"], found["rank"], found["score"]) == ("a@x", 36, -7, None)
    assert not any(each["unique"] for each in changed["columns"])
    (event,) = world.events(TableChanged)
    assert isinstance(event, TableChanged)
    assert (event.table, event.version) == ("leads", 2)


async def test_a_unique_column_can_go_with_its_index_and_come_again(world: World) -> None:
    await world.create()
    await world.add(name="Ada", email="a@x")
    assert (await change(world, drop_columns=["email"]))["indexes"] == []
    again = await change(world, add_columns=[{"name": "email", "type": "text", "unique": True}])
    assert [each["name"] for each in again["indexes"]] == ["data_leads__email"]
    renamed = await change(world, rename_columns={"email": "mail"})
    assert (renamed["columns"][-1]["name"], renamed["columns"][-1]["unique"]) == ("mail", True)
    both = await change(world, add_columns=[{"name": "email", "type": "text", "unique": True}])
    assert [each["name"] for each in both["indexes"]] == ["data_leads__email", "data_leads__email__2"]


async def test_only_what_changes_is_touched(world: World) -> None:
    await world.create()
    assert (await change(world, description="New"))["version"] == 2
    assert (await world.ask("GET", LEADS))["description"] == "New"


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"drop_columns": ["missing"]}, "/drop_columns/0"),
        ({"drop_columns": ["name"], "add_indexes": [{"columns": ["name"]}]}, "/add_indexes/0/columns/0"),
        ({"drop_indexes": ["missing"]}, "/drop_indexes/0"),
        ({"rename_columns": {"missing": "x"}}, "/rename_columns/missing"),
        ({"rename_columns": {"name": "email"}}, "/rename_columns/name"),
        ({"rename_columns": {"name": "Name"}}, "/rename_columns"),
        ({"add_columns": [TEXT, {"name": "order", "type": "text"}]}, "/add_columns/1/name"),
        ({"add_columns": [{"name": "name", "type": "text"}]}, "/add_columns"),
        ({"add_columns": [{"name": "must", "type": "text", "required": True}]}, "/add_columns/0/required"),
        ({"add_columns": [{"name": "lead", "type": "reference", "references": "gone"}]}, "/add_columns/0/references"),
    ],
)
async def test_what_cannot_be_is_refused_with_its_place_and_nothing_changes(
    world: World, asked: dict[str, Any], pointer: str
) -> None:
    await world.create()
    await world.add(name="Ada")
    before = await world.ask("GET", LEADS)
    refused = await change(world, 422, **asked)
    assert [each["pointer"] for each in refused["errors"]] == [pointer]
    assert await world.ask("GET", LEADS) == before


async def test_a_column_that_shares_an_index_goes_only_with_it(world: World) -> None:
    await world.create(indexes=[{"columns": ["name", "age"]}])
    refused = await change(world, 422, drop_columns=["age"])
    assert "data_leads__name__age" in refused["errors"][0]["detail"]
    await change(world, drop_columns=["age"], drop_indexes=["data_leads__name__age"])


async def test_a_unique_index_that_the_records_contradict_does_not_come(world: World) -> None:
    await world.create()
    for _ in range(2):
        await world.add(name="Ada")
    refused = await change(world, 409, add_indexes=[{"columns": ["name"], "unique": True}], drop_columns=["age"])
    assert "equal values" in refused["detail"]
    assert "age" in (await world.found())[0], "all of the change or nothing"


async def test_an_empty_table_takes_required_columns_and_references(world: World) -> None:
    await world.create()
    await world.create("notes", [TEXT])
    column = {"name": "lead", "type": "reference", "references": "leads", "required": True}
    await world.ask("PATCH", f"{TABLES}/notes", json={"add_columns": [column]})
    lead = await world.add(name="Ada")
    await world.add("notes", lead=lead["id"])
    await world.ask("PATCH", f"{TABLES}/notes", json={"drop_columns": ["lead"]})
    await world.ask("DELETE", LEADS, 204)


async def test_whoever_edits_what_somebody_else_changed_hears_of_it(world: World) -> None:
    await world.create()
    seen = (await world.send("GET", LEADS)).headers["etag"]
    first = await world.send("PATCH", LEADS, json={"description": "1"}, headers={"If-Match": seen})
    assert (seen, first.headers["etag"]) == ('"1"', '"2"')
    for method, given in (("PATCH", {"json": {"description": "2"}}), ("DELETE", {})):
        late = await world.send(method, LEADS, headers={"If-Match": f'{seen}, W/"2", "x"'}, **given)
        assert (late.status_code, late.json()["type"]) == (412, "urn:vivesphere:problem:changed-meanwhile")
    assert (await world.send("DELETE", LEADS, headers={"If-Match": '"2"'})).status_code == 204


async def test_a_dropped_table_is_gone_with_its_records(world: World) -> None:
    await world.create()
    await world.add(name="Ada")
    await world.ask("DELETE", LEADS, 204)
    assert world.events(TableDropped)
    assert (await world.send("GET", LEADS)).status_code == 404
    assert (await world.send("GET", RECORDS)).status_code == 404
    assert (await world.send("DELETE", LEADS)).status_code == 404
    await world.create()
    assert await world.found() == []


async def test_a_table_that_others_refer_to_stays(world: World) -> None:
    column = {"name": "lead", "type": "reference", "references": "leads"}
    await world.create(columns=[*COLUMNS, column])
    await world.create("notes", [column])
    refused = await world.ask("DELETE", LEADS, 409)
    assert refused["detail"] == "The table 'leads' is referred to by notes.lead; drop those columns first."
    await world.ask("DELETE", f"{TABLES}/notes", 204)
    await world.ask("DELETE", LEADS, 204)


async def test_a_table_of_the_server_is_neither_changed_nor_dropped(world: World) -> None:
    assert (await world.send("DELETE", f"{TABLES}/event_log")).status_code == 404
    assert (await world.send("PATCH", f"{TABLES}/event_log", json={})).status_code == 404
    assert (await world.send("GET", f"{TABLES}/event_log/records")).status_code == 404


async def test_each_project_has_its_own_tables_and_sees_no_other(world: World) -> None:
    tables = service(world)
    asked = TableInput(name="plants", columns=BODY)
    with in_project("garden"):
        await tables.create_table(asked)
        assert (await tables.find_table("plants")).project == "garden"
    with in_project("kitchen"):
        assert "plants" not in {each.name for each in (await tables.list_tables(None, 200)).items}
        for attempt in (tables.find_table("plants"), tables.drop_table("plants", None), tables.count_records("plants")):
            with pytest.raises(NotFound):
                await attempt
        with pytest.raises(NotFound):
            await tables.change_table("plants", TableChange(), None)
        with pytest.raises(Conflict, match="choose another name"):
            await tables.create_table(asked)


async def test_there_are_as_many_tables_columns_and_indexes_as_the_settings_say(tmp_path: Path) -> None:
    async with running_world(tmp_path, tables="1", columns="2", indexes="1") as world:
        many = [{"name": f"c{number}", "type": "text", "unique": True} for number in range(3)]
        refused = await world.ask("POST", TABLES, 422, json={"name": "leads", "columns": many})
        assert [each["pointer"] for each in refused["errors"]] == ["/columns", "/indexes"]
        await world.create(columns=many[:1])
        refused = await change(world, 422, add_columns=many[1:])
        assert [each["pointer"] for each in refused["errors"]] == ["/add_columns", "/add_indexes"]
        refused = await world.ask("POST", TABLES, 409, json={"name": "more", "columns": [TEXT]})
        assert "data.tables" in refused["detail"]
        service(world).change(DataSettings())
        await world.create("more", [TEXT])


async def test_a_table_comes_into_force_though_whoever_asked_has_gone(world: World) -> None:
    asking = asyncio.create_task(service(world).create_table(TableInput(name="leads", columns=BODY)))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        if "definition of a table" in task.get_name():
            await task
    assert (await world.ask("GET", LEADS))["name"] == "leads"


async def test_a_table_that_goes_while_the_list_is_made_has_no_count(world: World) -> None:
    await world.create()

    def counts(tx: Unit) -> Any:
        tables = rules.list_tables(tx)
        rules.drop_table(tx, "leads", None)
        return rules.count_records(tx, tables)

    assert await world.database.handle(DATA).write(counts) == {}


async def test_a_table_that_is_only_pretended_is_not_there(world: World) -> None:
    with acting_under(Cause(source=DATA, actor=ADA).tightened(Mode.SHADOW)):
        assert (await service(world).create_table(TableInput(name="leads", columns=BODY))).name == "leads"
    assert (await world.send("GET", LEADS)).status_code == 404
    assert world.events(TableCreated) == []
    await world.create()
