"""What `make` says when a machine lacks something: one clear sentence and an exit code, never a traceback."""

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.docs.pages import ROOT


def tools(folder: Path, *names: str) -> Path:
    """A folder to be the whole PATH: links to the named tools of this machine, and nothing else."""
    folder.mkdir()
    for name in names:
        found = shutil.which(name)
        assert found, name
        (folder / name).symlink_to(found)
    return folder


def script(path: Path, text: str) -> None:
    path.write_text(f"#!{shutil.which('bash')}\n{text}\n")
    path.chmod(0o755)


def run(command: list[str], cwd: Path, path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own Makefile and scripts
        command, cwd=cwd, env={"PATH": str(path), "HOME": str(cwd)}, capture_output=True, text=True, check=False
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    (folder / "src/vivesphere/admin/ui").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copytree(ROOT / ".ci", folder / ".ci")
    return folder


BASICS = ("bash", "make", "find", "nproc", "mkdir", "touch", "grep", "sed", "expand", "id")


def test_a_python_that_is_too_old_is_refused(checkout: Path, tmp_path: Path) -> None:
    path = tools(tmp_path / "bin", *BASICS)
    script(path / "python3", "exit 1")
    ended = run(["make", ".venv/pyvenv.cfg"], checkout, path)
    assert ended.returncode == 2
    assert "needs Python 3.11 or newer" in ended.stderr
    assert not (checkout / ".venv").exists()


def test_the_first_python_that_will_do_is_taken(checkout: Path, tmp_path: Path) -> None:
    path = tools(tmp_path / "bin", *BASICS)
    script(path / "python3.11", "exit 1")
    script(path / "python3", 'case "$*" in -m*) mkdir .venv && touch .venv/pyvenv.cfg ;; --version) echo Python 3.12 ;; esac')
    ended = run(["make", ".venv/pyvenv.cfg"], checkout, path)
    assert ended.returncode == 0, ended.stderr
    assert (checkout / ".venv/pyvenv.cfg").exists()


def test_help_is_what_make_does_without_a_goal(checkout: Path, tmp_path: Path) -> None:
    ended = run(["make"], checkout, tools(tmp_path / "bin", *BASICS))
    assert ended.returncode == 0, ended.stderr
    assert "make run" in ended.stdout
    assert "make test" in ended.stdout


def test_chromium_that_is_there_is_left_alone(checkout: Path, tmp_path: Path) -> None:
    path = tools(tmp_path / "bin", "bash", "id")
    script(path / "chromium", "exit 0")
    assert run([".ci/install-chromium"], checkout, path).returncode == 0


def test_who_may_not_install_chromium_is_told_what_to_run(checkout: Path, tmp_path: Path) -> None:
    path = tools(tmp_path / "bin", "bash")
    script(path / "id", "echo 1000")
    script(path / "sudo", "exit 1")
    ended = run([str(shutil.which("bash")), ".ci/install-chromium"], checkout, path)
    assert ended.returncode == 2
    assert "sudo apt-get install chromium" in ended.stderr


def test_chromium_is_installed_by_who_may(checkout: Path, tmp_path: Path) -> None:
    path = tools(tmp_path / "bin", "bash")
    script(path / "id", "echo 0")
    script(path / "apt-get", 'echo "$@" >>asked')
    ended = run([str(shutil.which("bash")), ".ci/install-chromium"], checkout, path)
    assert ended.returncode == 0, ended.stderr
    assert "install" in (checkout / "asked").read_text()
