"""SIGKILL strikes `vivesphere db` at its every step: what is left opens, and is as before or as after, never between."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.kernel.db.test_revising import newer
from tests.support.postgres import core, new_database
from tests.support.used_database import add_events, contents, used_database

from vivesphere.kernel import paths
from vivesphere.kernel.db import migrate
from vivesphere.kernel.db.backup.durable import discard_all
from vivesphere.kernel.db.backup.verifying import verify

KNOWN = migrate.revisions(paths.migrations())
KILLS = int(os.environ.get("VIVESPHERE_TEST_KILLS", "3"))
SEED = int(os.environ.get("VIVESPHERE_TEST_SEED", "1"))
PATIENCE = 120.0


class Installation:
    """A data directory with a database, and the commands that are killed over it."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.data.mkdir(mode=0o700)
        self.file = used_database(self.data / "vivesphere.db", events=2000)
        self.environ = environ

    def run(self, fatal: int, *arguments: str, seconds: float = 0) -> "subprocess.CompletedProcess[str]":
        """Kill the command at a point; at 0 let it live, or end it after so many seconds."""
        command = [sys.executable, "-m", "tests.support.database_victim", str(fatal), str(self.folder), "db", *arguments]
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("VIVESPHERE_", "DATABASE_URL"))}
        environ |= {"VIVESPHERE_DATA_DIR": str(self.data), "PYTHONPATH": os.pathsep.join(("src", "."))}

        def die_later() -> None:
            signal.setitimer(signal.ITIMER_REAL, seconds)

        return subprocess.run(  # noqa: S603 - our own interpreter and program
            command,
            env={**environ, **self.environ},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            # The alarm outlives exec and nobody listens for it: it ends the process wherever it is, also inside of SQLite.
            preexec_fn=die_later if seconds else None,
        )

    def points(self, *arguments: str) -> int:
        lived = self.run(0, *arguments)
        assert lived.returncode == 0, lived.stdout + lived.stderr
        return int(lived.stdout.rpartition("points: ")[2])

    def check_whole(self, file: Path) -> None:
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path, {})


def struck(points: int) -> Iterator[int]:
    """The last ones, where files change places, and others at random."""
    chance = random.Random(SEED)  # noqa: S311 - which points are tried is no secret
    late = list(range(max(points - KILLS // 2 + 1, 1), points + 1))
    yield from late
    yield from sorted(chance.sample(range(1, points + 1), min(KILLS - len(late), points)))


def strike(installation: Installation, arguments: tuple[str, ...], check: Callable[[int], None]) -> None:
    """Kill the command at one point after the other, and look each time."""
    for point in struck(installation.points(*arguments)):
        ended = installation.run(point, *arguments)
        assert ended.returncode == -signal.SIGKILL, (point, ended.stdout, ended.stderr)
        check(point)


def test_a_killed_backup_leaves_no_file_with_its_name(installation: Installation, tmp_path: Path) -> None:
    before = contents(installation.file)
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("correct horse battery staple")
    folder = installation.data / "backups"

    def check(_point: int) -> None:
        assert contents(installation.file) == before
        discard_all(folder)
        assert not [each for each in folder.iterdir() if each.suffix not in {".db", ".sealed"}]
        for made in folder.glob("*.db"):
            assert verify(made, KNOWN).rows["event_log"] == 1999

    strike(installation, ("backup",), check)
    strike(installation, ("backup", "--passphrase-file", str(passphrase)), check)


def test_a_killed_restore_leaves_the_old_database_or_the_new_one(installation: Installation) -> None:
    installation.run(0, "backup")
    (backup,) = (installation.data / "backups").iterdir()
    after = contents(backup)
    with closing(sqlite3.connect(installation.file)) as connection, connection:
        add_events(connection, range(5000, 5100))
    before = contents(installation.file)
    saved = installation.file.read_bytes()

    def check(_point: int) -> None:
        discard_all(installation.data)
        installation.check_whole(installation.file)
        assert contents(installation.file) in (before, after)
        installation.file.write_bytes(saved)

    strike(installation, ("restore", backup.name, "--force"), check)


@pytest.mark.parametrize("there", [False, True], ids=["to a new file", "to a used file"])
def test_a_killed_move_leaves_a_whole_target_or_what_was_there(installation: Installation, tmp_path: Path, there: bool) -> None:
    before = contents(installation.file)
    target = tmp_path / "target.db"
    old = contents(used_database(target, events=5)) if there else None
    saved = target.read_bytes() if there else b""
    arguments = ("move", str(target), "--force")

    def renew() -> None:
        discard_all(tmp_path)
        target.unlink(missing_ok=True)
        if saved:
            target.write_bytes(saved)

    points = installation.points(*arguments)
    for point in struck(points):
        renew()
        assert installation.run(point, *arguments).returncode == -signal.SIGKILL
        assert contents(installation.file) == before
        if target.exists():
            installation.check_whole(target)
            assert contents(target) in (before, old)
        else:
            assert old is None


def test_a_killed_migration_leaves_the_old_schema_or_the_new_one(tmp_path: Path) -> None:
    installation = Installation(tmp_path, {"MIGRATIONS": str(newer(tmp_path, "9000", "9001"))})
    before = contents(installation.file)
    saved = installation.file.read_bytes()
    installation.run(0, "upgrade")
    after = contents(installation.file)
    assert after.keys() - before.keys() == {"shoes"}
    upgraded = installation.file.read_bytes()
    for arguments, begun in ((("upgrade",), saved), (("downgrade", KNOWN[-1]), upgraded)):
        installation.file.write_bytes(begun)
        points = installation.points(*arguments)
        for point in struck(points):
            installation.file.write_bytes(begun)
            assert installation.run(point, *arguments).returncode == -signal.SIGKILL
            installation.check_whole(installation.file)
            assert contents(installation.file) in (before, after)


@pytest.mark.parametrize("arguments", [("vacuum",), ("vacuum", "--full")], ids=["in steps", "full"])
def test_a_killed_vacuum_loses_nothing(installation: Installation, arguments: tuple[str, ...]) -> None:
    """SQLite does it out of our sight, so the moment is left to chance."""
    chance = random.Random(SEED)  # noqa: S311 - as above
    with closing(sqlite3.connect(installation.file)) as connection:
        add_events(connection, range(5000, 15_000))
        connection.execute("DELETE FROM event_log WHERE seq % 3 = 0")
        connection.commit()
    before = contents(installation.file)
    saved = installation.file.read_bytes()
    for _ in range(KILLS):
        installation.file.write_bytes(saved)
        installation.run(0, *arguments, seconds=0.3 + chance.random())
        installation.check_whole(installation.file)
        assert contents(installation.file) == before


def test_a_killed_move_to_a_server_leaves_all_or_nothing(installation: Installation) -> None:
    before = contents(installation.file)
    with new_database() as place:
        url = place.url.render_as_string(hide_password=False)

        def events() -> Any:
            with core(place) as connection:
                return connection.exec_driver_sql("SELECT count(*) FROM event_log").scalar_one()

        points = installation.points("move", url)
        assert events() == 1999
        for point in struck(points):
            ended = installation.run(point, "move", url, "--force")
            assert ended.returncode == -signal.SIGKILL
            assert contents(installation.file) == before
            assert events() in (0, 1999)
