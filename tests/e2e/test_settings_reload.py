"""A running server takes what its settings file says anew: asked by the CLI, by a signal, or over HTTP."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.process import ServerProcess, run_cli, serving
from tests.support.waiting import until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    data = tmp_path_factory.mktemp("reload") / "data"
    data.mkdir()
    (data / "vivesphere.toml").write_text('[log]\nlevel = "warning"\n')
    with serving(data, {"VIVESPHERE_LOG_FORMAT": "json"}) as running:
        yield running


def write(server: ServerProcess, text: str) -> None:
    (server.data_dir / "vivesphere.toml").write_text(text)


def audited(client: httpx.Client) -> list[dict[str, Any]]:
    """What the security log has kept, newest first."""
    items: list[dict[str, Any]] = client.get("/api/v1/audit/entries").raise_for_status().json()["items"]
    return items


def test_the_cli_reloads_and_shows_and_the_event_is_in_the_log(server: ServerProcess) -> None:
    write(server, '[log]\nlevel = "info"\n[http]\nanonymous_per_minute = 99\n')
    answer = run_cli(server.data_dir, "settings", "reload")
    assert (answer.returncode, answer.stdout.splitlines()) == (
        0,
        ["log.level has changed.", "http.anonymous_per_minute will change at the next start."],
    ), answer.stderr
    assert run_cli(server.data_dir, "settings", "reload").stdout.count("http.anonymous_per_minute") == 1
    shown = run_cli(server.data_dir, "settings", "show").stdout.splitlines()
    assert 'VIVESPHERE_LOG_LEVEL = "info"  (file, live)' in shown
    assert 'VIVESPHERE_LOG_FORMAT = "json"  (environment, live)' in shown
    listed = json.loads(run_cli(server.data_dir, "settings", "show", "--json").stdout)
    assert next(each for each in listed if each["key"] == "level")["default"] == "info"
    client = server.client()
    recorded = client.get("/api/v1/events", params={"topic": "settings.changed"}).raise_for_status().json()["items"]
    assert recorded[-1]["data"] == {"keys": ["log.level"], "restart_needed": ["http.anonymous_per_minute"]}
    kept = until(lambda: [each for each in audited(client) if each["action"] == "settings.changed"])
    assert kept[-1]["actor"] == "system"


def test_a_signal_reloads_and_a_file_with_a_mistake_is_one_sentence_in_the_log(server: ServerProcess) -> None:
    write(server, '[log]\nlevel = "loud"\n')
    server.process.send_signal(signal.SIGHUP)
    until(lambda: "settings_not_reloaded" in server.output)
    (line,) = [json.loads(line) for line in server.lines if "settings_not_reloaded" in line]
    assert "log.level in" in line["reason"]
    assert "Nothing has changed; mend it and reload again." in line["reason"]
    assert "exception" not in line
    answer = run_cli(server.data_dir, "settings", "reload")
    assert (answer.returncode, answer.stderr.startswith("log.level in")) == (2, True)
    write(server, '[log]\nlevel = "debug"\n')
    server.process.send_signal(signal.SIGHUP)
    until(lambda: any("settings_reloaded" in line and "log.level" in line for line in server.lines))


def test_nothing_is_made_by_looking_where_no_server_was(tmp_path: Path) -> None:
    for verb in ("show", "reload"):
        answer = run_cli(tmp_path / "none", "settings", verb)
        assert answer.returncode == 2
        assert str(tmp_path / "none") in answer.stderr
    assert not (tmp_path / "none").exists()


def test_offline_commands_understand_a_file_that_sets_the_log(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "vivesphere.toml").write_text('[log]\nlevel = "debug"\n')
    answer = run_cli(tmp_path / "data", "settings", "show")
    assert answer.returncode == 0, answer.stderr
    assert 'VIVESPHERE_LOG_LEVEL = "debug"  (file)' in answer.stdout
