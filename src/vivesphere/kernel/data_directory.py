"""The data directory: everything the server keeps, held by one process at a time (flock)."""

import fcntl
import os
from pathlib import Path

from vivesphere.kernel.errors import StartError

LOCK_NAME = "vivesphere.lock"
SOCKET_NAME = "operator.sock"
DATABASE_NAME = "vivesphere.db"


class DataDirectory:
    """The folder and its lock. `hold` it for as long as the process uses it."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._lock: int | None = None

    @property
    def database(self) -> Path:
        return self.path / DATABASE_NAME

    @property
    def backups(self) -> Path:
        """The folder of backups; the first one makes it."""
        return self.path / "backups"

    @property
    def operator_socket(self) -> Path:
        return self.path / SOCKET_NAME

    def hold(self) -> None:
        """Make the directory if need be and lock it. Raises StartError if it cannot be written or another process holds it."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self.path / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartError(
                f"The data directory {self.path} cannot be written ({error.strerror}); "
                "give it to this user or name another one in VIVESPHERE_DATA_DIR."
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = _named_in(lock)
            os.close(lock)
            raise StartError(
                f"The data directory {self.path} is in use by process {holder}; "
                "stop that one, or name another directory in VIVESPHERE_DATA_DIR."
            ) from error
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        self._lock = lock

    def holder(self) -> str | None:
        """The process id of who holds it, if somebody does. Looks, and makes nothing."""
        try:
            lock = os.open(self.path / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return _named_in(lock)
        else:
            return None
        finally:
            os.close(lock)

    def release(self) -> None:
        """Give the lock back; the file stays, as removing it would let two processes lock two files."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _named_in(lock: int) -> str:
    return os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
