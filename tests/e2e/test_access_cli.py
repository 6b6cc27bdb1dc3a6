"""`vivesphere db access`, against a running server and without one."""

import json
from collections.abc import Iterator

import pytest
from tests.support.process import ServerProcess, run_cli, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("access") / "data") as running:
        leads = {"name": "leads", "columns": [{"name": "body", "type": "text"}]}
        client = running.client()
        client.post("/api/v1/data/tables", json=leads).raise_for_status()
        granted = {"grantee": "plugin:dice", "table": "leads", "action": "read"}
        client.post("/api/v1/data/access/grants", json=granted).raise_for_status()
        yield running


def test_one_table_is_shown_with_who_and_why(server: ServerProcess) -> None:
    answer = run_cli(server.data_dir, "db", "access", "leads")
    head, read, write, _ = answer.stdout.splitlines()
    assert head == "data_leads (user of project default)"
    assert read.startswith("  read  module:data (keeper), plugin:dice (grant), user:")
    assert read.endswith("(permission)")
    assert write.startswith("  write module:data (keeper), user:")


def test_all_of_them_are_shown_also_as_json_and_while_no_server_runs(server: ServerProcess) -> None:
    everything = json.loads(run_cli(server.data_dir, "db", "access", "--json").stdout)
    lines = run_cli(server.data_dir, "db", "access").stdout.splitlines()
    assert [line.partition(" ")[0] for line in lines[:-1:3]] == [each["stored_as"] for each in everything]
    server.stop()
    assert json.loads(run_cli(server.data_dir, "db", "access", "--json").stdout) == everything


def test_a_table_that_nobody_knows_is_said_so(server: ServerProcess) -> None:
    answer = run_cli(server.data_dir, "db", "access", "nothing")
    assert answer.returncode == 1
    assert answer.stderr == "Error: There is no table 'nothing'; nobody may touch what is not known.\n"
