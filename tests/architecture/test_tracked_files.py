"""What may stand in no tracked file: a machine's own paths, and where packages are downloaded from."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from tests.architecture.source import ROOT, shown, tracked_files

LOCKS = sorted((ROOT / "requirements").glob("*.lock"))

# In pieces, so that this file does not break its own rule.
REGISTRIES = (
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "registry.npmjs" + ".org",
    "registry.yarnpkg" + ".com",
    "npmmirror" + ".com",
)
MACHINE_PATH = re.compile(
    r"(?<![\w.$}*-])/(?:" + "|".join(("home", "root", "Users", "work", "opt/wheels", "opt/pypi")) + r")/[\w.-]+"
)

BINARY = {".png", ".ico", ".woff2", ".jpg", ".gz", ".whl", ".db", ".webp"}


def lines_with(pattern: re.Pattern[str], text: str) -> list[int]:
    return [number for number, line in enumerate(text.splitlines(), 1) if pattern.search(line)]


def _texts() -> dict[str, str]:
    return {
        shown(path): path.read_text(encoding="utf-8")
        for path in tracked_files()
        if path.suffix not in BINARY and path != Path(__file__).resolve()
    }


def test_no_tracked_file_names_a_path_of_one_machine() -> None:
    assert not [f"{name}:{line}" for name, text in _texts().items() for line in lines_with(MACHINE_PATH, text)]


def test_no_tracked_file_names_a_registry() -> None:
    """Packages come from wherever the machine's own configuration says: a mirror, a cache, or a folder of wheels."""
    registry = re.compile("|".join(re.escape(host) for host in REGISTRIES))
    assert not [f"{name}:{line}" for name, text in _texts().items() for line in lines_with(registry, text)]


@pytest.mark.parametrize("lock", LOCKS, ids=shown)
def test_a_python_lock_pins_every_package_by_hash_and_names_no_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    pinned = re.split(r"\n(?=[A-Za-z0-9])", text.strip())
    assert not [entry.split()[0] for entry in pinned if "==" not in entry or "--hash=sha256:" not in entry]
    assert "://" not in text
    assert not re.search(r"^--", text, re.MULTILINE)


def test_the_pages_lock_names_no_address() -> None:
    lock = json.loads((ROOT / "src/vivesphere/admin/ui/package-lock.json").read_text(encoding="utf-8"))
    assert not [name for name, package in lock["packages"].items() if "resolved" in package and not package.get("link")]
    assert not [
        name for name, package in lock["packages"].items() if name and not package.get("link") and "integrity" not in package
    ]


def test_every_runtime_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.split(r"[<>=;\[ ]", each)[0].lower().replace("_", "-") for each in project["dependencies"]}
    locked = set(
        re.findall(r"^([a-z0-9.-]+)==", (ROOT / "requirements/runtime.lock").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert wanted <= locked


@pytest.mark.parametrize("text", ["cd /home/" + "ann/vivesphere", 'path = "/wo' + 'rk/main"', "see /Us" + "ers/ann"])
def test_a_machine_path_is_seen(text: str) -> None:
    assert lines_with(MACHINE_PATH, text)


@pytest.mark.parametrize("text", ["docs/home/page", "https://example.org/home/page", "WORKDIR /app", "/var/lib/vivesphere"])
def test_an_ordinary_path_is_not_taken_for_one(text: str) -> None:
    assert not lines_with(MACHINE_PATH, text)
