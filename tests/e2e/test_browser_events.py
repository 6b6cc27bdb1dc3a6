"""The events area in a real browser against the real server: what happens, why, and what was put aside."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, expect
from tests.support.browser import DESKTOP, PHONE, Visitor, chromium_running, visiting
from tests.support.process import PASSWORD, ServerProcess, serving

SECURITY = "module:audit/security"
TABS = ("Live", "History", "Dead letters", "Bus health")

PUT_ASIDE = """
    INSERT INTO deliveries (listener, seq, id, status, attempts, failed_at, error, replay)
    SELECT ?, seq, id, 'dead', 10, time, 'OperationalError: the disk was full', 0
    FROM event_log WHERE topic = 'auth.login.failed'
"""
"""What a listener that gave up leaves behind: no person can make this server's own listener fail ten times."""


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
def grieved(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server whose audit log has three dead letters: three refused logins."""
    data_dir = tmp_path / "data"
    with serving(data_dir) as first:
        for name in ("mallory", "trudy", "eve"):
            refused = httpx.post(f"{first.url}/api/v1/auth/login", json={"username": name, "password": "not the password"})
            assert refused.status_code == httpx.codes.UNAUTHORIZED
    with closing(sqlite3.connect(data_dir / "vivesphere.db")) as database, database:
        assert database.execute(PUT_ASIDE, (SECURITY,)).rowcount == 3
    with serving(data_dir) as second:
        yield second


def signed_in(visitor: Visitor) -> None:
    visitor.page.goto("/events")
    visitor.sign_in("admin", PASSWORD)
    visitor.heading("Events")
    expect(visitor.page.get_by_text("Live", exact=True).last).to_be_visible()


def tab(visitor: Visitor, name: str) -> None:
    visitor.page.get_by_role("navigation", name="Events").get_by_role("link", name=name).click()


def create_bot(client: httpx.Client, name: str) -> None:
    client.post("/api/v1/bots", json={"name": name}).raise_for_status()


def live(visitor: Visitor) -> Locator:
    return visitor.page.get_by_role("list", name="Live events")


def test_the_tail_shows_what_happens_and_only_what_was_asked_for(visitor: Visitor, server: ServerProcess) -> None:
    client = server.client()
    box = visitor.page.get_by_label("Filter events by topic")
    create_bot(client, "First")
    expect(live(visitor).locator("[data-fresh=true]").get_by_text("Bot First was created")).to_be_visible()
    box.fill("plans.>")
    expect(visitor.page).to_have_url(re.compile(r"topic=plans"))
    expect(live(visitor).get_by_text("Bot First was created")).to_have_count(0)
    expect(live(visitor).get_by_text("Plan Morning roll was saved")).to_be_visible()
    create_bot(client, "Unseen")
    box.fill("bots.*.created")
    expect(live(visitor).get_by_text("Bot Unseen was created")).to_be_visible()


def test_what_is_no_pattern_is_said_at_the_field_and_changes_nothing(visitor: Visitor) -> None:
    box = visitor.page.get_by_label("Filter events by topic")
    plan = live(visitor).get_by_text("Plan Morning roll was saved")
    box.fill("plans.>")
    expect(live(visitor).get_by_text("User admin was created")).to_have_count(0)
    expect(plan).to_be_visible()
    for wrong, reason in (("bots.>.sent", "at the end"), ("bots..sent", "between two dots"), ("Bots", "no part of a topic")):
        box.fill(wrong)
        expect(visitor.page.get_by_text(reason)).to_be_visible()
        expect(box).to_have_attribute("aria-invalid", "true")
        expect(plan).to_be_visible()
    expect(visitor.page).to_have_url(re.compile(r"topic=plans"))
    box.fill("nobody")
    visitor.page.get_by_role("button", name="Try nobody.>").click()
    expect(box).to_have_value("nobody.>")


def test_a_pause_holds_what_happens_and_counts_it(visitor: Visitor, server: ServerProcess) -> None:
    visitor.page.get_by_label("Filter events by topic").fill("bots.bot.created")
    expect(visitor.page).to_have_url(re.compile("topic="))
    visitor.page.get_by_role("button", name="Pause").click()
    client = server.client()
    create_bot(client, "Held one")
    create_bot(client, "Held two")
    expect(visitor.page.get_by_text("2 new events held back")).to_be_visible()
    expect(live(visitor).get_by_text("Held one")).to_have_count(0)
    visitor.page.get_by_role("button", name="Resume").click()
    expect(live(visitor).get_by_role("listitem").first).to_contain_text("Held two")
    expect(live(visitor).get_by_text("Held one")).to_be_visible()


def test_the_tail_goes_on_where_the_connection_broke_off(browser: Browser, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with serving(data_dir) as first, visiting(browser, first.url) as one:
        signed_in(one)
        create_bot(first.client(), "Before")
        expect(live(one).get_by_text("Bot Before was created")).to_be_visible()
        first.kill()
        expect(one.page.get_by_text("Reconnecting…")).to_be_visible()
        with serving(data_dir, {"VIVESPHERE_PORT": first.url.rpartition(":")[2]}) as second:
            create_bot(second.client(), "Meanwhile")
            expect(live(one).locator("[data-fresh=true]").get_by_text("Bot Meanwhile was created")).to_be_visible()
            expect(live(one).get_by_text("Bot Meanwhile was created")).to_have_count(1)
            expect(live(one).get_by_text("Bot Before was created")).to_have_count(1)


def test_an_event_leads_to_its_chain_of_causes(visitor: Visitor) -> None:
    page = visitor.page
    visitor.go("Chat")
    box = page.get_by_role("textbox", name="Message", exact=True)
    box.fill("!echo why")
    box.press("Enter")
    expect(page.get_by_role("log").locator("[data-direction=out]")).to_contain_text("why")
    visitor.go("Events")
    page.get_by_label("Filter events by topic").fill("bots.message.sent")
    row = live(visitor).get_by_role("listitem").first
    expect(row).to_contain_text("Sent: why")
    row.get_by_role("button").click()
    expect(row.get_by_role("group", name="Details of bots.message.sent")).to_contain_text("message_id")
    row.get_by_role("link", name="Chain of causes of bots.message.sent").click()
    visitor.heading("bots.message.sent")
    chain = page.get_by_role("list", name="Chain of causes")
    question = chain.get_by_role("listitem").filter(has_text="admin: !echo why").first
    # The answer stands below the question that it is the answer to, and says how long it took.
    answer = question.get_by_role("listitem").filter(has_text="Sent: why").last
    expect(answer.locator("[data-current=true]")).to_contain_text("this event")
    expect(answer).to_contain_text(re.compile(r"\+[\d.]+ m?s"))
    expect(answer).to_contain_text("by module:bots")
    expect(chain.locator("[data-current=true]")).to_have_count(1)
    expect(page.get_by_role("region", name="This event")).to_contain_text("module:bots")
    question.get_by_role("link", name="bots.message.received").click()
    visitor.heading("bots.message.received")
    page.go_back()
    visitor.heading("bots.message.sent")


def test_an_event_that_is_not_there_is_said_so(visitor: Visitor) -> None:
    visitor.page.goto("/events/0199c1f0-0000-7000-8000-000000000000")
    expect(visitor.page.get_by_text("This event is not in the log")).to_be_visible()
    visitor.page.get_by_role("link", name="Search the history").click()
    expect(visitor.page.get_by_role("search")).to_be_visible()


def test_a_search_lives_in_its_address(visitor: Visitor) -> None:
    page = visitor.page
    tab(visitor, "History")
    found = page.get_by_role("list", name="Recorded events")
    expect(found.locator("[data-topic='plans.plan.created']")).to_have_count(1)
    page.get_by_label("Topic", exact=True).fill("auth.>")
    page.get_by_role("button", name="Search").click()
    expect(page).to_have_url(re.compile(r"topic=auth"))
    expect(found.locator("[data-topic='plans.plan.created']")).to_have_count(0)
    page.get_by_label("Topic", exact=True).fill("")
    page.get_by_label("Source").fill("module:plans")
    page.get_by_role("button", name="Search").click()
    expect(found.locator("[data-topic^='auth.']")).to_have_count(0)
    expect(found.locator("[data-topic='plans.plan.created']")).to_have_count(1)
    page.go_back()
    expect(page.get_by_label("Topic", exact=True)).to_have_value("auth.>")
    expect(found.locator("[data-topic='auth.user.created']")).to_have_count(1)
    page.reload()
    expect(page.get_by_label("Topic", exact=True)).to_have_value("auth.>")
    page.get_by_label("Since").fill("2026-01-02T00:00:00")
    page.get_by_label("Until").fill("2026-01-01T00:00:00")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("This must be after")).to_be_visible()


def test_a_long_history_is_read_page_by_page(visitor: Visitor, server: ServerProcess) -> None:
    with closing(server.client()) as client:
        for number in range(60):
            create_bot(client, f"Many {number}")
    visitor.page.goto("/events/history?topic=bots.bot.created")
    rows = visitor.page.get_by_role("list", name="Recorded events").get_by_role("listitem")
    expect(rows).to_have_count(50)
    visitor.page.get_by_role("button", name="Show more").click()
    expect(rows.get_by_text("Bot Many 0 was created")).to_be_visible()
    expect(rows.get_by_text("Bot Vivi was created")).to_be_visible()


def test_a_dead_letter_is_retried_and_another_dropped(browser: Browser, grieved: ServerProcess) -> None:
    with visiting(browser, grieved.url) as one:
        signed_in(one)
        page = one.page
        expect(page.get_by_role("navigation", name="Events").get_by_text("3", exact=True)).to_be_visible()
        tab(one, "Dead letters")
        letters = page.get_by_role("list", name="Dead letters").get_by_role("listitem")
        expect(letters).to_have_count(3)
        expect(letters.filter(has_text="mallory")).to_contain_text("the disk was full")
        expect(letters.filter(has_text="mallory")).to_contain_text("10 attempts")
        letters.filter(has_text="mallory").get_by_role("button", name="Retry").click()
        expect(letters).to_have_count(2)
        expect(letters.filter(has_text="mallory")).to_have_count(0)
        letters.filter(has_text="trudy").get_by_role("button", name="Drop").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        expect(letters).to_have_count(2)
        letters.filter(has_text="trudy").get_by_role("button", name="Drop").click()
        page.get_by_role("dialog").get_by_role("button", name="Drop", exact=True).click()
        expect(letters).to_have_count(1)
        page.get_by_label("Listener").select_option(SECURITY)
        page.get_by_role("button", name=f"Retry all of {SECURITY}").click()
        expect(page.get_by_text("No dead letters")).to_be_visible()
        expect(page.get_by_role("navigation", name="Events").get_by_text("1", exact=True)).to_have_count(0)


def test_a_replay_counts_first_and_then_is_done(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/events/history?topic=auth.login.succeeded")
    expect(page.get_by_role("list", name="Recorded events")).to_be_visible()
    page.get_by_role("button", name="Replay…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Listener").select_option(SECURITY)
    dialog.get_by_role("button", name="Count first").click()
    expect(dialog.get_by_role("status")).to_contain_text(re.compile(r"\d+ events? match"))
    dialog.get_by_role("button", name=re.compile(r"Replay \d+ event")).click()
    expect(page.get_by_text(f"on the way to {SECURITY}")).to_be_visible()


def test_the_bus_shows_who_listens_and_what_the_log_holds(visitor: Visitor) -> None:
    tab(visitor, "Bus health")
    page = visitor.page
    subscribers = page.get_by_role("table", name="Subscribers")
    expect(subscribers.get_by_role("row").filter(has_text=SECURITY)).to_contain_text("durable")
    expect(page.get_by_role("table", name="Publishers").get_by_role("row").filter(has_text="module:bots")).to_be_visible()
    expect(page.get_by_role("table", name="Responders").get_by_role("row").filter(has_text="tools.run")).to_be_visible()
    figures = page.get_by_role("group", name="Figures")
    for label in ("Published", "Requests", "Refused", "Log", "Loop lag", "Recorded live"):
        expect(figures.get_by_text(label, exact=True)).to_be_visible()
    # It is asked again by itself: the rate needs two looks.
    expect(figures.get_by_text(re.compile(r"/s now"))).to_be_visible()


@pytest.mark.parametrize(("viewport", "scheme"), [(DESKTOP, "dark"), (PHONE, "light"), (PHONE, "dark")])
def test_every_tab_is_for_everybody_and_fits(browser: Browser, grieved: ServerProcess, viewport: Any, scheme: str) -> None:
    with visiting(browser, grieved.url, viewport=viewport, scheme=scheme) as one:
        signed_in(one)
        live(one).get_by_role("button").first.click()
        found = {"open": one.faults()}
        for name in TABS:
            tab(one, name)
            one.settle()
            found[name] = one.faults()
        one.page.get_by_role("link", name="Dead letters").click()
        one.page.get_by_role("button", name=re.compile("^Drop")).first.click()
        expect(one.page.get_by_role("dialog")).to_be_visible()
        found["dialog"] = one.faults()
        one.page.keyboard.press("Escape")
        one.page.get_by_role("list", name="Dead letters").get_by_role("link").first.click()
        one.heading("auth.login.failed")
        found["event"] = one.faults()
        assert found == {place: [] for place in found}
