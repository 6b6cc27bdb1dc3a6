"""A sentence of the README that no test runs is a sentence that will be wrong."""

import os
import re
import subprocess
from pathlib import Path

import msgspec
import pytest
from tests.docs.pages import ROOT, blocks, links, make_targets, tables

from vivesphere.kernel.settings import ServerSettings, Settings

README = ROOT / "README.md"
FIRST_SCREEN = 40


def test_the_first_screen_has_both_commands_and_the_picture() -> None:
    screen = "\n".join(README.read_text(encoding="utf-8").splitlines()[:FIRST_SCREEN])
    assert "```sh run" in screen
    assert "make run" in screen
    assert "```sh test\nmake test\n```" in screen
    assert "docs/images/chat.png" in screen
    assert "!roll 2d6" in screen


def test_the_picture_is_there() -> None:
    picture = ROOT / "docs/images/chat.png"
    assert picture.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_there_is_one_block_to_run_and_one_to_test() -> None:
    marks = [block.info for block in blocks(README)]
    assert marks.count("sh run") == 1
    assert marks.count("sh test") == 1


def test_ci_runs_what_the_readme_says(tmp_path: Path) -> None:
    """A copy of the script beside a README of its own: it runs that page's command, in that folder, and keeps the exit code."""
    (tmp_path / ".ci").mkdir()
    script = tmp_path / ".ci" / "run"
    script.write_bytes((ROOT / ".ci/run").read_bytes())
    script.chmod(0o755)
    (tmp_path / "README.md").write_text("# X\n\n```sh run\nfalse\n```\n\n```sh test\npwd\nexit 7\n```\n\n```sh\nfalse\n```\n")
    ended = subprocess.run([script], cwd="/", capture_output=True, text=True, check=False)  # noqa: S603 - our own script
    assert ended.returncode == 7
    assert str(tmp_path) in ended.stdout
    assert "+ pwd" in ended.stdout


def test_ci_says_so_when_the_readme_names_no_test_command(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    script = tmp_path / ".ci" / "run"
    script.write_bytes((ROOT / ".ci/run").read_bytes())
    script.chmod(0o755)
    (tmp_path / "README.md").write_text("# X\n")
    ended = subprocess.run([script], capture_output=True, text=True, check=False)  # noqa: S603 - our own script
    assert ended.returncode == 2
    assert "sh test" in ended.stderr


def test_the_test_command_is_a_target_of_make() -> None:
    command = next(block.text for block in blocks(README) if block.info == "sh test").split()
    assert command[0] == "make"
    assert set(command[1:]) <= make_targets()


def test_the_table_of_variables_is_what_the_server_reads() -> None:
    said = {row[0].strip("`"): row[1].strip("`") for row in tables(README) if row[0].startswith("`VIVESPHERE_")}
    read = {each.environment: each for each in Settings({}, {}, {}, Path("x.toml")).described() if each.group == "server"}
    assert len(read) == len(msgspec.structs.fields(ServerSettings))
    assert said == {name: "" if each.default is None else str(each.default) for name, each in read.items()}


@pytest.mark.parametrize("link", [each for each in links(README) if not re.match(r"https?:", each)])
def test_a_link_of_the_readme_leads_somewhere(link: str) -> None:
    assert (ROOT / link.partition("#")[0]).exists()


def test_the_architecture_stays_on_one_screen() -> None:
    text = README.read_text(encoding="utf-8").partition("## How it is built")[2].partition("\n## ")[0]
    assert len(text.splitlines()) <= 30


@pytest.mark.parametrize("script", sorted((ROOT / ".ci").iterdir()), ids=lambda path: path.name)
def test_a_script_can_be_run_and_is_strict(script: Path) -> None:
    assert os.access(script, os.X_OK)
    assert "set -euo pipefail" in script.read_text(encoding="utf-8")
    subprocess.run(["bash", "-n", script], check=True)  # noqa: S603, S607 - only checks the syntax of our own script
