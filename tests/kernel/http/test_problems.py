"""Every error is a problem, says what to do, and says nothing of what is inside."""

from collections.abc import Mapping
from typing import Any

import pytest
import structlog
from tests.kernel.http.things import Things
from tests.support.http import HttpForTests

from vivesphere.kernel.bus import errors as bus
from vivesphere.kernel.db import errors as db
from vivesphere.kernel.effect_errors import EffectError, EffectFailed, EffectRefused, EffectUnknown, NothingHappened
from vivesphere.kernel.errors import Conflict, FieldError, InvalidInput, TooManyRequests, Unavailable
from vivesphere.kernel.principals import SYSTEM

PATH = "/api/v1/things"
BODY = {"content-type": "application/json"}


async def post(http: HttpForTests, content: bytes, headers: Mapping[str, str] = BODY) -> tuple[int, dict[str, Any]]:
    answer = await http.client.post(PATH, content=content, headers={**http.ada, **headers})
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    ("content", "status", "slug", "pointer", "detail"),
    [
        (b"{", 400, "malformed", None, "The body is not valid JSON: it ends before it is complete."),
        (b"", 400, "malformed", None, "This request needs a JSON body, and came without one."),
        (b'{"name": "a"} x', 400, "malformed", None, "The body is not valid JSON: trailing characters (at byte 15)."),
        (b"\xff", 400, "malformed", None, "The body is not valid JSON: invalid character (at byte 0)."),
        (b'{"name": "\xff"}', 400, "malformed", None, "The body is not valid JSON"),
        (b"[" * 200, 400, "malformed", None, "The body is nested more than 100 levels deep."),
        (b'{"name": "a", "free": ' + b'{"a":' * 150 + b"1" + b"}" * 151, 400, "malformed", None, "nested more than 100"),
        (b"[]", 422, "invalid-input", "", "expected object, got array"),
        (b"{}", 422, "invalid-input", "/name", "is required"),
        (b'{"name": 5}', 422, "invalid-input", "/name", "expected str, got int"),
        (b'{"name": ""}', 422, "invalid-input", "/name", "expected str of length >= 1"),
        (b'{"name": "a", "ready": "true"}', 422, "invalid-input", "/ready", "expected bool, got str"),
        (b'{"name": "a", "nmae": 1}', 422, "invalid-input", "/nmae", "is not a field that is known here"),
        (b'{"name": "a", "parts": [{"id": "x"}, {}]}', 422, "invalid-input", "/parts/1/id", "is required"),
        (b'{"name": "a", "free": {"n": 1e999}}', 422, "invalid-input", "/free", "number out of range"),
    ],
)
async def test_bad_bodies_say_where(
    *, http: HttpForTests, content: bytes, status: int, slug: str, pointer: str | None, detail: str
) -> None:
    answered, problem = await post(http, content)
    assert (answered, problem["type"], problem["status"]) == (status, f"urn:vivesphere:problem:{slug}", status)
    assert detail in problem["detail"]
    assert [error["pointer"] for error in problem["errors"]] == ([] if pointer is None else [pointer])


async def test_brackets_inside_strings_are_no_nesting(http: HttpForTests, things: Things) -> None:
    status, _ = await post(http, b'{"name": "a", "free": {"text": "' + b'\\"[{' * 200 + b'"}}')
    assert status == 201
    assert things.made[0].free == {"text": '"[{' * 200}


async def test_a_body_of_another_kind_is_refused(http: HttpForTests) -> None:
    status, problem = await post(http, b'{"name": "a"}', {"content-type": "text/plain"})
    assert (status, problem["detail"]) == (415, "Send the body as application/json, not as text/plain.")
    status, _ = await post(http, b'{"name": "a"}', {"content-type": "application/merge-patch+json"})
    assert status == 201


async def test_a_body_beyond_the_limit_is_refused(http: HttpForTests) -> None:
    status, problem = await post(http, b'{"name": "' + b"a" * (1 << 20) + b'"}')
    assert (status, problem["type"]) == (413, "urn:vivesphere:problem:body-too-large")


async def test_parameters_are_named(http: HttpForTests) -> None:
    answer = await http.client.get(f"{PATH}?limit=0&cursor={'x' * 2000}", headers=http.ada)
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"pointer": "/limit", "detail": "expected int >= 1"},
        {"pointer": "/cursor", "detail": "expected str of length <= 1000"},
    ]
    assert answer.json()["detail"] == "limit: expected int >= 1; cursor: expected str of length <= 1000."


@pytest.mark.parametrize(
    ("method", "path", "status", "slug"),
    [
        ("GET", "/api/v1/nothing", 404, "path-unknown"),
        ("GET", "/api/nothing", 404, "path-unknown"),
        ("GET", "/api", 404, "path-unknown"),
        ("GET", "/api/v1/things/not-a-uuid", 404, "path-unknown"),
        ("GET", "/health/nothing", 404, "path-unknown"),
        ("GET", "/schema/nothing", 404, "path-unknown"),
        ("DELETE", "/api/v1/things", 405, "method-not-allowed"),
        ("POST", "/somewhere", 405, "method-not-allowed"),
    ],
)
async def test_paths_and_methods_that_are_not_there(http: HttpForTests, method: str, path: str, status: int, slug: str) -> None:
    answer = await http.client.request(method, path, headers=http.ada)
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (status, f"urn:vivesphere:problem:{slug}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["instance"], problem["request_id"]) == (path, answer.headers["x-request-id"])
    assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize(
    ("error", "status", "slug"),
    [
        (InvalidInput("no", [FieldError("/a", "b")]), 422, "invalid-input"),
        (Conflict("no"), 409, "conflict"),
        (Unavailable("no"), 503, "unavailable"),
        (bus.TopicInvalid("no"), 422, "topic-invalid"),
        (bus.PayloadInvalid("no"), 422, "invalid-input"),
        (bus.NotPermitted("no"), 403, "permission-missing"),
        (bus.NoResponder("no"), 503, "unavailable"),
        (bus.RequestTimeout("no"), 504, "timeout"),
        (bus.HopLimitExceeded("no"), 409, "loop"),
        (db.AccessDenied(SYSTEM, "read", "users"), 403, "table-access-denied"),
        (db.DatabaseUnavailable("no"), 503, "unavailable"),
        (EffectRefused("no"), 403, "effect-refused"),
        (EffectUnknown("no"), 409, "effect-unknown"),
        (EffectFailed("no"), 502, "effect-failed"),
        (NothingHappened("no"), 502, "effect-failed"),
        (EffectError("no"), 502, "effect-failed"),
    ],
)
async def test_each_error_of_the_house_has_its_status(
    http: HttpForTests, things: Things, error: Exception, status: int, slug: str
) -> None:
    things.raises = error
    answer = await http.client.get(PATH, headers=http.ada)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:vivesphere:problem:{slug}")


@pytest.mark.parametrize("error", [TooManyRequests("slow down", 2.2), bus.RateLimited("slow down", 2.2)])
async def test_a_refusal_for_rate_says_when_to_come_back(http: HttpForTests, things: Things, error: Exception) -> None:
    things.raises = error
    answer = await http.client.get(PATH, headers=http.ada)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")


@pytest.mark.parametrize("error", [RuntimeError("hunter2"), db.StatementFailed("SELECT hunter2"), KeyError("hunter2")])
async def test_what_nobody_expected_is_logged_and_not_told(http: HttpForTests, things: Things, error: Exception) -> None:
    things.raises = error
    with structlog.testing.capture_logs() as lines:
        answer = await http.client.get(PATH, headers=http.ada)
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert "Traceback" not in answer.text
    assert [(line["event"], line["request_id"]) for line in lines] == [("request_failed", answer.json()["request_id"])]
    assert lines[0]["exc_info"] is error
