"""A server that cannot start says why in one sentence and exits with 2; nothing is half-written."""

import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.process import PASSWORD, run_cli, serving


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run_cli(tmp_path / "data", "serve", environ={"VIVESPHERE_PORT": str(port)})
    assert ended.returncode == 2
    assert f"Cannot listen on 127.0.0.1:{port}: it is in use." in ended.stderr
    assert "VIVESPHERE_PORT" in ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout


def test_a_data_directory_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = run_cli(tmp_path / "file" / "data", "serve")
    assert ended.returncode == 2
    assert "cannot be written" in ended.stderr
    assert "VIVESPHERE_DATA_DIR" in ended.stderr


def test_a_data_directory_in_use(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        ended = run_cli(tmp_path / "data", "serve")
        assert ended.returncode == 2
        assert f"in use by process {server.process.pid}" in ended.stderr


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that a server has used and left."""
    data = tmp_path_factory.mktemp("used") / "data"
    with serving(data) as server:
        assert server.stop() == 0
    return data


def test_what_the_server_keeps_is_for_its_user_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    with serving(data):
        assert {file.name: file.stat().st_mode & 0o077 for file in data.iterdir() if file.stat().st_mode & 0o077} == {}
        assert (data / "vivesphere.db").exists()


def copy_of(used: Path, to: Path) -> Path:
    to.mkdir(mode=0o700)
    for file in used.iterdir():
        if file.is_file():
            (to / file.name).write_bytes(file.read_bytes())
            (to / file.name).chmod(file.stat().st_mode & 0o777)
    return to


def test_a_database_newer_than_the_code(used: Path, tmp_path: Path) -> None:
    data = copy_of(used, tmp_path / "data")
    with closing(sqlite3.connect(data / "vivesphere.db", isolation_level=None)) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        before = list(database.iterdump())
    ended = run_cli(data, "serve")
    assert ended.returncode == 2
    assert "newer" in ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout
    with closing(sqlite3.connect(data / "vivesphere.db")) as database:
        assert list(database.iterdump()) == before


def test_a_lost_master_key(used: Path, tmp_path: Path) -> None:
    data = copy_of(used, tmp_path / "data")
    (data / "master.key").unlink()
    ended = run_cli(data, "serve")
    assert ended.returncode == 2
    assert "master.key" in ended.stderr
    assert not (data / "master.key").exists()


def test_a_wrong_master_key(used: Path, tmp_path: Path) -> None:
    data = copy_of(used, tmp_path / "data")
    ended = run_cli(data, "serve", environ={"VIVESPHERE_MASTER_KEY": "not the passphrase it was"})
    assert ended.returncode == 2
    assert "key" in ended.stderr
    assert "not the passphrase" not in ended.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VIVESPHERE_PORT", "eighty"),
        ("VIVESPHERE_DATABASE_URL", "postgresql://u:hunter2@127.0.0.1/db"),
        ("VIVESPHERE_DATABASE_URL", "nonsense://x"),
    ],
)
def test_a_setting_that_makes_no_sense(tmp_path: Path, name: str, value: str) -> None:
    ended = run_cli(tmp_path / "data", "serve", environ={name: value})
    assert ended.returncode == 2
    assert name in ended.stderr
    assert "hunter2" not in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr + ended.stdout


def test_users_are_managed_while_it_runs_and_while_it_does_not(tmp_path: Path) -> None:
    data = tmp_path / "data"
    environ = {"VIVESPHERE_ADMIN_PASSWORD": PASSWORD}
    offline = run_cli(data, "user", "add", "offline", "--password-stdin", stdin="a long password\n", environ=environ)
    assert offline.returncode == 0, offline.stderr
    with serving(data) as server:
        client = server.client()
        added = run_cli(data, "user", "add", "online", "--role", "viewer", "--password-stdin", stdin="another password\n")
        assert added.returncode == 0, added.stderr
        again = run_cli(data, "user", "add", "online", "--password-stdin", stdin="another password\n")
        assert again.returncode == 2
        assert "online" in again.stderr
        short = run_cli(data, "user", "passwd", "online", "--password-stdin", stdin="short\n")
        assert short.returncode == 2
        changed = run_cli(data, "user", "passwd", "online", "--password-stdin", stdin="a third password\n")
        assert changed.returncode == 0, changed.stderr
        for name, password, status in [
            ("offline", "a long password", 200),
            ("online", "a third password", 200),
            ("online", "another password", 401),
            ("admin", PASSWORD, 200),
        ]:
            answer = client.post("/api/v1/auth/login", json={"username": name, "password": password})
            assert answer.status_code == status, (name, answer.text)


def test_the_command_line_tells_its_version_and_its_health(tmp_path: Path) -> None:
    assert run_cli(tmp_path / "data", "version").stdout.startswith("vivesphere ")
    healthy = run_cli(tmp_path / "data", "doctor")
    assert healthy.returncode == 0, healthy.stdout + healthy.stderr
    assert not (tmp_path / "data").exists(), "doctor looks, and makes nothing"
    (tmp_path / "file").write_text("")
    sick = run_cli(tmp_path / "file" / "data", "doctor")
    assert sick.returncode == 1
    assert "cannot be written" in sick.stdout
    assert run_cli(tmp_path / "data", "nonsense").returncode == 2


def test_the_operator_socket_is_private_and_gone_after_the_stop(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        path = tmp_path / "data" / "operator.sock"
        assert path.stat().st_mode & 0o777 == 0o600
        assert server.stop() == 0
        assert not path.exists()


def test_a_password_is_not_asked_for_in_the_open(tmp_path: Path) -> None:
    ended = run_cli(tmp_path / "data", "user", "add", "ada", stdin="correct horse battery\n" * 2, new_session=True)
    assert ended.returncode == 2
    assert "There is no terminal" in ended.stderr
    assert "--password-stdin" in ended.stderr
    assert not (tmp_path / "data").exists()
