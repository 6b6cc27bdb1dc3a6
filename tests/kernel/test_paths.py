"""Where things lie: in a checkout, and in a wheel."""

from pathlib import Path

import pytest

from vivesphere.kernel import paths


def test_in_a_checkout_they_lie_beside_the_sources() -> None:
    assert (paths.migrations() / "env.py").is_file()
    assert (paths.plugins() / "dice" / "plugin.toml").is_file()
    assert paths.static().parent.name == "admin"


def test_in_a_wheel_they_lie_inside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "PACKAGE", tmp_path)
    for name in ("_migrations", "_plugins"):
        (tmp_path / name).mkdir()
    assert paths.migrations() == tmp_path / "_migrations"
    assert paths.plugins() == tmp_path / "_plugins"
