"""The source as the architecture rules see it: syntax trees, the imports in them, and the tracked files."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
HOUSE = SRC / "vivesphere"
MODULES = HOUSE / "modules"
PLUGINS = ROOT / "plugins"


class Import(NamedTuple):
    """One imported name, wherever in the file it stands: `module` is absolute."""

    module: str
    line: int


def python_files(*folders: Path) -> list[Path]:
    """Every Python file below the folders, the page's own packages left out."""
    found = (path for folder in folders for path in folder.rglob("*.py"))
    return sorted(path for path in found if "node_modules" not in path.parts and "__pycache__" not in path.parts)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def shown(path: Path) -> str:
    """The path as a person would name it."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


def dotted(path: Path) -> str:
    """`src/vivesphere/kernel/ids.py` is `vivesphere.kernel.ids`."""
    parts = list((path.relative_to(SRC) if path.is_relative_to(SRC) else path.relative_to(ROOT)).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(parsed: ast.AST, package: str = "") -> Iterator[Import]:
    """All imports, also those inside functions and under TYPE_CHECKING. `from x import y` gives `x` and `x.y`."""
    for node in ast.walk(parsed):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                origin = ".".join([*above, origin] if origin else above)
            yield Import(origin, node.lineno)
            yield from (Import(f"{origin}.{alias.name}", node.lineno) for alias in node.names)


def imports_of(path: Path) -> list[Import]:
    name = dotted(path)
    return list(imports(tree(path), name if path.name == "__init__.py" else name.rpartition(".")[0]))


def within(module: str, *packages: str) -> bool:
    """Whether the module is one of the packages or lies in one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


@cache
def tracked_files() -> tuple[Path, ...]:
    """What git keeps, and what it would keep if it were added now."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own words
    return tuple(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())
