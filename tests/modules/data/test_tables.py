"""Custom tables over HTTP: made, changed, dropped, and listed beside all others."""

from tests.modules.data.world import LEADS, TABLES, World

from vivesphere.contracts.data import TableCreated


async def test_a_table_is_made_and_can_be_used_at_once(world: World) -> None:
    made = await world.create(description="People to call")
    assert (made["name"], made["access_level"], made["owner"], made["project"]) == ("leads", "user", "user:ada", "default")
    assert made["columns"][1] == {
        "name": "email",
        "type": "text",
        "required": False,
        "unique": True,
        "default": None,
        "references": None,
    }
    assert made["indexes"] == [{"columns": ["email"], "unique": True, "name": "data_leads__email"}]
    assert (made["description"], made["records"], made["version"]) == ("People to call", 0, 1)
    assert (await world.add(name="Ada"))["name"] == "Ada"
    assert world.events(TableCreated)


async def test_every_table_is_listed_with_its_owner_and_columns(world: World) -> None:
    await world.create()
    await world.add(name="Ada")
    listed = {each["name"]: each for each in (await world.ask("GET", TABLES, params={"limit": 200}))["items"]}
    assert listed["custom_tables"]["owner"] == "module:data"
    assert listed["custom_tables"]["access_level"] == "locked"
    assert {"name", "definition"} <= {column["name"] for column in listed["custom_tables"]["columns"]}
    assert listed["leads"]["records"] == 1
    assert listed["leads"] == await world.ask("GET", LEADS)
