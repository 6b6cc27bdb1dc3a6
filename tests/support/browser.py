"""Debian's Chromium, driven by Playwright, and what every look at a page watches for."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize, expect, sync_playwright

DESKTOP: ViewportSize = {"width": 1360, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 20_000
AXE = Path("src/vivesphere/admin/ui/node_modules/axe-core/axe.min.js")


def chromium() -> str:
    """Where Chromium is: VIVESPHERE_CHROMIUM, or `chromium` on the PATH; skips the test without one."""
    found = os.environ.get("VIVESPHERE_CHROMIUM") or shutil.which("chromium")
    if not found:
        pytest.skip("Chromium is missing: `make chromium` installs it, or name one in VIVESPHERE_CHROMIUM")
    return found


@contextmanager
def chromium_running() -> Iterator[Browser]:
    """A headless Chromium with a profile of its own. No async test may run meanwhile: Playwright holds the thread's loop."""
    program = chromium()
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


class Visitor:
    """One person at the page in a window of their own; `complaints` is what the browser's console said against the page."""

    def __init__(self, browser: Browser, url: str, *, viewport: ViewportSize | None = None, scheme: Any = "light") -> None:
        self.url = url
        self.complaints: list[str] = []
        self._context = browser.new_context(
            base_url=url, viewport=viewport or DESKTOP, color_scheme=scheme, reduced_motion="reduce", locale="en-GB"
        )
        self._context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self._context.new_page()
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def close(self) -> None:
        self._context.close()

    def heading(self, text: str) -> None:
        """Wait until the page with this heading is shown."""
        expect(self.page.get_by_role("heading", level=1, name=text, exact=True)).to_be_visible()

    def sign_in(self, username: str, password: str) -> None:
        """From the login page to wherever it leads."""
        self.page.get_by_label("User name").fill(username)
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.keyboard.press("Enter")

    def go(self, place: str) -> None:
        """Follow a link of the main navigation, whose word is also the heading of the page it leads to."""
        burger = self.page.get_by_role("button", name="Open the menu")
        if burger.is_visible():
            burger.click()
        self.page.get_by_role("navigation", name="Main").get_by_role("link", name=place).click()
        self.heading(place)

    def settle(self) -> None:
        """Wait until nothing on the page is loading."""
        expect(self.page.locator("[aria-busy=true]")).to_have_count(0)

    def violations(self) -> list[str]:
        """What axe finds wrong with the page as it stands, one line for each element."""
        self.settle()
        # Evaluated through the debugger: the page's content security policy would refuse it as a script of the page.
        self.page.evaluate(AXE.read_text())
        found = self.page.evaluate("async () => (await axe.run(document, {resultTypes: ['violations']})).violations")
        return [f"{rule['id']}: {node['html']}: {json.dumps(node['any'])[:300]}" for rule in found for node in rule["nodes"]]

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        wider: int = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return wider

    def faults(self) -> list[str]:
        """What is wrong with the page as it stands: axe's findings, and a width that needs scrolling sideways."""
        overflow = self.overflow()
        return [*self.violations(), *([f"{overflow} px too wide"] if overflow > 0 else [])]

    def _listen(self, message: ConsoleMessage) -> None:
        # Chromium reports every answer that is no success; those that a test provokes are the page's business, not a fault.
        if message.type in ("error", "warning") and not re.match(
            r"Failed to load resource|WebSocket connection to", message.text
        ):
            self.complaints.append(message.text)


@contextmanager
def visiting(browser: Browser, url: str, **how: Any) -> Iterator[Visitor]:
    """A visitor; afterwards the browser must have had nothing to complain of."""
    visitor = Visitor(browser, url, **how)
    try:
        yield visitor
        assert visitor.complaints == []
    finally:
        visitor.close()
