"""The reference is written from the code, and must be what the code says today."""

import json
from typing import Any

import hatch_build
import jsonschema_rs
import msgspec
import pytest
from docs.generate import REFERENCE, documents
from docs.reference_writer.installation import new_installation
from docs.reference_writer.settings import described_settings

from vivesphere import app
from vivesphere.kernel import events as kernel_events
from vivesphere.kernel.bus.messages import Event
from vivesphere.kernel.catalog import messages_in

ASYNCAPI_SCHEMA = hatch_build.MODULES / "@asyncapi/specs/schemas/3.0.0.json"
LATER_WORDS = {"prefixItems", "$defs", "dependentRequired", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems"}


WRITTEN = ("asyncapi.json", "bus.md", "openapi.json", "settings.md")


def test_every_document_is_held_against_the_code() -> None:
    assert set(documents()) == set(WRITTEN)


@pytest.mark.parametrize("name", WRITTEN)
def test_the_committed_document_is_fresh(name: str) -> None:
    assert (REFERENCE / name).read_bytes() == documents()[name], "run `make docs` and commit what it writes"


def test_every_message_is_in_the_reference() -> None:
    page = documents()["bus.md"].decode()
    document = asyncapi()
    messages = [message for contracts in (*app.CONTRACTS, kernel_events) for message in messages_in(contracts)]
    assert messages
    for message in messages:
        assert f"### {message.topic}\n\n{message.__name__}, " in page
        channel = document["channels"][message.topic]
        assert channel["x-vivesphere-permission"] == message.permission
        assert channel.get("x-vivesphere-durable") == (message.durable if issubclass(message, Event) else None)
        payload = document["components"]["messages"][message.topic]["payload"]["$ref"].rpartition("/")[2]
        fields = {field.encode_name for field in msgspec.structs.fields(message)}
        assert set(document["components"]["schemas"][payload].get("properties", {})) == fields


def test_the_reference_says_who_publishes_listens_and_answers() -> None:
    page = documents()["bus.md"].decode()
    failed = page.partition("### auth.login.failed\n")[2].partition("\n### ")[0]
    assert "- Published by `module:auth`\n- Heard by `module:audit/security` (durable)" in failed
    run = page.partition("### tools.run\n")[2].partition("\n### ")[0]
    assert "- Answered by `module:tools`\n- Replies `result`, `refused`, `failed`" in run
    reveal = page.partition("### secrets.store\n")[2].partition("\n### ")[0]
    assert "secret: masked" in reveal


def asyncapi() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(documents()["asyncapi.json"])
    return document


def test_the_asyncapi_document_is_valid() -> None:
    """By the schemas that AsyncAPI publishes itself; they come with the page's own development tools."""
    hatch_build.install_modules()
    validator = jsonschema_rs.validator_for(json.loads(ASYNCAPI_SCHEMA.read_bytes()))
    assert not [error.message for error in validator.iter_errors(asyncapi())]
    spoiled = asyncapi()
    spoiled["operations"]["stream.tell"]["action"] = "shout"
    assert not validator.is_valid(spoiled)


def test_every_reference_inside_the_asyncapi_document_leads_somewhere() -> None:
    """And its schemas are of draft 7, which AsyncAPI takes when no format is named."""
    document = asyncapi()
    found = list(references(document))
    assert len(found) > 100
    for reference in found:
        place = document
        for token in reference.removeprefix("#/").split("/"):
            place = place[token]
    assert not words(document["components"]["schemas"]) & LATER_WORDS


def references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [reference for each in node for reference in references(each)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return own + [reference for each in node.values() for reference in references(each)]


def words(node: Any) -> set[str]:
    if isinstance(node, list):
        return {word for each in node for word in words(each)}
    return set(node) | {word for each in node.values() for word in words(each)} if isinstance(node, dict) else set()


def test_every_setting_says_what_it_is_for() -> None:
    assert not [each.environment for each in described_settings() if len(each.description) < 10]


def test_secret_settings_show_no_default() -> None:
    assert not [each.environment for each in described_settings() if each.secret and each.default is not None]


def test_the_openapi_document_is_of_version_3_1() -> None:
    document = new_installation().openapi
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"] == "ViveSphere"


def test_a_deprecated_operation_declares_the_headers_that_say_so() -> None:
    """RFC 9745 and RFC 8594; `deprecated` in vivesphere.kernel.http.deprecation sees to both."""
    operations = [operation for methods in new_installation().openapi["paths"].values() for operation in methods.values()]
    answers = [
        answer
        for operation in operations
        if operation.get("deprecated")
        for answer in operation["responses"].values()
        if "$ref" not in answer
    ]
    assert not [answer for answer in answers if not {"Deprecation", "Sunset"} <= answer.get("headers", {}).keys()]
