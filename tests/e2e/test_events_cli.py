"""`vivesphere events`, against a running server and without one."""

import json
import queue
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.process import ServerProcess, run_cli, serving, start_cli

SECURITY = "module:audit/security"
PATIENCE = 30.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("events") / "data") as running:
        yield running


class Tail:
    """A tail that runs; `line` waits for its next line."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def line(self) -> str:
        return self._lines.get(timeout=PATIENCE)

    def ended(self) -> tuple[int, str]:
        """Its exit code, and what it said of it."""
        code = self.process.wait(PATIENCE)
        assert self.process.stderr is not None
        return code, self.process.stderr.read()

    def end(self) -> None:
        self.process.kill()
        self._reader.join(PATIENCE)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))


@contextmanager
def tailing(server: ServerProcess, *arguments: str) -> Iterator[Tail]:
    with start_cli(server.data_dir, "events", "tail", *arguments) as process:
        tail = Tail(process)
        try:
            yield tail
        finally:
            tail.end()


def fail_to_sign_in(server: ServerProcess, name: str) -> None:
    client = server.client()
    assert client.post("/api/v1/auth/login", json={"username": name, "password": "wrong"}).status_code == 401


def said(answer: Any) -> list[dict[str, Any]]:
    assert answer.returncode == 0, answer.stderr
    return [json.loads(line) for line in answer.stdout.splitlines()]


def test_a_tail_shows_what_was_and_what_comes_until_ctrl_c(server: ServerProcess) -> None:
    fail_to_sign_in(server, "eve")
    with tailing(server, "auth.login.failed", "--after", "0", "--json") as tail:
        first = json.loads(tail.line())
        assert (first["type"], first["data"]["username"]) == ("auth.login.failed", "eve")
        fail_to_sign_in(server, "adam")
        second = json.loads(tail.line())
        assert (second["data"]["username"], second["seq"] > first["seq"]) == ("adam", True)
        tail.process.send_signal(signal.SIGINT)
        code, errors = tail.ended()
        assert (code, errors.strip()) == (0, "")


def test_a_tail_is_readable(server: ServerProcess) -> None:
    with tailing(server, "auth.login.*", "--after", "0") as tail:
        words = tail.line().split()
        assert words[3] in {"auth.login.failed", "auth.login.succeeded"}
        assert words[4].startswith("{")


@pytest.mark.parametrize(
    ("arguments", "sentence"), [(("A.b",), "topic: pattern"), ((">", "--after", "999999"), "This log ends at")]
)
def test_a_tail_that_cannot_be_is_one_sentence(server: ServerProcess, arguments: tuple[str, ...], sentence: str) -> None:
    answer = run_cli(server.data_dir, "events", "tail", *arguments)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith(sentence)
    assert answer.stderr.count("\n") == 1


def test_history_and_chain_and_replay(server: ServerProcess) -> None:
    fail_to_sign_in(server, "mallory")
    newest = said(run_cli(server.data_dir, "events", "history", "--topic", "auth.login.failed", "--json"))[-1]
    assert newest["data"]["username"] == "mallory"
    lines = run_cli(server.data_dir, "events", "history", "--category", "auth", "--limit", "2").stdout.splitlines()
    assert len(lines) == 2
    assert newest["id"] in lines[-1]
    tree = run_cli(server.data_dir, "events", "chain", newest["id"]).stdout.splitlines()
    assert tree[0] == f"chain {newest['correlation_id']}"
    assert any(newest["id"] in line and line.endswith("←") for line in tree)
    (whole,) = said(run_cli(server.data_dir, "events", "chain", newest["id"], "--json"))
    assert newest["id"] in {event["id"] for event in whole["events"]}
    asked = ("events", "replay", "--listener", SECURITY, "--topic", "auth.login.failed")
    (dry,) = said(run_cli(server.data_dir, *asked, "--dry-run", "--json"))
    assert dry["queued"] == dry["matched"] > 0
    assert f"are heard again by {SECURITY}" in run_cli(server.data_dir, *asked).stdout
    unknown = run_cli(server.data_dir, "events", "replay", "--listener", "module:gone/away")
    assert (unknown.returncode, SECURITY in unknown.stderr) == (2, True)
    nowhere = run_cli(server.data_dir, "events", "history", "--since", "yesterday")
    assert (nowhere.returncode, "--since" in nowhere.stderr) == (2, True)


def test_a_stop_of_the_server_ends_the_tail_with_a_sentence(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server, tailing(server, "auth.login.failed", "--after", "0") as tail:
        fail_to_sign_in(server, "eve")
        assert "eve" in tail.line()
        assert server.stop() == 0
        assert tail.ended() == (2, "The server has stopped.\n")
    gone = run_cli(tmp_path / "data", "events", "tail")
    assert (gone.returncode, gone.stdout) == (2, "")
    assert gone.stderr.startswith("No server runs on")
    (event,) = said(run_cli(tmp_path / "data", "events", "history", "--topic", "auth.login.failed", "--json"))
    assert event["id"] in run_cli(tmp_path / "data", "events", "chain", event["id"]).stdout
    check_dead_letters(tmp_path / "data", event)


def check_dead_letters(data: Path, event: dict[str, Any]) -> None:
    """While no server runs they are listed, shown, retried and dropped all the same."""
    assert run_cli(data, "events", "dead-letters").stdout == ""
    ids = [f"0199c1f0-0000-7000-8000-00000000000{number}" for number in (1, 2)]
    give_up(data, event["seq"], ids[0])
    assert ids[0] in run_cli(data, "events", "dead-letters").stdout
    (letter,) = said(run_cli(data, "events", "dead-letters", "list", "--listener", SECURITY, "--json"))
    assert (letter["id"], letter["error"], letter["event"]["id"]) == (ids[0], "RuntimeError: no", event["id"])
    assert json.loads(run_cli(data, "events", "dead-letters", "show", ids[0]).stdout) == letter
    assert run_cli(data, "events", "dead-letters", "retry").returncode == 2
    assert run_cli(data, "events", "dead-letters", "retry", ids[0]).stdout == "It waits for its listener again.\n"
    give_up(data, event["seq"], ids[1])
    assert run_cli(data, "events", "dead-letters", "drop", "--all").stdout == "It is dropped.\n"
    assert run_cli(data, "events", "dead-letters").stdout == ""


def give_up(data: Path, seq: int, letter_id: str) -> None:
    """What a listener leaves that has given an event up."""
    with sqlite3.connect(data / "vivesphere.db") as connection:
        connection.execute(
            "INSERT OR REPLACE INTO deliveries (listener, seq, id, status, attempts, failed_at, error, replay)"
            " VALUES (?, ?, ?, 'dead', 10, ?, 'RuntimeError: no', 0)",
            (SECURITY, seq, letter_id, int(time.time() * 1_000_000)),
        )
    connection.close()


@pytest.mark.parametrize(
    "arguments", [("history",), ("replay", "--listener", SECURITY), ("dead-letters", "drop", "--all")], ids=lambda each: each[0]
)
def test_where_no_server_has_been_no_data_directory_is_made(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    answer = run_cli(tmp_path / "nowhere", "events", *arguments)
    assert (answer.returncode, (tmp_path / "nowhere").exists()) == (2, False)
    assert "There is no data directory" in answer.stderr


def test_nothing_that_a_stranger_says_reaches_the_terminal_as_a_command(server: ServerProcess) -> None:
    fail_to_sign_in(server, "eve\x9b2J\u202e ännä")
    plain = run_cli(server.data_dir, "events", "history", "--topic", "auth.login.failed", "--limit", "1").stdout
    as_json = run_cli(server.data_dir, "events", "history", "--topic", "auth.login.failed", "--limit", "1", "--json")
    for shown in (plain, as_json.stdout):
        assert shown.removesuffix("\n").isprintable()
        assert r"eve\u009b2J\u202e ännä" in shown
    assert said(as_json)[0]["data"]["username"] == "eve\x9b2J\u202e ännä"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("history", "--since", "yesterday"), "'yesterday' is no time"),
        (("history", "--until", "2026-01-01T00:00:00"), "is no time with its time zone"),
        (("chain", "\udcff"), r"'\udcff' is not UTF-8"),
        (("tail", "\udcff"), r"'\udcff' is not UTF-8"),
    ],
)
def test_what_is_mistyped_is_named(tmp_path: Path, arguments: tuple[str, ...], named: str) -> None:
    refused = run_cli(tmp_path / "data", "events", *arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert named in refused.stderr
    assert "Traceback" not in refused.stderr
