"""SIGKILL right after an acknowledgement: what anybody was told is in the file, whole, with its event.

The kernel keeps what a killed process has written, so that this proves the order (first the commit, then the word) and the
wholeness of a group; that a commit waits for the disk itself is `test_every_connection_that_writes_waits_for_the_disk`.

Three rounds in the suite; `make soak` does a hundred (VIVESPHERE_TEST_KILLS), from a seed of its own (VIVESPHERE_TEST_SEED).
"""

import os
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

ROUNDS = int(os.environ.get("VIVESPHERE_TEST_KILLS", "3"))
SEED = os.environ.get("VIVESPHERE_TEST_SEED", "1")


@pytest.mark.parametrize("number", range(ROUNDS))
def test_what_was_acknowledged_before_a_kill_is_in_the_file(number: int, tmp_path: Path) -> None:
    told = acknowledged(tmp_path, random.Random(f"{SEED} {number}").randrange(1, 3000))  # noqa: S311 - where to kill is no secret
    with closing(sqlite3.connect(tmp_path / "vivesphere.db")) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        kept = {int(body) for (body,) in raw.execute("SELECT body FROM notes")}
        recorded = {int(body) for (body,) in raw.execute("SELECT json_extract(payload, '$.body') FROM event_log")}
    assert told <= kept, "somebody was told of a unit that is not in the file"
    assert recorded == kept, "a unit is in the file without its event, or an event without its unit"


def acknowledged(folder: Path, enough: int) -> set[int]:
    """What the child has said, killed the moment it had said so much; a last line that the kill cut off was not said."""
    child = subprocess.Popen(  # noqa: S603 - our own program, arguments of our own
        [sys.executable, "-m", "tests.support.writer_child", str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (Path("src").absolute(), Path.cwd())))},
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    with child, child.stdout as said:
        lines = [line for line, _ in zip(said, range(enough), strict=False)]
        child.kill()
        lines += said.readlines()
    return {int(line) for line in lines if line.endswith(b"\n")}
