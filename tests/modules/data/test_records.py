"""Records over HTTP: made, found, changed, deleted; and what a record may not be."""

from pathlib import Path
from typing import Any

import pytest
from tests.modules.data.world import COLUMNS, LEADS, RECORDS, TABLES, World, in_project, running_world

from vivesphere.contracts.data import RecordChanged, RecordCreated, RecordDeleted
from vivesphere.kernel.errors import NotFound
from vivesphere.modules.data.errors import RecordsContradict
from vivesphere.modules.data.records import rules
from vivesphere.modules.data.records.service import RecordService, Wanted
from vivesphere.modules.data.settings import DataSettings

pytestmark = pytest.mark.usefixtures("engine")

NOBODY = "00000000-0000-7000-8000-000000000000"
FULL: dict[str, Any] = {
    "name": "Ada",
    "email": "ada@x",
    "age": 36,
    "score": 0.5,
    "open": False,
    "due": "2026-01-05",
    "seen": "2026-01-05T08:00:00+02:00",
    "extra": {"a": [1, None]},
}


def service(world: World) -> RecordService:
    records: Any = world.module.provides["records"]
    assert isinstance(records, RecordService)
    return records


async def refused(world: World, status: int, **values: Any) -> list[tuple[str, str]]:
    answer = await world.ask("POST", RECORDS, status, json=values)
    return [(each["pointer"], each["detail"]) for each in answer["errors"]]


async def test_a_record_comes_back_as_it_was_given(world: World) -> None:
    await world.create()
    made = await world.send("POST", RECORDS, json=FULL)
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    record = made.json()
    assert {name: record[name] for name in FULL} == FULL | {"seen": "2026-01-05T06:00:00Z"}
    assert list(record)[:4] == ["id", "version", "created_at", "updated_at"]
    assert await world.found() == [record]
    again = await world.send("GET", f"{RECORDS}/{record['id'].upper()}")
    assert (again.json(), again.headers["etag"]) == (record, '"1"')
    assert world.events(RecordCreated) == [RecordCreated(table="leads", record_id=record["id"])]


async def test_what_is_left_out_is_the_default_or_nothing(world: World) -> None:
    await world.create()
    record = await world.add(name="Ada")
    assert (record["open"], record["age"], record["extra"]) == (True, None, None)
    assert (await world.add(name="Bob", open=None))["open"] is None


async def test_a_record_may_bring_its_id_and_what_the_server_sets_is_ignored(world: World) -> None:
    await world.create()
    record = await world.add(name="Ada", id=NOBODY, version=7, created_at="long ago", updated_at=None)
    assert (record["id"], record["version"]) == (NOBODY, 1)
    assert await refused(world, 409, name="Bob", id=NOBODY) == [("/id", "is taken")]
    assert (await refused(world, 422, name="Bob", id=7))[0][0] == "/id"


@pytest.mark.parametrize(
    ("values", "pointer", "detail"),
    [
        ({}, "/name", "is required"),
        ({"name": None}, "/name", "is required, and cannot be null"),
        ({"name": 1}, "/name", "must be a text"),
        ({"name": "a\0b"}, "/name", "must not contain the character U+0000"),
        ({"name": "ü" * 40_000}, "/name", "has at most 65,536 bytes (setting data.value_bytes)"),
        ({"name": "a", "age": "1"}, "/age", "must be a whole number"),
        ({"name": "a", "age": True}, "/age", "must be a whole number"),
        ({"name": "a", "age": 1 << 63}, "/age", "must fit into 64 bits"),
        ({"name": "a", "score": "x"}, "/score", "must be a number"),
        ({"name": "a", "score": 10**400}, "/score", "must be a finite number"),
        ({"name": "a", "open": 1}, "/open", "must be true or false"),
        ({"name": "a", "due": "2026-02-30"}, "/due", "is no day of the calendar"),
        ({"name": "a", "due": "20260105"}, "/due", "must be a date such as 2026-01-05"),
        ({"name": "a", "seen": "2026-01-05T08:00:00"}, "/seen", "must be a time with its zone, such as 2026-01-05T08:00:00Z"),
        (
            {"name": "a", "seen": "0001-01-01T00:00:00+14:00"},
            "/seen",
            "must be a time with its zone, such as 2026-01-05T08:00:00Z",
        ),
        ({"name": "a", "extra": "x" * 70_000}, "/extra", "has at most 65,536 bytes (setting data.value_bytes)"),
        ({"name": "a", "nmae": "b"}, "/nmae", "is no column of the table; did you mean name?"),
        ({"name": "a", "x/~": 1}, "/x~1~0", "is no column of the table"),
    ],
)
async def test_what_is_no_record_of_the_table_is_refused_with_its_place(
    world: World, values: dict[str, Any], pointer: str, detail: str
) -> None:
    await world.create()
    assert await refused(world, 422, **values) == [(pointer, detail)]
    assert await world.found() == []


async def test_everything_that_is_wrong_is_told_at_once(world: World) -> None:
    await world.create()
    assert [pointer for pointer, _ in await refused(world, 422, age="x", nope=1)] == ["/nope", "/name", "/age"]


async def test_what_is_unique_is_given_once_and_null_is_nobodys(world: World) -> None:
    await world.create(indexes=[{"columns": ["name", "age"], "unique": True}])
    await world.add(name="Ada", email="a@x", age=36)
    assert await refused(world, 409, name="Bob", email="a@x") == [("/email", "is taken")]
    assert await refused(world, 409, name="Ada", age=36) == [("/name", "is taken, together with age")]
    await world.add(name="Ada")
    await world.add(name="Ada")


async def test_many_records_are_made_all_or_none(world: World) -> None:
    await world.create()
    records = [{"name": f"n{number}", "email": f"{number}@x"} for number in range(1000)]
    made = await world.ask("POST", f"{RECORDS}/bulk", 201, json={"records": records})
    assert made["created"] == len(set(made["ids"])) == 1000
    assert (await world.ask("GET", f"{RECORDS}/{made['ids'][7]}"))["name"] == "n7"
    assert len(world.events(RecordCreated)) == 1000
    wrong = [{"name": "a", "email": "new@x"}, {"name": "b", "email": "new@x"}, {"name": "c", "email": "7@x"}]
    answer = await world.ask("POST", f"{RECORDS}/bulk", 409, json={"records": wrong})
    assert [each["pointer"] for each in answer["errors"]] == ["/records/1/email", "/records/2/email"]
    answer = await world.ask("POST", f"{RECORDS}/bulk", 422, json={"records": [{"name": "a"}, {}]})
    assert [each["pointer"] for each in answer["errors"]] == ["/records/1/name"]
    assert (await world.ask("GET", LEADS))["records"] == 1000
    await world.ask("POST", f"{RECORDS}/bulk", 422, json={"records": []})


async def test_asked_again_under_the_same_key_records_are_made_once(world: World) -> None:
    await world.create()
    key = {"Idempotency-Key": "once"}
    for path, body in ((RECORDS, {"name": "Ada"}), (f"{RECORDS}/bulk", {"records": [{"name": "Bob"}]})):
        first, again = [await world.send("POST", path, json=body, headers=key) for _ in range(2)]
        assert (first.status_code, first.json()) == (again.status_code, again.json()) == (201, first.json())
    assert len(await world.found()) == 2


async def test_a_record_changes_where_it_is_told_to(world: World) -> None:
    await world.create()
    record = await world.add(**FULL)
    await world.http.bus.clock.advance(60)
    path = f"{RECORDS}/{record['id']}"
    changed = await world.ask("PATCH", path, json={"age": 37, "extra": None, "name": "Ada"})
    assert changed == record | {"age": 37, "extra": None, "version": 2, "updated_at": changed["updated_at"]}
    assert changed["updated_at"] > record["updated_at"]
    assert await world.ask("GET", path) == changed
    (event,) = world.events(RecordChanged)
    assert event == RecordChanged(table="leads", record_id=record["id"], version=2, columns=("age", "extra"))
    assert await world.ask("PATCH", path, json=changed) == changed, "as it is: no change, no event"
    assert len(world.events(RecordChanged)) == 1


async def test_a_change_is_checked_as_a_record_is(world: World) -> None:
    await world.create()
    await world.add(name="Bob", email="b@x")
    record = await world.add(name="Ada", email="a@x")
    path = f"{RECORDS}/{record['id']}"
    for status, body, pointer in (
        (422, {"name": None}, "/name"),
        (422, {"id": NOBODY}, "/id"),
        (422, {"nope": 1}, "/nope"),
        (409, {"email": "b@x"}, "/email"),
    ):
        answer = await world.ask("PATCH", path, status, json=body)
        assert [each["pointer"] for each in answer["errors"]] == [pointer]
    assert (await world.ask("PATCH", path, json={"name": "Eve", "email": "a@x"}))["name"] == "Eve"


async def test_whoever_edits_what_somebody_else_changed_hears_of_it(world: World) -> None:
    await world.create()
    path = f"{RECORDS}/{(await world.add(name='Ada'))['id']}"
    changed = await world.send("PATCH", path, json={"age": 1}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert (await world.send("PATCH", path, json={"age": 2}, headers={"If-Match": '"1"'})).status_code == 412
    assert (await world.send("DELETE", path, headers={"If-Match": '"1"'})).status_code == 412
    assert (await world.send("PATCH", path, json={"age": 3}, headers={"If-Match": "*"})).status_code == 200
    assert (await world.send("DELETE", path, headers={"If-Match": '"1", "3"'})).status_code == 204


async def test_a_deleted_record_is_gone(world: World) -> None:
    await world.create()
    record = await world.add(name="Ada")
    path = f"{RECORDS}/{record['id']}"
    await world.ask("DELETE", path, 204)
    for method in ("GET", "DELETE"):
        assert (await world.send(method, path)).status_code == 404
    assert (await world.send("PATCH", path, json={})).status_code == 404
    assert (await world.send("GET", f"{RECORDS}/no-id")).status_code == 404
    assert world.events(RecordDeleted) == [RecordDeleted(table="leads", record_id=record["id"])]


async def test_references_lead_to_records_and_hold_them(world: World) -> None:
    await world.create()
    await world.create("notes", [{"name": "lead", "type": "reference", "references": "leads"}])
    lead = await world.add(name="Ada")
    answer = await world.ask("POST", f"{TABLES}/notes/records", 422, json={"lead": NOBODY})
    assert answer["errors"] == [{"pointer": "/lead", "detail": "leads to no record of 'leads'"}]
    note = await world.add("notes", lead=lead["id"].upper())
    assert note["lead"] == lead["id"]
    held = await world.ask("DELETE", f"{RECORDS}/{lead['id']}", 409)
    assert held["detail"].endswith("is referred to by records of notes.lead; change or delete those first.")
    await world.ask("PATCH", f"{TABLES}/notes/records/{note['id']}", json={"lead": None})
    await world.ask("DELETE", f"{RECORDS}/{lead['id']}", 204)


async def test_a_record_that_refers_to_itself_can_go(world: World) -> None:
    await world.create(columns=[{"name": "boss", "type": "reference", "references": "leads"}])
    record = await world.add(id=NOBODY, boss=NOBODY)
    other = await world.add(boss=NOBODY)
    assert (await world.send("DELETE", f"{RECORDS}/{record['id']}")).status_code == 409
    await world.ask("DELETE", f"{RECORDS}/{other['id']}", 204)
    await world.ask("DELETE", f"{RECORDS}/{record['id']}", 204)


async def test_a_list_is_filtered_searched_and_in_order_page_by_page(world: World) -> None:
    await world.create()
    for number in range(7):
        await world.add(
            name=f"n{number}", age=None if number == 3 else number % 3, email=f"{number}@{'X' if number % 2 else 'y'}"
        )
    assert [each["name"] for each in await world.found()] == [f"n{number}" for number in reversed(range(7))], "newest first"
    assert [each["name"] for each in await world.found(sort="-age,name")] == ["n2", "n5", "n1", "n4", "n0", "n6", "n3"]
    assert [each["name"] for each in await world.found(search="@x N")] == ["n5", "n3", "n1"]
    found = await world.found(filter='{"age": {"$gte": 1}, "$not": {"name": "n4"}}', sort="name")
    assert [each["name"] for each in found] == ["n1", "n2", "n5"]
    for sort in ("", "age", "-age", "-age,name", "email", "created_at,-name"):
        whole = await world.found(sort=sort)
        seen: list[Any] = []
        cursor: dict[str, str] = {}
        while True:
            page = await world.ask("GET", RECORDS, params={"sort": sort, "limit": 2, **cursor})
            seen += page["items"]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert seen == whole


async def test_a_wrong_question_is_refused_with_its_place(world: World) -> None:
    await world.create()
    for number in range(3):
        await world.add(name=str(number))
    cursor = (await world.ask("GET", RECORDS, params={"limit": 1}))["next_cursor"]
    for query, pointer in (
        ({"filter": "{"}, "/filter"),
        ({"filter": '{"nope": 1}'}, "/filter/nope"),
        ({"sort": "nope"}, "/sort"),
        ({"sort": "extra"}, "/sort"),
        ({"search": "a b c d e f g h i j k"}, "/search"),
        ({"cursor": cursor, "sort": "name"}, "/cursor"),
        ({"cursor": "%%"}, "/cursor"),
    ):
        answer = await world.ask("GET", RECORDS, 422, params=query)
        assert [each["pointer"] for each in answer["errors"]] == [pointer]


async def test_a_table_has_room_for_so_many_records(tmp_path: Path) -> None:
    async with running_world(tmp_path, rows="3") as world:
        await world.create()
        ids = [(await world.add(name=str(number)))["id"] for number in range(3)]
        full = await world.ask("POST", RECORDS, 409, json={"name": "more"})
        assert "data.rows" in full["detail"]
        assert (await world.send("POST", f"{RECORDS}/bulk", json={"records": [{"name": "more"}]})).status_code == 409
        await world.ask("DELETE", f"{RECORDS}/{ids[0]}", 204)
        await world.add(name="again")
        service(world).change(DataSettings(rows=5))
        await world.add(name="more")


async def test_records_of_another_projects_table_are_nobodys(world: World) -> None:
    await world.create()
    record = await world.add(name="Ada")
    records = service(world)
    with in_project("garden"):
        for attempt in (
            records.find_record("leads", record["id"]),
            records.list_records("leads", Wanted(), None, 10),
            records.create_record("leads", {"name": "Eve"}),
            records.change_record("leads", record["id"], {"name": "Eve"}, None),
            records.delete_record("leads", record["id"], None),
        ):
            with pytest.raises(NotFound):
                await attempt


async def test_what_the_check_has_not_seen_the_database_refuses(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where another server's unit of work commits between the check and the write."""
    await world.create(columns=[*COLUMNS, {"name": "boss", "type": "reference", "references": "leads"}])
    first = await world.add(name="Ada", email="a@x")
    second = await world.add(name="Bob", boss=first["id"])
    monkeypatch.setattr(rules, "clashes", lambda *_, **__: [])
    monkeypatch.setattr(rules, "referring", lambda *_: [])
    for attempt in (
        world.ask("POST", RECORDS, 409, json={"name": "Eve", "email": "a@x"}),
        world.ask("PATCH", f"{RECORDS}/{second['id']}", 409, json={"boss": NOBODY}),
        world.ask("DELETE", f"{RECORDS}/{first['id']}", 409),
    ):
        assert (await attempt)["detail"] == RecordsContradict().detail
    assert len(await world.found()) == 2
