"""One's own account in a real browser: cookies that no script can read, sign-ins that end elsewhere, a new password."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.support.browser import DESKTOP, PHONE, Visitor, chromium_running, visiting
from tests.support.process import PASSWORD, ServerProcess, run_cli, serving

NEW = "a longer sentence than before"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium_running() as running:
        yield running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with serving(tmp_path / "data") as running:
        yield running


def signed_in(visitor: Visitor, path: str = "/account", heading: str = "Your account") -> Visitor:
    visitor.page.goto(path)
    visitor.sign_in("admin", PASSWORD)
    visitor.heading(heading)
    return visitor


def test_nothing_secret_is_where_a_script_can_read_it(browser: Browser, server: ServerProcess) -> None:
    with visiting(browser, server.url) as visitor:
        signed_in(visitor, "/", "Dashboard")
        expect(visitor.page.get_by_text("Live", exact=True)).to_be_visible()
        stored = visitor.page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])")
        readable = visitor.page.evaluate("document.cookie")
        cookies = {cookie["name"].rpartition("_")[0]: cookie for cookie in visitor.page.context.cookies()}
        assert set(cookies) == {"vivesphere_access", "vivesphere_refresh", "vivesphere_csrf"}
        for name in ("vivesphere_access", "vivesphere_refresh"):
            assert cookies[name]["httpOnly"]
            assert cookies[name]["value"] not in stored + readable
        assert {cookie["sameSite"] for cookie in cookies.values()} == {"Strict"}
        assert "vivesphere_csrf" in readable


def test_an_access_token_that_is_over_is_renewed_without_a_word(browser: Browser, server: ServerProcess) -> None:
    with visiting(browser, server.url) as visitor:
        signed_in(visitor)
        access = next(each for each in visitor.page.context.cookies() if each["name"].startswith("vivesphere_access"))
        visitor.page.context.clear_cookies(name=access["name"])
        visitor.go("Plugins")
        visitor.page.context.clear_cookies(name=access["name"])
        visitor.page.reload()
        visitor.heading("Plugins")


def test_a_second_tab_shares_the_sign_in_and_its_end(browser: Browser, server: ServerProcess) -> None:
    with visiting(browser, server.url) as visitor:
        signed_in(visitor)
        second = visitor.page.context.new_page()
        second.goto("/plugins")
        expect(second.get_by_role("heading", level=1, name="Plugins")).to_be_visible()
        visitor.page.get_by_role("button", name="Sign out", exact=True).click()
        visitor.heading("Welcome back")
        assert visitor.page.context.cookies() == []
        second.reload()
        expect(second.get_by_role("heading", level=1, name="Welcome back")).to_be_visible()


def test_a_sign_in_is_ended_from_another_browser(browser: Browser, server: ServerProcess) -> None:
    with visiting(browser, server.url) as here, visiting(browser, server.url) as there:
        signed_in(there)
        signed_in(here)
        rows = here.page.get_by_role("region", name="Where you are signed in").get_by_role("listitem")
        expect(rows).to_have_count(2)
        expect(rows.filter(has_text="this one")).to_have_count(1)
        here.page.get_by_role("button", name="Sign out Chrome on Linux from 127.0.0.1").click()
        expect(rows).to_have_count(1)
        there.page.reload()
        there.heading("Welcome back")
        with closing(server.client()) as program:
            here.page.reload()
            expect(rows.filter(has_text="by a program")).to_have_count(1)
            here.page.get_by_role("button", name="Sign out everywhere else").click()
            here.page.get_by_role("dialog").get_by_role("button", name="Sign out everywhere else").click()
            expect(rows).to_have_count(1)
            assert program.get("/api/v1/auth/validate").status_code == 401


def test_the_password_is_changed_and_the_others_are_out(browser: Browser, server: ServerProcess) -> None:
    with visiting(browser, server.url) as here, visiting(browser, server.url) as there:
        signed_in(there)
        signed_in(here)
        form = here.page.get_by_role("region", name="Password")

        def change(present: str, fresh: str, again: str) -> None:
            form.get_by_label("Present password").fill(present)
            form.get_by_label("New password").fill(fresh)
            form.get_by_label("Repeat the password").fill(again)
            form.get_by_role("button", name="Change the password").click()

        change(PASSWORD, NEW, "something else")
        expect(form.get_by_text("The two passwords are not the same.")).to_be_visible()
        change("not my password", NEW, NEW)
        expect(form.get_by_role("alert")).to_contain_text("not your present password")
        change(PASSWORD, "password123", "password123")
        expect(form.get_by_role("alert")).to_contain_text("tried first")
        change(PASSWORD, NEW, NEW)
        expect(here.page.get_by_text("The password is changed.")).to_be_visible()
        expect(form.get_by_label("Present password")).to_have_value("")
        there.page.reload()
        there.heading("Welcome back")
        there.sign_in("admin", NEW)
        there.heading("Your account")
        here.page.reload()
        here.heading("Your account")


def test_new_keys_disturb_nobody(browser: Browser, server: ServerProcess) -> None:
    with visiting(browser, server.url) as visitor, closing(server.client()) as program:
        signed_in(visitor)
        done = run_cli(server.data_dir, "auth", "rotate-keys")
        assert (done.returncode, done.stderr) == (0, "")
        assert len(program.get("/.well-known/jwks.json").json()["keys"]) == 2
        assert program.get("/api/v1/auth/validate").status_code == 200
        visitor.page.reload()
        visitor.heading("Your account")
        listed = run_cli(server.data_dir, "user", "sessions", "admin").stdout
        assert listed.count("127.0.0.1") == 2
        assert run_cli(server.data_dir, "user", "sign-out", "admin").stdout == "admin was signed out of 2 sessions.\n"
        assert run_cli(server.data_dir, "user", "sessions", "admin").stdout == "admin is not signed in anywhere.\n"
        visitor.page.reload()
        visitor.heading("Welcome back")


@pytest.mark.parametrize(("viewport", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop-light", "phone-dark"])
def test_the_page_is_accessible_and_fits(browser: Browser, server: ServerProcess, viewport: object, scheme: str) -> None:
    with visiting(browser, server.url, viewport=viewport, scheme=scheme) as visitor, closing(server.client()):
        signed_in(visitor)
        assert visitor.faults() == []
