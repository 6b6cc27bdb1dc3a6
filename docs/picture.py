"""Takes the README's picture: the chat page of a new server, after a few words with Vivi (`python -m docs.picture`)."""

import tempfile
from pathlib import Path

from playwright.sync_api import ViewportSize, expect
from tests.support.browser import Visitor, chromium_running
from tests.support.process import PASSWORD, serving

PICTURE = Path(__file__).parent / "images" / "chat.png"
WINDOW: ViewportSize = {"width": 1180, "height": 700}
WORDS = ("!help", "!rol 3d8", "!roll 2d6+1")


def take() -> None:
    """Write the picture over the old one."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "data") as server, chromium_running() as browser:
        visitor = Visitor(browser, server.url, viewport=WINDOW)
        visitor.page.goto("/chat")
        visitor.sign_in("admin", PASSWORD)
        visitor.heading("Chat")
        box = visitor.page.get_by_role("textbox", name="Message", exact=True)
        answers = visitor.page.get_by_role("log").locator("[data-direction=out]")
        for count, words in enumerate(WORDS, start=1):
            box.fill(words)
            box.press("Enter")
            expect(answers).to_have_count(count)
        visitor.settle()
        visitor.page.screenshot(path=PICTURE)
        visitor.close()


if __name__ == "__main__":
    take()
