"""Every page: for everybody (axe), in both colour schemes, on a phone, and with the keyboard alone."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from tests.support.browser import DESKTOP, PHONE, Visitor, chromium_running, visiting
from tests.support.process import PASSWORD, ServerProcess, serving

PLACES = ("Dashboard", "Chat", "Tools", "Plugins", "Plans", "Triggers", "Events")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium_running() as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture(params=[(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop-light", "phone-dark"])
def visitor(request: pytest.FixtureRequest, browser: Browser, server: ServerProcess) -> Iterator[Visitor]:
    viewport, scheme = request.param
    with visiting(browser, server.url, viewport=viewport, scheme=scheme) as signed_in:
        signed_in.page.goto("/login")
        signed_in.sign_in("admin", PASSWORD)
        signed_in.heading("Dashboard")
        yield signed_in


def test_every_page_is_accessible_and_fits(visitor: Visitor) -> None:
    found = {}
    for place in PLACES:
        visitor.go(place)
        found[place] = visitor.faults()
    assert found == {place: [] for place in PLACES}


def test_what_opens_within_a_page_is_accessible_and_fits(visitor: Visitor) -> None:
    page = visitor.page
    visitor.go("Tools")
    page.get_by_role("link", name=re.compile("dice.roll")).click()
    visitor.heading("dice.roll")
    assert visitor.faults() == []
    visitor.go("Plans")
    page.get_by_role("link", name="Morning roll").click()
    visitor.heading("Morning roll")
    assert visitor.faults() == []
    visitor.go("Triggers")
    page.get_by_role("button", name="History").first.click()
    page.get_by_role("button", name="New trigger").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert visitor.faults() == []


def test_the_pages_before_the_door_are_accessible(browser: Browser, server: ServerProcess) -> None:
    with visiting(browser, server.url, scheme="dark") as stranger:
        for path, heading in (("/login", "Welcome back"), ("/setup?token=used", "Set up your server")):
            stranger.page.goto(path)
            stranger.heading(heading)
            assert stranger.faults() == []
        stranger.page.goto("/nowhere/at/all")
        stranger.heading("There is no such page")
        assert stranger.faults() == []


def test_on_a_phone_the_menu_opens_leads_on_and_closes(browser: Browser, server: ServerProcess) -> None:
    with visiting(browser, server.url, viewport=PHONE) as visitor:
        visitor.page.goto("/login")
        visitor.sign_in("admin", PASSWORD)
        visitor.page.get_by_role("button", name="Open the menu").click()
        menu = visitor.page.get_by_role("navigation", name="Main")
        assert visitor.faults() == []
        menu.get_by_role("link", name="Chat").click()
        visitor.heading("Chat")
        expect(menu).not_to_be_in_viewport()
        expect(visitor.page.get_by_role("textbox", name="Message", exact=True)).to_be_in_viewport()


def test_the_keyboard_reaches_the_content_first(browser: Browser, server: ServerProcess) -> None:
    with visiting(browser, server.url) as visitor:
        visitor.page.goto("/login")
        visitor.sign_in("admin", PASSWORD)
        visitor.heading("Dashboard")
        visitor.page.keyboard.press("Tab")
        skip = visitor.page.get_by_role("link", name="Skip to the content")
        expect(skip).to_be_focused()
        visitor.page.keyboard.press("Enter")
        expect(visitor.page.get_by_role("main")).to_be_focused()
        assert visitor.page.url.endswith("#content")


def test_the_colour_scheme_follows_the_system_until_one_is_chosen(browser: Browser, server: ServerProcess) -> None:
    with visiting(browser, server.url, scheme="dark") as visitor:
        visitor.page.goto("/login")
        root = visitor.page.locator("html")
        expect(root).to_have_attribute("data-mantine-color-scheme", "dark")
        visitor.sign_in("admin", PASSWORD)
        visitor.page.get_by_role("radiogroup", name="Colour scheme").get_by_title("Light").click()
        expect(root).to_have_attribute("data-mantine-color-scheme", "light")
        visitor.page.reload()
        expect(root).to_have_attribute("data-mantine-color-scheme", "light")
