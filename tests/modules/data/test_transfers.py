"""Imports and exports over HTTP: what is read, what is refused, and what goes on after a cut."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.modules.data.world import LEADS, TABLES, World, running_world

from vivesphere.contracts.data import ImportCompleted, ImportProgressed, RecordCreated
from vivesphere.kernel.bus.messages import Envelope
from vivesphere.modules.data.records.rules import clashes
from vivesphere.modules.data.settings import DataSettings
from vivesphere.modules.data.transfers import formats, rules, service

pytestmark = pytest.mark.usefixtures("engine")

IMPORT = f"{LEADS}/import"
EXPORT = f"{LEADS}/export"


async def load(world: World, kind: str, content: Any, status: int = 200, **more: Any) -> Any:
    if isinstance(content, str):
        content = content.encode()
    return await world.ask("POST", IMPORT, status, params={"format": kind}, content=content, **more)


async def file(world: World, kind: str, **query: Any) -> str:
    answer = await world.send("GET", EXPORT, params={"format": kind, **query})
    assert answer.status_code == 200, answer.text
    return answer.text


def lines(count: int, **more: Any) -> str:
    return "".join(json.dumps({"name": f"n{number}", "email": f"{number}@x", **more}) + "\n" for number in range(count))


async def test_csv_is_read_and_every_refused_line_is_named(world: World) -> None:
    await world.create()
    text = 'name;email;age\r\n"Ada, the\nfirst";ada@x;36\nBob;ada@x;1\nCem;;old\n\n;x;1\nDan;6";1\nEve;e@x\n"Fay"x;;\n'
    assert await load(world, "csv", "\ufeff" + text) == {
        "imported": 2,
        "refused": [
            {"line": 4, "problem": "email is taken"},
            {"line": 5, "problem": "age must be a whole number"},
            {"line": 7, "problem": "name is required"},
            {"line": 9, "problem": "has 2 cells; the first line names 3"},
            {"line": 10, "problem": "is not a line of CSV; is a quote not doubled?"},
        ],
        "refused_total": 5,
        "complete": True,
    }


async def test_what_is_exported_can_be_imported_again(world: World) -> None:
    await world.create()
    texts = ["=1+1", "'=1", "''@x", "-", 'a,b;c"d\n', "\tü\u2028"]
    for number, name in enumerate(texts):
        more: dict[str, Any] = {
            "due": "2026-01-05",
            "seen": "2026-01-05T08:00:00Z",
            "extra": {"a": [1, "é"]},
            "open": number % 2 == 0,
        }
        await world.add(name=name, age=number, score=number / 2, **more)
    files = {kind: await file(world, kind) for kind in ("csv", "json", "jsonl")}
    assert "'=1+1" in files["csv"]
    assert "''=1" in files["csv"]
    kept = await world.found()
    for kind, content in files.items():
        await world.ask("DELETE", LEADS, 204)
        await world.create()
        assert (await load(world, kind, content))["imported"] == len(texts)
        again = await world.found()
        times = {"created_at": "", "updated_at": ""}
        assert [each | times for each in again] == [each | times for each in kept]


async def test_an_export_is_narrowed_and_in_order_and_goes_over_many_pages(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PAGE", 2)
    await world.create()
    await load(world, "jsonl", lines(7))
    rows = json.loads(await file(world, "json", sort="name", filter='{"name": {"$ne": "n3"}}'))
    assert [each["name"] for each in rows] == ["n0", "n1", "n2", "n4", "n5", "n6"]
    assert await file(world, "jsonl", search="nobody") == ""
    assert json.loads(await file(world, "json", search="nobody")) == []
    answer = await world.send("GET", EXPORT, params={"format": "csv"})
    assert answer.headers["content-disposition"] == 'attachment; filename="leads.csv"'
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"


@pytest.mark.parametrize(
    ("kind", "content", "problem"),
    [
        ("csv", "", "line 1: the first line must name the columns"),
        ("csv", "nome\nAda\n", "line 1: the table has no column 'nome'; the first line must name its columns"),
        ("csv", "name,name\n", "line 1: the first line names a column twice"),
        ("csv", 'name,"a"b\n', "line 1: the first line must name the columns"),
        ("csv", b"name\n\xff\n", "line 2: the file must be UTF-8 from here on"),
        ("csv", 'name\n"Ada\nBob\n', "line 2: a quote is opened and not closed"),
        ("json", "", "line 1: the file must be one array of objects, and ends before the array does"),
        ("json", '\n[{"name": "Ada"', "line 2: the file must be one array of objects, and ends before the array does"),
        ("json", '{"name": "Ada"}', "line 1: the file must be one array of objects"),
        ("json", 'x[{"name": "Ada"}]', "line 1: the file must be one array of objects"),
        ("json", "[1]", "line 1: the array must have objects in it, with commas between them, and nothing else"),
        ("json", '["a"]', "line 1: the array must have objects in it, with commas between them, and nothing else"),
        ("json", "[[]]", "line 1: the array must have objects in it, with commas between them, and nothing else"),
        ("json", "[] []", "line 1: the file must be one array of objects"),
        ("json", "[] 1", "line 1: something comes after the array"),
    ],
)
async def test_a_file_that_cannot_be_read_is_refused_with_the_place(
    world: World, kind: str, content: str | bytes, problem: str
) -> None:
    await world.create()
    refused = await load(world, kind, content, 422)
    assert refused["detail"] == f"The file cannot be read: {problem}."
    assert world.events(ImportCompleted) == []


@pytest.mark.parametrize(
    "content",
    [
        '[{"name": "a"} {"name": "b"}]',
        '[{"name": "a"},, {"name": "b"}]',
        '[{"name": "a"}, 1]',
        '[{"name": "a"},]',
        '[{"name": "a"}',
    ],
)
async def test_what_was_read_before_the_end_of_sense_is_kept_and_said(world: World, content: str) -> None:
    await world.create()
    report = await load(world, "json", content)
    assert (report["imported"], report["refused_total"], report["complete"]) == (1, 1, False)
    (completed,) = world.events(ImportCompleted)
    assert isinstance(completed, ImportCompleted)
    assert (completed.imported, completed.refused, completed.complete) == (1, 1, False)


async def test_json_lines_are_read_one_by_one(world: World) -> None:
    await world.create()
    report = await load(world, "jsonl", '{"name": "a"}\n\n[1]\n{"name"\n{"nome": "x"}\n{"name": "b", "version": 9}')
    assert report["imported"] == 2
    assert [each["line"] for each in report["refused"]] == [3, 4, 5]
    assert "did you mean name?" in report["refused"][2]["problem"]


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("json", '[\n {"name": "a\\"]}\\\\", "extra": {"b": [1, {}]}} ,\n{"name": "ü"}\n]\n'),
        ("jsonl", '{"name": "a\\"]}\\\\", "extra": {"b": [1, {}]}}\r\n{"name": "ü"}'),
        ("csv", 'name,extra\r\n"a""]}\\","{""b"": [1, {}]}"\r\nü,'),
    ],
)
async def test_pieces_may_end_anywhere(world: World, kind: str, content: str, size: int) -> None:
    await world.create()

    async def pieces() -> AsyncIterator[bytes]:
        raw = content.encode()
        for at in range(0, len(raw), size):
            yield raw[at : at + size]

    assert (await load(world, kind, pieces()))["imported"] == 2
    found = await world.found(sort="name")
    assert [(each["name"], each["extra"]) for each in found] == [('a"]}\\', {"b": [1, {}]}), ("ü", None)]


async def test_an_import_comes_in_batches_and_tells_how_far_it_is(world: World) -> None:
    await world.create()
    heard: list[Envelope[ImportProgressed]] = []

    async def hear(envelope: Envelope[ImportProgressed]) -> None:
        heard.append(envelope)

    world.http.bus.system().listen(ImportProgressed, hear)
    report = await load(world, "jsonl", lines(1200))
    assert report == {"imported": 1200, "refused": [], "refused_total": 0, "complete": True}
    await world.http.bus.bus.settled()
    assert [each.payload.imported for each in heard] == [500, 1000, 1200]
    (completed,) = world.events(ImportCompleted)
    assert isinstance(completed, ImportCompleted)
    assert {each.payload.import_id for each in heard} == {completed.import_id}
    assert completed.bytes == len(lines(1200))
    assert world.events(RecordCreated) == [], "an import is told of as a whole"


async def test_large_records_make_small_batches(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "BATCH_BYTES", 100)
    await world.create()
    before = world.database.statistics().units
    assert (await load(world, "jsonl", lines(4, extra="x" * 60)))["imported"] == 4
    assert world.database.statistics().units == before + 2 + 2 + 1, "two batches, the end"


async def test_the_same_file_under_the_same_key_goes_on_where_it_was_cut(world: World) -> None:
    await world.create()
    key = {"Idempotency-Key": "monday"}

    async def cut() -> AsyncIterator[bytes]:
        yield lines(700).encode()
        raise OSError("the line is dead")

    await load(world, "jsonl", cut(), 500, headers=key)
    assert (await world.ask("GET", LEADS))["records"] == 500, "one whole batch"
    for _ in range(2):
        report = await load(world, "jsonl", lines(700), headers=key)
        assert report == {"imported": 700, "refused": [], "refused_total": 0, "complete": True}
    assert (await world.ask("GET", LEADS))["records"] == 700
    assert len(world.events(ImportCompleted)) == 1
    refused = await load(world, "jsonl", lines(699), 422, headers=key)
    assert refused["type"].endswith("idempotency-key-reused")


async def test_a_key_is_of_one_table_not_of_its_name(world: World) -> None:
    await world.create()
    key = {"Idempotency-Key": "monday"}
    await load(world, "jsonl", lines(3), headers=key)
    await world.ask("DELETE", LEADS, 204)
    await world.create()
    assert (await load(world, "jsonl", lines(3), headers=key))["imported"] == 3
    assert (await world.ask("GET", LEADS))["records"] == 3


async def test_references_within_a_file_lead_backwards_and_what_leads_to_a_refused_record_is_refused(world: World) -> None:
    await world.create()
    tree = [{"name": "label", "type": "text", "unique": True}, {"name": "parent", "type": "reference", "references": "tree"}]
    await world.create("tree", tree)
    ids = [f"00000000-0000-7000-8000-00000000000{number}" for number in range(6)]
    rows = [
        {"id": ids[0], "label": "root"},
        {"id": ids[1], "label": "child", "parent": ids[0]},
        {"id": ids[2], "label": "root", "parent": ids[0]},
        {"id": ids[3], "label": "orphan", "parent": ids[2]},
        {"id": ids[4], "label": "ahead", "parent": ids[5]},
        {"id": ids[5], "label": "itself", "parent": ids[5]},
    ]
    content = "\n".join(json.dumps(row) for row in rows)
    report = await world.ask("POST", f"{TABLES}/tree/import", params={"format": "jsonl"}, content=content.encode())
    assert report["imported"] == 3
    assert report["refused"] == [
        {"line": 3, "problem": "label is taken"},
        {"line": 4, "problem": "parent leads to no record of 'tree'"},
        {"line": 5, "problem": "parent leads to no record of 'tree'"},
    ]


async def test_limits_end_an_import_and_the_report_says_where(tmp_path: Path) -> None:
    async with running_world(tmp_path, rows="600", import_bytes="30000") as world:
        await world.create()
        full = await load(world, "jsonl", lines(700))
        assert (full["imported"], full["complete"]) == (500, False)
        assert full["refused"][-1]["line"] == 501
        assert "600 records" in full["refused"][-1]["problem"]
        large = await load(world, "jsonl", " " * 30001 + "\n", 422)
        assert "larger than 30,000 bytes" in large["detail"]


async def test_a_report_names_so_many_lines_and_counts_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "TOLD", 3)
    await world.create()
    report = await load(world, "jsonl", "[]\n" * 600)
    assert (len(report["refused"]), report["refused_total"], report["complete"]) == (3, 600, True)


async def test_a_table_that_is_not_there_takes_and_gives_nothing(world: World) -> None:
    await load(world, "csv", "name\n", 404)
    assert (await world.send("GET", EXPORT, params={"format": "csv"})).status_code == 404
    await world.create()
    assert (await world.send("GET", EXPORT, params={"format": "xml"})).status_code == 422
    assert (await world.send("GET", EXPORT, params={"format": "csv", "sort": "nome"})).status_code == 422


async def test_a_line_without_an_end_is_not_kept_in_memory(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "LONGEST_LINE", 50)
    await world.create()
    for kind, content in (
        ("csv", 'name\n"' + "x" * 60),
        ("jsonl", '{"name": "' + "x" * 60),
        ("json", '[{"name": "' + "x" * 60),
    ):
        refused = await load(world, kind, content, 422)
        assert "is longer than 50" in refused["detail"]


async def test_what_comes_between_the_check_and_the_insert_is_seen_the_second_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where another server's unit of work commits in between."""
    await world.create()
    await world.add(name="Ada", email="1@x")
    looked: list[int] = []

    def too_late(*asked: Any, **named: Any) -> Any:
        looked.append(1)
        return [] if len(looked) == 1 else clashes(*asked, **named)

    monkeypatch.setattr(rules, "clashes", too_late)
    report = await load(world, "jsonl", lines(3))
    assert (report["imported"], report["refused"]) == (2, [{"line": 2, "problem": "email is taken"}])


async def test_a_table_that_is_made_anew_meanwhile_is_another_one(world: World) -> None:
    await world.create()

    async def pieces() -> AsyncIterator[bytes]:
        yield lines(600).encode()
        await world.ask("DELETE", LEADS, 204)
        await world.create()
        yield lines(600).encode()

    await load(world, "jsonl", pieces(), 404)
    assert await world.found() == []


async def test_other_limits_hold_from_the_next_file_on(world: World) -> None:
    await world.create()
    transfers: Any = world.module.provides["transfers"]
    transfers.change(DataSettings(import_bytes=1024))
    report = await load(world, "jsonl", lines(100))
    assert (report["imported"], report["complete"]) == (lines(100)[:1024].count("\n"), False)


async def test_a_client_that_goes_away_leaves_the_whole_batches(world: World) -> None:
    await world.create()
    messages = [
        {"type": "http.request", "body": lines(600).encode(), "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": IMPORT,
        "raw_path": IMPORT.encode(),
        "query_string": b"format=jsonl",
        "headers": [(b"authorization", b"Bearer ada")],
    }
    app: Any = world.http.app  # Litestar spells the ASGI types out, we do not.
    await app(scope, receive, send)
    assert sent[0]["status"] == 400
    assert (await world.ask("GET", LEADS))["records"] == 500
