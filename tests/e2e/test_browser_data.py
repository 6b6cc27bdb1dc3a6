"""The data area in a real browser against the real server: tables, their records, who may touch them, and backups."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, expect
from tests.support.browser import DESKTOP, PHONE, Visitor, chromium_running, visiting
from tests.support.process import PASSWORD, ServerProcess, run_cli, serving

TABS = ("Tables", "SQL", "Access", "Backups")
CSV = b"name,age,active\nGrace,85,yes\nAlan,old,yes\n,41,no\nKatherine,101,no\n"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium_running() as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture
def visitor(browser: Browser, server: ServerProcess) -> Iterator[Visitor]:
    with visiting(browser, server.url) as one:
        signed_in(one)
        yield one


@pytest.fixture
def client(server: ServerProcess) -> httpx.Client:
    return server.client()


def signed_in(visitor: Visitor, username: str = "admin") -> None:
    visitor.page.goto("/data")
    visitor.sign_in(username, PASSWORD)
    visitor.heading("Data")


def tab(visitor: Visitor, name: str) -> None:
    visitor.page.get_by_role("navigation", name="Data").get_by_role("link", name=name).click()


def grid(visitor: Visitor, name: str) -> Locator:
    return visitor.page.get_by_role("table", name=f"Records of {name}")


def dialog(visitor: Visitor) -> Locator:
    return visitor.page.get_by_role("dialog")


def make_people(client: httpx.Client, name: str, *people: dict[str, Any]) -> list[dict[str, Any]]:
    """A table of people, made and filled over HTTP; gives the records."""
    columns = [
        {"name": "name", "type": "text", "required": True},
        {"name": "age", "type": "integer"},
        {"name": "active", "type": "boolean", "required": True, "default": True},
    ]
    client.post("/api/v1/data/tables", json={"name": name, "columns": columns}).raise_for_status()
    records = f"/api/v1/data/tables/{name}/records"
    return [client.post(records, json=person).raise_for_status().json() for person in people]


def records_of(client: httpx.Client, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/api/v1/data/tables/{name}/records").raise_for_status().json()["items"]
    return found


def test_a_table_is_made_filled_edited_and_searched(visitor: Visitor, client: httpx.Client) -> None:
    page = visitor.page
    page.get_by_role("button", name="New table").first.click()
    form = dialog(visitor)
    form.get_by_role("button", name="Make the table").click()
    expect(form.get_by_text("Small letters, digits and single underscores, beginning")).to_have_count(2)
    form.get_by_label("Name", exact=True).fill("customers")
    form.get_by_label("Column", exact=True).fill("select")
    form.get_by_role("button", name="Make the table").click()
    expect(form.get_by_text("cannot be 'select', a word of SQL").first).to_be_visible()
    form.get_by_label("Column", exact=True).fill("name")
    form.get_by_label("Required").check()
    form.get_by_role("button", name="Add a column").click()
    second = form.get_by_role("group", name="Column 2")
    second.get_by_label("Column", exact=True).fill("born")
    form.get_by_role("group", name="born").get_by_label("Type").select_option("date")
    form.get_by_role("button", name="Make the table").click()
    visitor.heading("customers")
    expect(page.get_by_text("No records yet")).to_be_visible()

    page.get_by_role("button", name="Add a record").click()
    dialog(visitor).get_by_label("name").fill("Ada")
    dialog(visitor).get_by_label("born").fill("1815-12-10")
    dialog(visitor).get_by_role("button", name="Add the record").click()
    expect(grid(visitor, "customers").get_by_role("row").filter(has_text="1815-12-10")).to_contain_text("Ada")
    grid(visitor, "customers").get_by_role("button", name="Edit record Ada").click()
    dialog(visitor).get_by_label("name").fill("Ada Lovelace")
    dialog(visitor).get_by_role("button", name="Save", exact=True).click()
    expect(grid(visitor, "customers").get_by_role("cell", name="Ada Lovelace", exact=True)).to_be_visible()
    assert [(each["name"], each["version"]) for each in records_of(client, "customers")] == [("Ada Lovelace", 2)]

    grid(visitor, "customers").get_by_role("button", name="Edit record Ada Lovelace").click()
    dialog(visitor).get_by_role("button", name="Delete").click()
    page.get_by_role("dialog", name="Delete this record?").get_by_role("button", name="Cancel").click()
    dialog(visitor).get_by_role("button", name="Delete").click()
    page.get_by_role("dialog", name="Delete this record?").get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("No records yet")).to_be_visible()
    assert records_of(client, "customers") == []


def test_records_are_filtered_sorted_and_searched_in_an_address(visitor: Visitor, client: httpx.Client) -> None:
    people = ({"name": name, "age": age} for name, age in (("Ada", 36), ("Grace", 85), ("Alan", 41), ("Adele", None)))
    make_people(client, "sorted_people", *people)
    page = visitor.page
    page.goto("/data/tables/sorted_people")
    names = grid(visitor, "sorted_people").locator("tbody tr td:first-child")
    expect(names).to_have_text(["Adele", "Alan", "Grace", "Ada"])
    page.get_by_role("button", name="Sort by age").or_(page.get_by_title("Sort by age")).click()
    expect(names).to_have_text(["Adele", "Ada", "Alan", "Grace"])
    page.get_by_title("Sort by age").click()
    expect(names).to_have_text(["Grace", "Alan", "Ada", "Adele"])
    expect(page.get_by_role("columnheader", name="age")).to_have_attribute("aria-sort", "descending")

    page.get_by_role("button", name="Filter", exact=True).click()
    form = page.get_by_role("form", name="Filter")
    form.get_by_label("Column").select_option("age")
    form.get_by_label("Condition", exact=True).select_option("is at least")
    form.get_by_label("Value").fill("old")
    form.get_by_role("button", name="Apply").click()
    expect(form.get_by_text("A whole number is needed here.")).to_be_visible()
    form.get_by_label("Value").fill("40")
    form.get_by_role("button", name="Apply").click()
    expect(names).to_have_text(["Grace", "Alan"])
    page.reload()
    expect(names).to_have_text(["Grace", "Alan"])
    expect(page.get_by_role("form", name="Filter").get_by_label("Value")).to_have_value("40")
    page.get_by_role("form", name="Filter").get_by_role("button", name="Clear").click()
    page.get_by_label("Search texts").fill("ad")
    expect(names).to_have_text(["Ada", "Adele"])
    page.get_by_label("Search texts").fill("nobody")
    expect(page.get_by_text("No record matches")).to_be_visible()


def test_many_records_are_read_page_by_page_and_what_others_add_comes_by_itself(visitor: Visitor, client: httpx.Client) -> None:
    make_people(client, "many_people")
    page = visitor.page
    page.goto("/data/tables/many_people")
    expect(page.get_by_text("No records yet")).to_be_visible()
    bulk = {"records": [{"name": f"Person {number}"} for number in range(60)]}
    client.post("/api/v1/data/tables/many_people/records/bulk", json=bulk).raise_for_status()
    rows = grid(visitor, "many_people").locator("tbody tr")
    expect(rows).to_have_count(50)
    page.get_by_role("button", name="Show more").click()
    expect(rows).to_have_count(60)
    expect(page.get_by_text("60 records", exact=True)).to_be_visible()
    client.post("/api/v1/data/tables/many_people/records", json={"name": "Newest"}).raise_for_status()
    page.get_by_role("button", name="Look again").click()
    expect(rows).to_have_count(61)
    expect(rows.first).to_contain_text("Newest")


def test_whoever_edits_what_somebody_changed_meanwhile_is_told_and_decides(visitor: Visitor, client: httpx.Client) -> None:
    (ada,) = make_people(client, "contended", {"name": "Ada", "age": 36})
    page = visitor.page
    page.goto("/data/tables/contended")
    url = f"/api/v1/data/tables/contended/records/{ada['id']}"

    page.get_by_role("button", name="Edit record Ada").click()
    client.patch(url, json={"age": 37}).raise_for_status()
    dialog(visitor).get_by_label("name").fill("Countess")
    dialog(visitor).get_by_role("button", name="Save", exact=True).click()
    expect(dialog(visitor).get_by_text("Somebody changed this record meanwhile")).to_be_visible()
    expect(dialog(visitor).get_by_text("Now: 37")).to_be_visible()
    assert visitor.faults() == []
    dialog(visitor).get_by_role("button", name="Show it as it is now").click()
    expect(dialog(visitor).get_by_label("name")).to_have_value("Ada")
    expect(dialog(visitor).get_by_label("age")).to_have_value("37")

    client.patch(url, json={"name": "Lady"}).raise_for_status()
    dialog(visitor).get_by_label("name").fill("Countess")
    dialog(visitor).get_by_role("button", name="Save", exact=True).click()
    dialog(visitor).get_by_role("button", name="Save mine over it").click()
    expect(dialog(visitor)).to_have_count(0)
    assert [(each["name"], each["age"]) for each in records_of(client, "contended")] == [("Countess", 37)]


def test_each_type_has_its_field_and_a_reference_is_picked(visitor: Visitor, client: httpx.Client) -> None:
    make_people(client, "authors", {"name": "Ada"}, {"name": "Grace"})
    columns = [
        {"name": "author", "type": "reference", "references": "authors"},
        {"name": "sent", "type": "datetime"},
        {"name": "extra", "type": "json"},
        {"name": "price", "type": "number"},
        {"name": "public", "type": "boolean"},
    ]
    client.post("/api/v1/data/tables", json={"name": "letters", "columns": columns}).raise_for_status()
    page = visitor.page
    page.goto("/data/tables/letters")
    page.get_by_role("button", name="Add a record").click()
    form = dialog(visitor)
    form.get_by_role("combobox", name="author").fill("gra")
    page.get_by_role("option", name="Grace").click()
    form.get_by_label("sent").fill("2026-01-05T08:00:00")
    form.get_by_label("extra").fill('{"tags": ["a"')
    form.get_by_label("price").fill("12.5")
    form.get_by_label("public").select_option("yes")
    form.get_by_role("button", name="Add the record").click()
    expect(form.get_by_text("JSON is needed here.")).to_be_visible()
    form.get_by_label("extra").fill('{"tags": ["a"]}')
    form.get_by_role("button", name="Tidy up").click()
    expect(form.get_by_label("extra")).to_have_value('{\n  "tags": [\n    "a"\n  ]\n}')
    form.get_by_role("button", name="Add the record").click()
    expect(grid(visitor, "letters").locator("tbody tr")).to_have_count(1)
    (letter,) = records_of(client, "letters")
    grace = next(each["id"] for each in records_of(client, "authors") if each["name"] == "Grace")
    expected = {"author": grace, "sent": "2026-01-05T08:00:00Z", "extra": {"tags": ["a"]}, "price": 12.5, "public": True}
    assert {name: letter[name] for name in expected} == expected


def test_a_file_is_imported_with_a_report_of_what_was_refused_and_exported_again(
    visitor: Visitor, client: httpx.Client, tmp_path: Path
) -> None:
    make_people(client, "imported")
    page = visitor.page
    page.goto("/data/tables/imported")
    page.get_by_role("button", name="Import").click()
    with page.expect_file_chooser() as chooser:
        dialog(visitor).get_by_role("button", name="File").click()
    chooser.value.set_files({"name": "people.csv", "mimeType": "text/csv", "buffer": CSV})
    dialog(visitor).get_by_role("button", name="Import", exact=True).click()
    expect(dialog(visitor).get_by_text("2 records imported")).to_be_visible()
    refused = dialog(visitor).get_by_role("table").get_by_role("row").filter(has_text="whole number")
    expect(refused.get_by_role("rowheader")).to_have_text("3")
    expect(dialog(visitor).get_by_text("2 lines were refused.")).to_be_visible()
    assert visitor.faults() == []
    dialog(visitor).get_by_role("button", name="Close").last.click()
    expect(grid(visitor, "imported").locator("tbody tr")).to_have_count(2)

    for word, name in (("CSV", "imported.csv"), ("JSON", "imported.json"), ("JSON Lines", "imported.jsonl")):
        page.get_by_role("button", name="Export").click()
        with page.expect_download() as downloading:
            page.get_by_role("menuitem", name=word, exact=True).click()
        assert downloading.value.suggested_filename == name
        downloading.value.save_as(tmp_path / name)
    assert {each["name"] for each in json.loads((tmp_path / "imported.json").read_bytes())} == {"Grace", "Katherine"}
    assert (tmp_path / "imported.csv").read_text().count("\n") == 3
    assert len((tmp_path / "imported.jsonl").read_text().splitlines()) == 2


def test_a_table_is_changed_with_a_word_about_what_is_lost_and_dropped_by_name(visitor: Visitor, client: httpx.Client) -> None:
    make_people(client, "shaped", {"name": "Ada", "age": 36})
    page = visitor.page
    page.goto("/data/tables/shaped/structure")
    page.get_by_role("button", name="Change the table").click()
    form = dialog(visitor)
    form.get_by_role("group", name="name", exact=True).get_by_label("New name").fill("full_name")
    form.get_by_role("button", name="Remove age").click()
    form.get_by_role("button", name="Add a column").click()
    form.get_by_role("group", name="Column 4").get_by_label("Column", exact=True).fill("email")
    form.get_by_role("button", name="Add an index").click()
    form.get_by_label("Columns of the index, in order").fill("full_name, active")
    form.get_by_role("button", name="Change the table").click()
    sure = page.get_by_role("dialog", name="Lose these values?")
    expect(sure).to_contain_text("The columns age go from 1 record.")
    sure.get_by_role("button", name="Change and lose them").click()
    columns = page.get_by_role("table", name="Columns")
    expect(columns.get_by_role("rowheader")).to_have_text(["full_name", "active", "email"])
    expect(page.get_by_role("table", name="Indexes").get_by_role("row").filter(has_text="full_name, active")).to_be_visible()

    page.get_by_role("button", name="Drop the table").click()
    drop = dialog(visitor).get_by_role("button", name="Drop the table")
    expect(dialog(visitor)).to_contain_text("1 record is lost for ever")
    expect(drop).to_be_disabled()
    dialog(visitor).get_by_label("Name of the table").fill("shaped")
    drop.click()
    visitor.heading("Data")
    assert client.get("/api/v1/data/tables/shaped").status_code == httpx.codes.NOT_FOUND


def test_what_is_not_there_and_what_is_not_ones_own_is_said(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/data/tables/nothing")
    expect(page.get_by_text("There is no such table")).to_be_visible()
    page.goto("/data")
    page.get_by_label("Search tables").fill("users")
    page.get_by_role("list", name="Tables of the server").get_by_role("link", name="users").click()
    visitor.heading("users")
    expect(page.get_by_role("table", name="Columns").get_by_role("rowheader").first).to_be_visible()
    expect(page.get_by_role("button", name="Drop the table")).to_have_count(0)


def test_sql_is_run_as_the_one_who_asks(visitor: Visitor, client: httpx.Client) -> None:
    make_people(client, "asked", {"name": "Ada", "age": 36}, {"name": "Grace", "age": 85})
    page = visitor.page
    tab(visitor, "SQL")
    page.get_by_label("Statement").fill("SELECT name, age FROM asked WHERE age > ? ORDER BY name")
    page.get_by_label("Values for").fill("50")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("This must be a JSON list or object.")).to_be_visible()
    page.get_by_label("Values for").fill("[50]")
    page.get_by_label("Statement").press("Control+Enter")
    result = page.get_by_role("table", name="Result")
    expect(result.locator("tbody tr")).to_have_text(["Grace85"])
    assert visitor.faults() == []
    page.get_by_label("Values for").fill("")
    page.get_by_label("Statement").fill("UPDATE asked SET age = age + 1")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("2 rows changed").first).to_be_visible()
    page.get_by_label("Statement").fill("SELECT * FROM users")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("alert")).to_be_visible()


def test_access_shows_who_may_and_why_and_a_person_decides(visitor: Visitor, client: httpx.Client) -> None:
    make_people(client, "granted")
    page = visitor.page
    tab(visitor, "Access")
    matrix = page.get_by_role("table", name="Who may touch what")
    row = matrix.get_by_role("row").filter(has=page.get_by_role("rowheader", name="granted"))
    expect(row).to_contain_text("permission")
    expect(row).to_contain_text("keeper")
    expect(matrix.get_by_role("columnheader", name="plugin:dice")).to_have_count(0)
    page.get_by_role("button", name="Grant access").click()
    dialog(visitor).get_by_label("Plugin").select_option("plugin:dice")
    dialog(visitor).get_by_label("Table").select_option("granted")
    dialog(visitor).get_by_role("button", name="Grant access").click()
    grant = page.get_by_role("list", name="Grants").get_by_role("listitem").filter(has_text="plugin:dice may read granted")
    expect(grant).to_contain_text("approved")
    expect(matrix.get_by_role("columnheader", name="plugin:dice")).to_be_visible()
    grant.get_by_role("button", name="Revoke").click()
    dialog(visitor).get_by_role("button", name="Revoke").click()
    expect(grant).to_contain_text("revoked")
    grant.get_by_role("button", name="Approve").click()
    expect(grant).to_contain_text("approved")
    refused = client.post("/api/v1/data/query", json={"sql": "DROP TABLE granted"})
    assert refused.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    refusal = page.get_by_role("table", name="Refusals").get_by_role("row").filter(has_text="DROP").first
    expect(refusal.get_by_role("rowheader")).to_have_text("you")
    expect(refusal.locator("code")).to_have_text(re.compile("^[0-9a-f]{16}$"))
    assert visitor.faults() == []
    page.get_by_label("Level").select_option("locked")
    users = matrix.get_by_role("row").filter(has=page.get_by_role("rowheader", name="users"))
    expect(users).to_contain_text("owner")


def test_a_backup_is_made_fetched_and_deleted(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.page
    tab(visitor, "Backups")
    page.get_by_role("button", name="Back up now").first.click()
    dialog(visitor).get_by_role("button", name="Make the backup").click()
    backups = page.get_by_role("list", name="Backups").get_by_role("listitem")
    expect(backups).to_have_count(1)
    expect(backups.first).to_contain_text("verified")
    with page.expect_download() as downloading:
        backups.first.get_by_role("button", name="Download").click()
    downloading.value.save_as(tmp_path / "backup.db")
    assert (tmp_path / "backup.db").read_bytes().startswith(b"SQLite format 3\0")

    page.get_by_role("button", name="Back up now").click()
    dialog(visitor).get_by_label("Passphrase", exact=True).fill("too short")
    dialog(visitor).get_by_role("button", name="Make the backup").click()
    expect(dialog(visitor).get_by_text("At least 12 characters.")).to_be_visible()
    dialog(visitor).get_by_label("Passphrase", exact=True).fill("long enough a phrase")
    dialog(visitor).get_by_label("Repeat the passphrase").fill("long enough a phrase")
    dialog(visitor).get_by_role("button", name="Make the backup").click()
    expect(backups).to_have_count(2)
    expect(backups.first).to_contain_text("encrypted")
    backups.first.get_by_role("button", name="Delete").click()
    dialog(visitor).get_by_role("button", name="Delete", exact=True).click()
    expect(backups).to_have_count(1)


def test_whoever_may_less_is_offered_less_and_told_why(browser: Browser, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with serving(data_dir) as running:
        make_people(running.client(), "seen", {"name": "Ada"})
    added = run_cli(data_dir, "user", "add", "eve", "--role", "viewer", "--password-stdin", stdin=f"{PASSWORD}\n")
    assert added.returncode == 0, added.stderr
    with serving(data_dir) as running, visiting(browser, running.url) as viewer:
        signed_in(viewer, "eve")
        page = viewer.page
        expect(page.get_by_role("link", name="seen")).to_be_visible()
        expect(page.get_by_role("button", name="New table")).to_have_count(0)
        expect(page.get_by_role("navigation", name="Data").get_by_role("link")).to_have_text(["Tables"])
        for path, permission in (
            ("/data/sql", "data.sql.run"),
            ("/data/access", "data.access.read"),
            ("/data/backups", "data.backup.read"),
        ):
            page.goto(path)
            expect(page.get_by_text(f"Ask an administrator for the permission {permission}.")).to_be_visible()
        page.goto("/data/tables/seen")
        expect(grid(viewer, "seen")).to_contain_text("Ada")
        expect(page.get_by_role("button", name="Add a record")).to_have_count(0)
        expect(page.get_by_role("button", name="Edit record Ada")).to_have_count(0)
        page.get_by_role("link", name="Structure").click()
        expect(page.get_by_role("table", name="Columns")).to_be_visible()
        expect(page.get_by_role("button", name="Change the table")).to_have_count(0)


@pytest.mark.parametrize(("viewport", "scheme"), [(DESKTOP, "dark"), (PHONE, "light"), (PHONE, "dark")])
def test_every_page_of_data_is_for_everybody_and_fits(
    browser: Browser, server: ServerProcess, viewport: Any, scheme: str
) -> None:
    name = f"looked_at_{viewport['width']}_{scheme}"
    make_people(server.client(), name, {"name": "Ada " * 40, "age": 36}, {"name": "Grace"})
    with visiting(browser, server.url, viewport=viewport, scheme=scheme) as one:
        signed_in(one)
        page = one.page
        found = {}
        for each in TABS:
            tab(one, each)
            expect(page.get_by_role("navigation", name="Data").get_by_role("link", name=each)).to_have_attribute(
                "aria-current", "page"
            )
            found[each] = one.faults()
        page.goto("/data")
        page.get_by_role("button", name="New table").click()
        expect(dialog(one)).to_be_visible()
        found["new table"] = one.faults()
        page.goto(f"/data/tables/{name}")
        page.get_by_role("button", name="Filter", exact=True).click()
        expect(grid(one, name)).to_be_visible()
        found["records"] = one.faults()
        page.get_by_role("button", name="Edit record Grace").click()
        expect(dialog(one)).to_be_visible()
        found["record"] = one.faults()
        page.goto(f"/data/tables/{name}/structure")
        page.get_by_role("button", name="Change the table").click()
        expect(dialog(one)).to_be_visible()
        found["change"] = one.faults()
        assert found == {place: [] for place in found}
