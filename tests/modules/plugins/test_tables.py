"""The tables a plugin declares: made when it is enabled, grown with its version, lost by no mistake."""

import pytest
from tests.modules.plugins.world import PluginWorld

from vivesphere.kernel import principals
from vivesphere.kernel.db.table_records import known_tables
from vivesphere.modules.plugins.service import PluginService

CODE = """
@command("sql")
async def speak(context, message):
    '''Run what is said.'''
    rows = await context.sql.execute(message.argument_text)
    return f"{rows.rows} {rows.changed}"

@command("ask")
async def ask(context, message):
    '''Ask what is said.'''
    return str((await context.sql.query(message.argument_text)).rows)

@hookimpl
def commands():
    return [speak, ask]
"""

ITEMS = """
[tables.items.columns]
body = { type = "text", required = true }
"""
MANIFEST = 'id = "notes"\nname = "N"\nversion = "{version}"\ndescription = "For a test."\nenabled_by_default = true\n'


async def start(world: PluginWorld, tables: str, version: str = "1.0") -> PluginService:
    if hasattr(world, "service"):
        await world.stop()
    world.write("notes", CODE, manifest=MANIFEST.format(version=version) + tables)
    return await world.start()


async def said(world: PluginWorld, command: str, text: str) -> str:
    answer = await world.say(command, *text.split(" "))
    return str(getattr(answer, "text", None) or answer.detail)


async def problem(world: PluginWorld, tables: str, version: str = "1.0") -> str:
    """What stands against it; what the database has is as it was."""
    service = await start(world, tables, version)
    plugin = service.describe("notes")
    assert plugin.status == "error"
    return plugin.detail


async def test_a_declared_table_is_made_and_belongs_to_the_plugin(world: PluginWorld) -> None:
    service = await start(world, ITEMS)
    assert service.describe("notes").status == "enabled"
    assert await said(world, "sql", "INSERT INTO items (body) VALUES ('a') RETURNING id") == "((1,),) 1"
    assert await said(world, "ask", "SELECT id, body FROM items") == "((1, 'a'),)"
    known = await world.database.handle(principals.SYSTEM).read(known_tables)
    (made,) = [table for table in known if table.name.startswith("ext_")]
    assert (made.name, made.access_level, made.owner) == ("ext_notes__items", "protected", "plugin:notes")
    assert [column.name for column in made.columns] == ["id", "body"]


async def test_what_is_in_it_outlives_a_restart(world: PluginWorld) -> None:
    await start(world, ITEMS)
    await said(world, "sql", "INSERT INTO items (body) VALUES ('kept')")
    await start(world, ITEMS)
    assert await said(world, "ask", "SELECT body FROM items") == "(('kept',),)"


async def test_a_new_version_may_add_columns_indexes_and_tables(world: PluginWorld) -> None:
    await start(world, ITEMS)
    await said(world, "sql", "INSERT INTO items (body) VALUES ('old')")
    more = """
        [tables.items.columns]
        body = { type = "text", required = true }
        likes = { type = "integer", required = true, default = 7 }
        [[tables.items.indexes]]
        columns = ["body", "likes"]
        unique = true
        [tables.tags.columns]
        name = { type = "text", unique = true }
        item = { type = "reference", references = "items" }
        """
    service = await start(world, more, "1.1")
    assert service.describe("notes").status == "enabled"
    assert await said(world, "ask", "SELECT body, likes FROM items") == "(('old', 7),)"
    assert "UNIQUE" in await said(world, "sql", "INSERT INTO items (body, likes) VALUES ('old', 7)")
    assert await said(world, "sql", "INSERT INTO tags (name, item) VALUES ('x', 1)") == "() 1"
    assert "FOREIGN KEY" in await said(world, "sql", "INSERT INTO tags (name, item) VALUES ('y', 99)")
    without_index = more.replace('[[tables.items.indexes]]\n        columns = ["body", "likes"]\n        unique = true\n', "")
    await start(world, without_index, "1.2")
    assert await said(world, "sql", "INSERT INTO items (body, likes) VALUES ('old', 7)") == "() 1"


async def test_a_table_that_is_not_declared_any_more_stays(world: PluginWorld) -> None:
    await start(world, ITEMS)
    await said(world, "sql", "INSERT INTO items (body) VALUES ('kept')")
    await start(world, "", "2.0")
    assert await said(world, "ask", "SELECT body FROM items") == "(('kept',),)"


@pytest.mark.parametrize(
    ("tables", "version", "why"),
    [
        (ITEMS + 'more = { type = "text" }\n', "1.0", "the plugin's version is 1.0 as it was with 1.0: raise the version"),
        (ITEMS + 'more = { type = "text" }\n', "0.9", "raise the version"),
        (ITEMS + 'more = { type = "text", required = true }\n', "1.1", "The new column more of ext_notes__items is required"),
        (ITEMS.replace("body", "text_1"), "1.1", "The column body of ext_notes__items is not declared any more"),
        (ITEMS.replace('"text"', '"integer"'), "1.1", "The column body of ext_notes__items is declared otherwise than before"),
    ],
)
async def test_what_would_lose_or_surprise_is_refused(world: PluginWorld, tables: str, version: str, why: str) -> None:
    await start(world, ITEMS)
    await said(world, "sql", "INSERT INTO items (body) VALUES ('kept')")
    assert why in await problem(world, tables, version)
    await start(world, ITEMS)
    assert await said(world, "ask", "SELECT body FROM items") == "(('kept',),)"


async def test_equal_rows_stand_against_an_index_that_comes_later(world: PluginWorld) -> None:
    await start(world, ITEMS)
    await said(world, "sql", "INSERT INTO items (body) VALUES ('same'), ('same')")
    unique = ITEMS + '[[tables.items.indexes]]\ncolumns = ["body"]\nunique = true\n'
    assert "UNIQUE" in await problem(world, unique, "1.1")
    await start(world, ITEMS)
    await said(world, "sql", "DELETE FROM items WHERE id = 2")
    assert (await start(world, unique, "1.1")).describe("notes").status == "enabled"
    assert "UNIQUE" in await said(world, "sql", "INSERT INTO items (body) VALUES ('same')")


@pytest.mark.parametrize(
    ("tables", "why"),
    [
        ("[tables.items]\ncolumns = {}", "columns"),
        (
            '[tables.items.columns]\nselect = { type = "text" }',
            "tables.items/columns/0/name: cannot be 'select'",
        ),
        ('[tables.select.columns]\na = { type = "text" }', "tables.select: its name cannot be 'select'"),
        (
            '[tables.data_x.columns]\na = { type = "text" }',
            "its name cannot begin with data_: in SQL that is",
        ),
        ('[tables.items.columns]\na = { type = "blob" }', "Invalid enum value 'blob'"),
        (
            '[tables.items.columns]\na = { type = "reference", references = "users" }',
            "refers to 'users', which the",
        ),
        (
            (
                '[tables.a.columns]\nb = { type = "reference", references = "b" }\n'
                '[tables.b.columns]\na = { type = "reference", references = "a" }'
            ),
            "tables refer to one another in a circle",
        ),
        (f'[tables.{"x" * 58}.columns]\na = {{ type = "text" }}', "is too long: together with the plugin's id it has 69"),
        ('[tables.items.columns]\nid = { type = "integer" }', "every table has that column already"),
    ],
)
async def test_a_declaration_that_cannot_be_is_refused(world: PluginWorld, tables: str, why: str) -> None:
    assert why in await problem(world, tables)
    known = await world.database.handle(principals.SYSTEM).read(known_tables)
    assert not [table.name for table in known if table.name.startswith("ext_")]


async def test_a_table_may_refer_to_itself(world: PluginWorld) -> None:
    await start(world, '[tables.items.columns]\nparent = { type = "reference", references = "items" }\n')
    assert await said(world, "sql", "INSERT INTO items (id, parent) VALUES (1, 1)") == "() 1"


async def test_another_plugins_tables_are_not_its_own(world: PluginWorld) -> None:
    world.write("other", CODE.replace("sql", "sql2", 1).replace('"ask"', '"ask2"'), more=ITEMS)
    await start(world, "")
    await world.say("sql2", *["INSERT", "INTO", "items", "(body)", "VALUES", "('secret')"])
    assert "is no table's name" in await said(world, "ask", "SELECT body FROM ext_other__items")
    assert "no such table" in await said(world, "ask", "SELECT body FROM items")
