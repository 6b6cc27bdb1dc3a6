"""A newcomer's first minutes, in a real browser against the real server."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect
from tests.support.browser import Visitor, chromium_running, visiting
from tests.support.process import PASSWORD, ServerProcess, serving
from tests.support.waiting import until

SUM = re.compile(r"\d")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium_running() as running:
        yield running


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that nobody has set up yet."""
    server = ServerProcess(tmp_path / "data").wait_until_listening()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


def say(visitor: Visitor, text: str) -> None:
    box = visitor.page.get_by_role("textbox", name="Message", exact=True)
    box.fill(text)
    box.press("Enter")


def texts(client: httpx.Client, topic: str) -> list[str]:
    events = client.get("/api/v1/events", params={"topic": topic}).raise_for_status().json()["items"]
    return [event["data"]["text"] for event in events]


def test_a_newcomer_sets_up_chats_and_sees_the_event_arrive(browser: Browser, new_server: ServerProcess) -> None:
    with visiting(browser, new_server.url) as owner, visiting(browser, new_server.url) as second:
        owner.page.goto(new_server.set_up_link())
        owner.heading("Set up your server")
        owner.page.get_by_label("User name").fill("ada")
        owner.page.get_by_label("Password", exact=True).fill(PASSWORD)
        owner.page.get_by_label("Repeat the password").fill(PASSWORD)
        owner.page.get_by_role("button", name="Create the owner").click()
        owner.heading("Dashboard")
        assert "token" not in owner.page.url
        vivi = owner.page.get_by_role("article", name="Vivi")
        expect(vivi.get_by_text("connected", exact=True)).to_be_visible()
        events = owner.page.get_by_role("list", name="Live events")
        expect(owner.page.get_by_text("Live", exact=True)).to_be_visible()

        second.page.goto("/chat")
        second.heading("Welcome back")
        second.sign_in("ada", PASSWORD)
        second.heading("Chat")
        say(second, "!roll 2d6")
        answer = second.page.get_by_role("log").locator("[data-direction=out]")
        expect(answer).to_have_count(1)
        expect(answer.locator(".bubble")).to_contain_text(SUM)

        expect(events.locator("[data-topic='bots.message.received'][data-fresh=true]")).to_contain_text("!roll 2d6")
        expect(events.locator("[data-topic='bots.message.sent'][data-fresh=true]").first).to_contain_text(SUM)


def test_a_used_set_up_link_leads_to_the_login(browser: Browser, server: ServerProcess) -> None:
    with visiting(browser, server.url) as visitor:
        visitor.page.goto("/setup?token=used")
        expect(visitor.page.get_by_text("already set up")).to_be_visible()
        visitor.page.get_by_role("link", name="Go to the login page").click()
        visitor.heading("Welcome back")


def test_a_refused_login_says_why_and_lets_try_again(browser: Browser, server: ServerProcess) -> None:
    with visiting(browser, server.url) as visitor:
        visitor.page.goto("/tools?query=date")
        visitor.heading("Welcome back")
        visitor.sign_in("admin", "not the password at all")
        expect(visitor.page.get_by_role("alert")).to_contain_text(re.compile("password", re.IGNORECASE))
        visitor.sign_in("admin", PASSWORD)
        visitor.heading("Tools")
        expect(visitor.page.get_by_label("Search tools")).to_have_value("date")


def test_a_reload_keeps_the_session_and_signing_out_ends_it(browser: Browser, server: ServerProcess) -> None:
    with visiting(browser, server.url) as visitor:
        visitor.page.goto("/login")
        visitor.sign_in("admin", PASSWORD)
        visitor.heading("Dashboard")
        visitor.page.reload()
        visitor.heading("Dashboard")
        visitor.page.get_by_role("button", name="Sign out").click()
        visitor.heading("Welcome back")
        visitor.page.goto("/plugins")
        visitor.heading("Welcome back")


def test_events_are_held_back_while_paused(browser: Browser, server: ServerProcess) -> None:
    with visiting(browser, server.url) as visitor, closing(server.client()) as client:
        visitor.page.goto("/login")
        visitor.sign_in("admin", PASSWORD)
        expect(visitor.page.get_by_text("Live", exact=True)).to_be_visible()
        visitor.page.get_by_role("button", name="Pause").click()
        client.post("/api/v1/bots", json={"name": "Quiet"}).raise_for_status()
        expect(visitor.page.get_by_text("1 new event held back")).to_be_visible()
        row = visitor.page.get_by_role("list", name="Live events").get_by_text("Bot Quiet was created")
        expect(row).to_have_count(0)
        visitor.page.get_by_role("button", name="Resume").click()
        expect(row).to_be_visible()


def test_a_tool_is_run_from_its_form(browser: Browser, server: ServerProcess) -> None:
    with visiting(browser, server.url) as visitor:
        visitor.page.goto("/plugins")
        visitor.sign_in("admin", PASSWORD)
        visitor.page.get_by_role("link", name="dice.roll").click()
        visitor.heading("dice.roll")
        visitor.page.reload()
        visitor.page.get_by_label("notation").fill("3d6")
        visitor.page.get_by_role("button", name="Run", exact=True).click()
        result = visitor.page.get_by_role("region", name="Result")
        expect(result.get_by_text("Succeeded")).to_be_visible()
        visitor.page.get_by_label("notation").fill("not dice")
        visitor.page.get_by_role("button", name="Run", exact=True).click()
        expect(result.get_by_text("Succeeded")).to_have_count(0)


def test_the_example_plan_runs_and_shows_its_steps(browser: Browser, server: ServerProcess) -> None:
    with visiting(browser, server.url) as visitor:
        visitor.page.goto("/plans")
        visitor.sign_in("admin", PASSWORD)
        visitor.page.get_by_role("button", name="Run Morning roll").click()
        visitor.heading("Run of Morning roll")
        expect(visitor.page.get_by_role("main").get_by_text("completed", exact=True).first).to_be_visible()


def test_the_chat_comes_back_when_the_server_does(browser: Browser, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with serving(data_dir) as first, visiting(browser, first.url) as visitor:
        visitor.page.goto("/chat")
        visitor.sign_in("admin", PASSWORD)
        say(visitor, "!echo before")
        lines = visitor.page.get_by_role("log").locator("[data-direction=out]")
        expect(lines).to_have_count(1)
        first.kill()
        expect(visitor.page.get_by_text("The connection is gone.")).to_be_visible()
        with serving(data_dir, {"VIVESPHERE_PORT": first.url.rpartition(":")[2]}):
            expect(visitor.page.get_by_text("The connection is gone.")).to_have_count(0)
            say(visitor, "!echo after")
            expect(lines).to_have_count(2)
            expect(lines.last).to_contain_text("after")


def test_what_was_typed_without_a_connection_is_sent_though_the_page_was_left(browser: Browser, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with serving(data_dir) as first, visiting(browser, first.url) as visitor:
        visitor.page.goto("/chat")
        visitor.sign_in("admin", PASSWORD)
        lines = visitor.page.get_by_role("log").locator("[data-direction=out]")
        say(visitor, "!echo before")
        expect(lines).to_have_count(1)
        first.kill()
        expect(visitor.page.get_by_text("The connection is gone.")).to_be_visible()
        say(visitor, "!echo typed without it")
        visitor.go("Plans")
        visitor.go("Chat")
        expect(visitor.page.get_by_text("waits for the connection…")).to_be_visible()
        visitor.go("Plans")
        with serving(data_dir, {"VIVESPHERE_PORT": first.url.rpartition(":")[2]}) as second, closing(second.client()) as client:
            heard = until(lambda: texts(client, "bots.message.received"), lambda said: "!echo typed without it" in said)
            assert heard.count("!echo typed without it") == 1
            visitor.go("Chat")
            expect(lines.last).to_contain_text("typed without it")
            expect(visitor.page.get_by_text("waits for the connection…")).to_have_count(0)


def test_a_list_of_many_pages_is_shown_to_its_end(browser: Browser, server: ServerProcess) -> None:
    with closing(server.client()) as client:
        for number in range(201):
            client.post("/api/v1/bots", json={"name": f"One of many {number}"}).raise_for_status()
    with visiting(browser, server.url) as visitor:
        visitor.page.goto("/")
        visitor.sign_in("admin", PASSWORD)
        more = visitor.page.get_by_role("button", name=re.compile(r"Show more \(\d+ left\)"))
        expect(more).to_be_visible()
        while more.is_visible():
            more.click()
        for number in (0, 200):
            expect(visitor.page.get_by_role("article", name=f"One of many {number}", exact=True)).to_be_visible()
