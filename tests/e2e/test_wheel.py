"""The built wheel, alone: installed in an empty environment and started in an empty folder, its bot answers."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.support.process import serving
from websockets.sync.client import connect
from websockets.typing import Subprotocol

PATIENCE = 30.0


def run(*command: str | Path) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)  # noqa: S603  our own commands
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out)
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_carries_page_migrations_and_plugins_and_no_sources_of_theirs(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        r"vivesphere/admin/static/index\.html",
        r"vivesphere/admin/static/assets/.+\.js",
        r"vivesphere/_migrations/versions/.+\.py",
        r"vivesphere/_plugins/dice/plugin\.py",
        r"vivesphere/_plugins/echo/plugin\.toml",
    ):
        assert any(re.fullmatch(needed, name) for name in names), needed
    assert [name for name in names if re.search(r"node_modules|/admin/ui/|/tests/|__pycache__", name)] == []


def test_an_installed_wheel_starts_and_its_bot_answers(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    run(sys.executable, "-m", "venv", environment)
    pip = (environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*pip, "--require-hashes", "-r", "requirements/runtime.lock")
    run(*pip, "--no-deps", wheel)
    folder = tmp_path / "empty"
    folder.mkdir()
    with serving(folder / "data", command=[str(environment / "bin" / "vivesphere")]) as server:
        client = server.client()
        page = client.get("/").raise_for_status()
        assert '<div id="root">' in page.text
        bots = client.get("/api/v1/bots").raise_for_status().json()["items"]
        (vivi,) = [bot for bot in bots if bot["name"] == "Vivi"]
        assert answer_of(server.url, vivi["id"], client.headers["Authorization"].removeprefix("Bearer "))
        client.close()


def answer_of(url: str, bot_id: str, token: str) -> str:
    """What the bot says to `!roll 2d6` in the web chat."""
    address = f"{url.replace('http', 'ws', 1)}/api/v1/bots/{bot_id}/chat"
    protocols = [Subprotocol("vivesphere.v1"), Subprotocol(f"bearer.{token}")]
    with connect(address, subprotocols=protocols, proxy=None, open_timeout=PATIENCE) as chat:
        chat.send(json.dumps({"type": "message", "text": "!roll 2d6"}))
        while True:
            frame = json.loads(chat.recv(timeout=PATIENCE))
            assert frame["type"] == "message", frame
            if frame["direction"] == "out":
                return str(frame["text"])
