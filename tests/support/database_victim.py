"""A command of the CLI that is killed by itself: `python -m tests.support.database_victim POINT FOLDER ARGUMENT…`.

Points are what the command does to files below FOLDER, and each step that it tells of. It gets SIGKILL at the point of that
number; at 0 it lives, and says in the end how many there were. `MIGRATIONS` names another folder of migrations.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vivesphere import cli_database
from vivesphere.cli import cli
from vivesphere.kernel import paths

FILE_EVENTS = {"open", "os.rename", "os.link", "os.remove", "os.mkdir", "sqlite3.connect", "shutil.copyfile"}


class Points:
    def __init__(self, fatal: int, folder: str) -> None:
        self.fatal = fatal
        self.folder = folder
        self.passed = 0

    def reach(self) -> None:
        self.passed += 1
        if self.passed == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An audit hook of the interpreter: called before the deed."""
        if event in FILE_EVENTS and any(self.folder in str(each) for each in arguments):
            self.reach()

    @contextmanager
    def bar(self) -> Iterator[Any]:
        """In the place of the bar that shows progress."""

        def tell(_what: str, _done: int, _whole: int, /) -> None:
            self.reach()

        yield tell


def main() -> None:
    fatal, folder, *arguments = sys.argv[1:]
    points = Points(int(fatal), folder)
    if known := os.environ.get("MIGRATIONS"):
        paths.migrations = lambda: Path(known)
    cli_database._bar = points.bar
    sys.addaudithook(points.hear)
    try:
        cli(arguments)
    finally:
        print(f"points: {points.passed}")  # noqa: T201 - the test reads it


if __name__ == "__main__":
    main()
