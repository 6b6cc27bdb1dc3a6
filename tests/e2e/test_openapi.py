"""schemathesis asks every route of a running server what its own document allows, and what it forbids."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.process import serving

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth"
EXAMPLES = os.environ.get("VIVESPHERE_TEST_SCHEMATHESIS_EXAMPLES", "8")
DEADLINE = 900.0

# The anonymous are few enough a minute to refuse schemathesis itself, which asks public routes as fast as it can.
ENVIRON = {"VIVESPHERE_HTTP_ANONYMOUS_PER_MINUTE": "1000000"}


def test_no_route_fails_or_answers_what_it_does_not_document(tmp_path: Path) -> None:
    with serving(tmp_path / "data", ENVIRON) as server:
        client = server.client()
        ended = subprocess.run(  # noqa: S603 - a program of the tests' own environment
            [
                str(Path(sys.executable).with_name("schemathesis")),
                "run",
                f"{server.url}/schema/openapi.json",
                "--header",
                f"Authorization: {client.headers['Authorization']}",
                # Signing out ends the session that all the other requests need; its own tests are in tests/modules/auth.
                "--exclude-path-regex",
                "^/api/v1/auth/(logout|.*/revoke)$",
                "--checks",
                CHECKS,
                "--phases",
                "examples,coverage,fuzzing,stateful",
                "--max-examples",
                EXAMPLES,
                "--seed",
                "20260105",
                "--generation-deterministic",
                "--no-shrink",
                "--continue-on-failure",
                "--suppress-health-check",
                "all",
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout[-20_000:] + ended.stderr
        assert client.get("/api/v1/bots").status_code == 200, "the session ended on the way, and most requests were refused"
        assert "Traceback" not in server.output, server.output
        assert server.stop() == 0
