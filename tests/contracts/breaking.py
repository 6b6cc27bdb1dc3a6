"""What breaks those who know the older one of two OpenAPI or two AsyncAPI documents (design, I8: contracts only grow).

No tool in Python compares OpenAPI 3.1 documents, the known ones (oasdiff, openapi-changes) are programs in Go, and none of
them compares AsyncAPI 3. What our documents use of both is small, so the comparison is, too.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

from tests.contracts.schema_changes import SchemaChanges, Way

Json = dict[str, Any]

DURABLE = "x-vivesphere-durable"
PERMISSION = "x-vivesphere-permission"
PERMISSIONS = "x-vivesphere-permissions"
SUNSET = "x-vivesphere-sunset"


def breaking_http(old: Json, new: Json, today: date) -> Iterator[str]:
    """OpenAPI. An operation may go once the day has passed that its `Sunset` header has named."""
    schemas = SchemaChanges(old["components"]["schemas"], new["components"]["schemas"])
    for path, methods in old["paths"].items():
        for method, operation in methods.items():
            where = f"{method.upper()} {path}"
            left = new["paths"].get(path, {}).get(method)
            if left is not None:
                yield from _Operation(old, new, schemas, where).breaking(operation, left)
            elif not _set(operation, today):
                yield f"{where}: the route is gone"
    for path, socket in old.get("x-websockets", {}).items():
        left = new.get("x-websockets", {}).get(path)
        if left is None:
            yield f"WebSocket {path}: the route is gone"
        elif left["permissions"] != socket["permissions"]:
            yield f"WebSocket {path}: needed {socket['permissions']}, needs {left['permissions']}"


def _set(operation: Json, today: date) -> bool:
    return bool(operation.get("deprecated")) and SUNSET in operation and date.fromisoformat(operation[SUNSET]) <= today


class _Operation:
    """One operation that both documents have."""

    def __init__(self, old: Json, new: Json, schemas: SchemaChanges, where: str) -> None:
        self._old = old
        self._new = new
        self._schemas = schemas
        self._where = where

    def breaking(self, old: Json, new: Json) -> Iterator[str]:
        yield from self._permissions(old, new)
        yield from self._parameters(old, new)
        yield from self._body(old.get("requestBody"), new.get("requestBody"))
        for status, answer in old["responses"].items():
            where = f"{self._where} {status}"
            if status not in new["responses"]:
                yield f"{where}: the status is gone"
            else:
                yield from self._answer(
                    self._resolved(answer, self._old), self._resolved(new["responses"][status], self._new), where
                )

    def _permissions(self, old: Json, new: Json) -> Iterator[str]:
        if PERMISSIONS in old and old[PERMISSIONS] != new.get(PERMISSIONS, []):
            yield f"{self._where}: permissions {old[PERMISSIONS]} became {new.get(PERMISSIONS, [])}"
        # Each entry is a way in; whoever knows one of them does not mind another. No entry at all is an open door.
        ways, left = old.get("security", []), new.get("security", [])
        if "security" in old and (any(way not in left for way in ways) or (left and not ways)):
            yield f"{self._where}: security {ways} became {left}"

    def _parameters(self, old: Json, new: Json) -> Iterator[str]:
        had = {(each["in"], each["name"]): each for each in old.get("parameters", ())}
        has = {(each["in"], each["name"]): each for each in new.get("parameters", ())}
        for key, parameter in had.items():
            where = f"{self._where} ({key[0]} {key[1]})"
            if key not in has:
                yield f"{where}: the parameter is gone"
                continue
            yield from self._schemas.breaking(parameter["schema"], has[key]["schema"], Way.GIVEN, where)
        for key, parameter in has.items():
            if parameter.get("required") and not had.get(key, {}).get("required"):
                yield f"{self._where} ({key[0]} {key[1]}): must be given, and need not be before"

    def _body(self, old: Json | None, new: Json | None) -> Iterator[str]:
        if new is None:
            if old is not None:
                yield f"{self._where}: takes no body any more"
            return
        if new.get("required") and not (old or {}).get("required"):
            yield f"{self._where}: a body must be given, and need not be before"
        yield from self._contents(old or {}, new, Way.GIVEN, f"{self._where} body")

    def _answer(self, old: Json, new: Json, where: str) -> Iterator[str]:
        for header in old.get("headers", {}):
            if header not in new.get("headers", {}):
                yield f"{where}: the header {header} is gone"
        yield from self._contents(old, new, Way.TOLD, where)

    def _contents(self, old: Json, new: Json, way: Way, where: str) -> Iterator[str]:
        for kind, content in old.get("content", {}).items():
            if kind not in new.get("content", {}):
                yield f"{where}: {kind} is gone"
            else:
                yield from self._schemas.breaking(content.get("schema", {}), new["content"][kind].get("schema", {}), way, where)

    def _resolved(self, answer: Json, document: Json) -> Json:
        if "$ref" not in answer:
            return answer
        found: Json = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
        return found


def breaking_bus(old: Json, new: Json) -> Iterator[str]:
    """AsyncAPI. An event is both told and given: listeners hear new ones, and the log hands over old ones."""
    schemas = SchemaChanges(old["components"]["schemas"], new["components"]["schemas"])
    for name, channel in old["channels"].items():
        left = new["channels"].get(name)
        if left is None:
            yield f"{name}: the topic is gone"
            continue
        if channel.get(PERMISSION) != left.get(PERMISSION):
            yield f"{name}: needed {channel.get(PERMISSION)}, needs {left.get(PERMISSION)}"
        if channel.get(DURABLE) and not left.get(DURABLE):
            yield f"{name}: was durable"
        for way in Way:
            before, after = _payloads(old, name, way), _payloads(new, name, way)
            if before:
                word = "asked" if way is Way.GIVEN and DURABLE not in channel else "told"
                yield from schemas.breaking({"anyOf": before}, {"anyOf": after}, way, f"{name} {word}")


def _payloads(document: Json, channel: str, way: Way) -> list[Json]:
    """What is said in the channel that way: of an event both ways, of a request itself and its replies."""
    event = DURABLE in document["channels"][channel]
    found: dict[str, Json] = {}
    for operation in document["operations"].values():
        if operation["channel"]["$ref"] != f"#/channels/{channel}":
            continue
        told = operation["action"] == "send"
        if event or told is (way is Way.TOLD):
            found |= {each["$ref"]: each for each in operation["messages"]}
        if way is Way.TOLD:
            found |= {each["$ref"]: each for each in operation.get("reply", {}).get("messages", ())}
    return [_payload(document, channel, reference) for reference in found]


def _payload(document: Json, channel: str, reference: str) -> Json:
    message = document["channels"][channel]["messages"][reference.rpartition("/")[2]]
    payload: Json = document["components"]["messages"][message["$ref"].rpartition("/")[2]]["payload"]
    return payload


WORDS = {
    "description",
    "example",
    "examples",
    "info",
    "operationId",
    "summary",
    "tags",
    "title",
    "x-vivesphere-listeners",
    "x-vivesphere-publisher",
    "x-vivesphere-responder",
}
NAMED = {"properties", "schemas", "messages", "channels", "operations", "responses", "headers", "paths", "variables"}
"""Below these, keys are names that we gave, and not words of the specification."""


def promised(node: Any, *, named: bool = False) -> Any:
    """The document without what it only explains: a baseline changes when a contract does, not with every sentence."""
    if isinstance(node, list):
        return [promised(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {key: promised(value, named=key in NAMED and not named) for key, value in node.items() if named or key not in WORDS}
