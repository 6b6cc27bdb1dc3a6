"""The real server as a child process, as an operator would start it."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from tests.support import sabotage

START_DEADLINE = 60.0
STOP_DEADLINE = 30.0
PASSWORD = "correct horse battery"


class ServerProcess:
    """`vivesphere serve` on a free port of the loopback. `output` is everything it has printed."""

    def __init__(self, data_dir: Path, environ: Mapping[str, str] | None = None, command: list[str] | None = None) -> None:
        self.data_dir = data_dir
        self.lines: list[str] = []
        self.url = ""
        self._clients: list[httpx.Client] = []
        self._listening = threading.Event()
        self.process = subprocess.Popen(  # noqa: S603 - our own program, arguments of our own
            [*(command or _our_command()), "serve"],
            env=_environment(data_dir, environ or {}, from_sources=command is None),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=data_dir.parent,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def wait_until_listening(self) -> "ServerProcess":
        if not self._listening.wait(START_DEADLINE) or not self.url:
            self.kill()
            raise AssertionError(f"the server did not start:\n{self.output}")
        return self

    def set_up_link(self) -> str:
        """The one-time link that a new installation prints."""
        found = re.search(r"http://\S+/setup\?token=\S+", self.output)
        assert found, self.output
        return found.group()

    def client(self) -> httpx.Client:
        """A client that has signed in as `admin`, whose password the environment gave; closed when the server ends."""
        client = httpx.Client(base_url=self.url, timeout=30)
        self._clients.append(client)
        tokens = client.post("/api/v1/auth/login", json={"username": "admin", "password": PASSWORD}).raise_for_status().json()
        client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        return client

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self._ended(STOP_DEADLINE)

    def kill(self) -> None:
        """SIGKILL: no chance to tidy up."""
        self.process.kill()
        self._ended(STOP_DEADLINE)

    def _ended(self, deadline: float) -> int:
        try:
            code = self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"the server did not stop within {deadline:g} s:\n{self.output}") from None
        self._reader.join(deadline)
        while self._clients:
            self._clients.pop().close()
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.lines.append(line)
                if not self.url and (found := re.search(r"(http://127\.0\.0\.1:\d+)", line)):
                    self.url = found.group()
                    self._listening.set()
        self._listening.set()


@contextmanager
def serving(
    data_dir: Path, environ: Mapping[str, str] | None = None, command: list[str] | None = None
) -> Iterator[ServerProcess]:
    """A running server with the user `admin`; it is stopped at the end, whatever happened."""
    server = ServerProcess(data_dir, {"VIVESPHERE_ADMIN_PASSWORD": PASSWORD, **(environ or {})}, command)
    try:
        yield server.wait_until_listening()
    finally:
        if server.process.poll() is None:
            server.stop()


def run_cli(
    data_dir: Path, *arguments: str, stdin: str = "", environ: Mapping[str, str] | None = None, new_session: bool = False
) -> Any:
    """Run one command of the CLI to its end; gives the CompletedProcess with text output. A new session has no terminal."""
    return subprocess.run(  # noqa: S603 - our own program, arguments of our own
        [sys.executable, "-m", "vivesphere", *arguments],
        env=_environment(data_dir, environ or {}, from_sources=True),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=START_DEADLINE,
        check=False,
        start_new_session=new_session,
    )


def start_cli(data_dir: Path, *arguments: str) -> "subprocess.Popen[str]":
    """Start one command of the CLI that goes on until it is told to end."""
    return subprocess.Popen(  # noqa: S603 - our own program, arguments of our own
        [sys.executable, "-m", "vivesphere", *arguments],
        env=_environment(data_dir, {}, from_sources=True),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _our_command() -> list[str]:
    """The server from the sources; with a part of its kernel taken out, while `prove_kernel.py` asks for that."""
    return [sys.executable, "-m", "tests.support.sabotage" if os.environ.get(sabotage.VARIABLE) else "vivesphere"]


def _environment(data_dir: Path, extra: Mapping[str, str], *, from_sources: bool) -> dict[str, str]:
    """This process's environment without any setting of ours; with the sources on the path, unless a wheel is to be tried."""
    ours = ("VIVESPHERE_", "DATABASE_URL")
    inherited = {name: value for name, value in os.environ.items() if name == sabotage.VARIABLE or not name.startswith(ours)}
    sources = {"PYTHONPATH": os.pathsep.join(map(str, (Path("src").absolute(), Path.cwd())))} if from_sources else {}
    return {
        **inherited,
        **sources,
        "PYTHONUNBUFFERED": "1",
        "COLUMNS": "200",
        "VIVESPHERE_DATA_DIR": str(data_dir),
        "VIVESPHERE_PORT": "0",
        **extra,
    }
