"""The build hook: what counts as a change, and what the wheel carries."""

from pathlib import Path

import hatch_build
import pytest


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A UI of two files, built by copying instead of by node; its folder."""
    ui = tmp_path / "ui"
    (ui / "src").mkdir(parents=True)
    (ui / "src" / "main.tsx").write_text("page")
    (ui / "package.json").write_text("{}")
    (ui / "package-lock.json").write_text("{}")
    (ui / "node_modules").mkdir()
    monkeypatch.setattr(hatch_build, "UI", ui)
    monkeypatch.setattr(hatch_build, "STATIC", tmp_path / "static")
    monkeypatch.setattr(hatch_build, "MODULES", ui / "node_modules")
    return ui


@pytest.fixture
def calls(sources: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked of node."""
    made: list[str] = []

    def node(*arguments: str, **environment: str) -> None:
        made.append(" ".join(arguments[:2]))
        if arguments[0] == "vite":
            out = Path(environment["VIVESPHERE_UI_OUT"])
            out.mkdir()
            (out / "index.html").write_text((sources / "src" / "main.tsx").read_text())

    monkeypatch.setattr(hatch_build, "node", node)
    return made


def test_the_ui_is_built_once_for_each_change(sources: Path, calls: list[str], tmp_path: Path) -> None:
    assert hatch_build.build_ui()
    assert not hatch_build.build_ui()
    (sources / "src" / "main.tsx").write_text("another page")
    assert hatch_build.build_ui()
    assert calls == ["npm ci", "vite build", "vite build"]
    assert (tmp_path / "static" / "index.html").read_text() == "another page"


def test_packages_are_installed_again_when_the_lock_changes(sources: Path, calls: list[str]) -> None:
    hatch_build.build_ui()
    (sources / "package-lock.json").write_text('{"lockfileVersion": 3}')
    hatch_build.build_ui()
    assert calls == ["npm ci", "vite build"] * 2


def test_a_renamed_file_is_a_change(sources: Path, calls: list[str]) -> None:
    hatch_build.build_ui()
    (sources / "src" / "main.tsx").rename(sources / "src" / "page.tsx")
    (sources / "src" / "main.tsx").write_text("page")
    assert hatch_build.build_ui()
    assert len(calls) == 3


def test_a_failed_build_keeps_the_page_there_was(
    sources: Path, calls: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hatch_build.build_ui()
    (sources / "src" / "main.tsx").write_text("broken")

    def fail(*_arguments: str, **_environment: str) -> None:
        raise SystemExit("no")

    monkeypatch.setattr(hatch_build, "node", fail)
    with pytest.raises(SystemExit):
        hatch_build.build_ui()
    assert (tmp_path / "static" / "index.html").read_text() == "page"
    assert len(calls) == 2


def test_the_wheel_carries_migrations_and_plugins_without_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("migrations/versions/0001_first.py", "plugins/dice/plugin.py", "plugins/dice/tests/test_dice.py"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    monkeypatch.setattr(hatch_build, "ROOT", tmp_path)
    assert sorted(hatch_build.carried_files().values()) == [
        "vivesphere/_migrations/versions/0001_first.py",
        "vivesphere/_plugins/dice/plugin.py",
    ]
