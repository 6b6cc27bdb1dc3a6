"""What surrounds the API: pages, files, headers, health, metrics, and the document that describes it all."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.clock import FakeClock
from tests.support.database import open_database
from tests.support.http import HttpForTests

from vivesphere.kernel import principals
from vivesphere.kernel.db.errors import AccessDenied
from vivesphere.kernel.db.table_records import known_tables
from vivesphere.kernel.errors import InvalidInput
from vivesphere.kernel.http.openapi import REFUSALS, openapi_document
from vivesphere.kernel.http.paging import Page, decode_cursor, encode_cursor, page
from vivesphere.kernel.http.rate_limit import KEPT_ADDRESSES, AnonymousLimit
from vivesphere.kernel.http.server import handlers
from vivesphere.kernel.services import Health


@pytest.fixture
def site(http: HttpForTests) -> Path:
    """A built UI with one hashed file, and a secret beside it."""
    root = http.kernel.static
    (root / "assets").mkdir()
    (root / "index.html").write_text("<title>ViveSphere</title>")
    (root / "assets" / "app-1a2b.js").write_text("alert()")
    (root / "favicon.bin").write_bytes(b"\x00")
    (root.parent / "secret.txt").write_text("hunter2")
    (root / "link.txt").symlink_to(root.parent / "secret.txt")
    return root


@pytest.mark.parametrize("path", ["/", "/bots/42", "/setup?token=x", "/deep/down/below"])
async def test_a_page_of_the_ui_is_its_index(http: HttpForTests, site: Path, path: str) -> None:
    answer = await http.client.get(path)
    assert (answer.status_code, answer.text) == (200, "<title>ViveSphere</title>")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert "script-src 'self';" in answer.headers["content-security-policy"]


async def test_a_hashed_file_is_kept_forever_and_a_known_one_not_sent_again(http: HttpForTests, site: Path) -> None:
    answer = await http.client.get("/assets/app-1a2b.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]
    again = await http.client.get("/assets/app-1a2b.js", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (await http.client.get("/favicon.bin")).headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    "path",
    [
        *("/../secret.txt", "/%2e%2e/secret.txt", "/assets/../../secret.txt", "/link.txt", "/missing.js", "/%00.txt"),
        f"/{'x' * 300}.js",
    ],
)
async def test_nothing_outside_and_nothing_missing_is_served(http: HttpForTests, site: Path, path: str) -> None:
    answer = await http.client.get(path)
    assert answer.status_code == 404
    assert "hunter2" not in answer.text


async def test_without_a_build_the_page_says_what_to_do(http: HttpForTests) -> None:
    answer = await http.client.get("/")
    assert (answer.status_code, "make run" in answer.json()["detail"]) == (404, True)


async def test_every_answer_carries_the_headers(http: HttpForTests) -> None:
    for path in ("/health/live", "/nothing.js", "/api/v1/things"):
        headers = (await http.client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert len(headers["x-request-id"]) == 36


async def test_ready_names_who_failed(http: HttpForTests) -> None:
    forget = http.kernel.services.register("bots", lambda: Health("degraded", "one account is away"))
    answer = await http.client.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    http.kernel.services.register("database", lambda: Health("failed", "the disk is full"))
    answer = await http.client.get("/health/ready")
    assert (answer.status_code, answer.json()) == (
        503,
        {
            "status": "failed",
            "modules": {
                "bots": {"status": "degraded", "detail": "one account is away"},
                "database": {"status": "failed", "detail": "the disk is full"},
            },
        },
    )
    forget()
    assert (await http.client.get("/health/live")).json() == {"status": "ok"}


async def test_metrics_count_what_was_answered(http: HttpForTests, tmp_path: Path) -> None:
    http.kernel.services.register("bots", lambda: Health("degraded"))
    subscriptions = [http.bus.system().listen("bots.>", _ignore, name="stream") for _ in range(2)]
    await http.client.get("/health/live")
    await http.client.get("/api/v1/unknown")
    async with open_database(tmp_path, models=[]) as database:
        http.kernel.metrics.watch(http.bus.bus, database, http.kernel.services)
        with pytest.raises(AccessDenied):
            await database.handle(principals.module("bots")).read(known_tables)
        answer = await http.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    lines = answer.text.splitlines()
    assert 'vivesphere_http_requests_total{method="GET",route="/health/live",status="200"} 1.0' in lines
    assert 'vivesphere_http_requests_total{method="GET",route="unknown",status="404"} 1.0' in lines
    assert 'vivesphere_service_health{service="bots"} 1.0' in lines
    assert lines.count('vivesphere_bus_queue_depth{listener="stream"} 0.0') == 1
    assert lines.count('vivesphere_bus_listener_failures_total{listener="stream"} 0.0') == 1
    assert "vivesphere_database_refused_total 1.0" in lines
    assert any(line.startswith("vivesphere_http_request_seconds_count") for line in lines)
    for subscription in subscriptions:
        subscription.close()


async def _ignore(_: Any) -> None: ...


async def test_the_viewer_is_served_from_here_alone(http: HttpForTests) -> None:
    viewer = await http.client.get("/schema")
    assert (viewer.status_code, viewer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    for name, kind in (("viewer.js", "text/javascript"), ("viewer.css", "text/css")):
        asset = await http.client.get(f"/schema/{name}")
        assert asset.headers["content-type"] == f"{kind}; charset=utf-8"
        assert f"/schema/{name}" in viewer.text
        assert "://" not in asset.text
    assert "://" not in viewer.text


async def test_the_document_is_what_is_served(http: HttpForTests) -> None:
    answer = await http.client.get("/schema/openapi.json")
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json"
    assert answer.json() == openapi_document(http.app)
    assert answer.json()["openapi"].startswith("3.1")


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for each in node.values():
            yield from references(each)
    elif isinstance(node, list):
        for each in node:
            yield from references(each)


async def test_the_document_holds_every_route_and_every_refusal(http: HttpForTests) -> None:
    document = openapi_document(http.app)
    for reference in set(references(document)):
        place = document
        for token in reference.removeprefix("#/").split("/"):
            place = place[token]
    making = document["paths"]["/api/v1/things"]["post"]
    assert making["security"] == [{"bearer": []}, {"cookie": []}]
    assert making["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/NewThing"}
    assert document["components"]["schemas"]["NewThing"]["additionalProperties"] is False
    assert set(making["responses"]) >= {"201", "400", "401", "403", "413", "415", "422", "429", "500"}
    assert "`bots.bot.write`" in making["description"]
    listing = document["paths"]["/api/v1/things"]["get"]
    assert (listing["summary"], listing["tags"]) == ("List the things", ["things"])
    assert listing["description"].startswith("With who asked.")
    assert {parameter["schema"]["type"] for parameter in listing["parameters"]} == {"integer", "string"}
    assert document["paths"]["/health/live"]["get"]["security"] == []
    assert document["paths"]["/health/ready"]["get"]["responses"]["503"]["description"] == "Something has failed."
    assert document["x-websockets"]["/api/v1/things/echo"] == {
        "description": "Says back what it hears.",
        "permissions": ["bots.bot.read"],
    }
    assert set(document["components"]["responses"]) == {f"Problem{status}" for status in REFUSALS}
    undocumented = {path for path, _ in handlers(http.app)} - set(document["x-websockets"])
    undocumented -= {path.replace("{thing_id}", "{thing_id:uuid}") for path in document["paths"]}
    assert all(path == "/" or path.startswith(("/schema", "/{path")) for path in undocumented), undocumented


@given(st.recursive(st.none() | st.integers(-(2**63), 2**63 - 1) | st.text(), st.lists))
def test_a_cursor_brings_back_what_it_was_made_of(position: Any) -> None:
    assert decode_cursor(encode_cursor(position), Any) == position


@pytest.mark.parametrize("cursor", ["", "!", "a", "YWJj", "é", "bnVsbA", "W10"])
def test_a_cursor_that_was_not_made_here_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        decode_cursor(cursor, str)
    assert refused.value.errors[0].pointer == "/cursor"


def test_a_page_knows_whether_there_is_more() -> None:
    assert decode_cursor(None, str) is None
    assert page(["a", "b"], 2, str) == Page(["a", "b"])
    assert page(["a", "b", "c"], 2, str) == Page(["a", "b"], encode_cursor("b"))


def test_an_ipv6_client_is_its_network_and_old_addresses_make_room() -> None:
    limit = AnonymousLimit(1, FakeClock())
    assert limit.take("2001:db8::1")[1] is None
    assert limit.take("2001:db8::2")[1] is not None
    assert limit.take("2001:db8:0:1::1")[1] is None
    assert limit.take("::ffff:10.0.0.1")[1] is None
    assert limit.take("::ffff:10.0.0.2")[1] is None
    assert limit.take("testclient")[1] is None
    for number in range(KEPT_ADDRESSES):
        limit.take(f"client {number}")
    assert limit.take("2001:db8::1")[1] is None
