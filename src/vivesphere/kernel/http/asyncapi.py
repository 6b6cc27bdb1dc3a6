"""The AsyncAPI 3.0 document: what crosses the bus, and how the WebSocket brings it to clients.

A channel for each topic, on the server `bus`, which is this process; modules and plugins speak there. One more channel is the
WebSocket, which brings whatever its caller may hear. What ViveSphere does is `send` and `receive`.
"""

import inspect
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler

from vivesphere.kernel.bus.messages import Message
from vivesphere.kernel.catalog import Catalog, EventEntry, RequestEntry, catalog_of
from vivesphere.kernel.http.authentication import WEBSOCKET_PROTOCOL
from vivesphere.kernel.http.frames import Frame
from vivesphere.kernel.http.stream import Subscribe, Unsubscribe
from vivesphere.kernel.module import Module

MEDIA_TYPE = "application/vnd.aai.asyncapi+json"
REF = "#/components/schemas/{name}"
STREAM = "stream"
STREAM_PATH = "/api/v1/stream"

DESCRIPTION = """\
Everything that crosses ViveSphere's bus. An event is a fact for any number of listeners; a durable one
(`x-vivesphere-durable`) is on disk before anybody hears of it. A request has exactly one responder and a typed reply.

`x-vivesphere-permission` is what listening to an event or making a request needs. Fields named in `x-vivesphere-secret` are
masked wherever an event is shown or kept.

Modules and plugins use the server `bus`, inside the process. Clients use the server `stream`, the WebSocket: they subscribe
to patterns over topics, and each event comes as a frame whose `type` is the topic and whose `data` is the payload below.
"""

Json = dict[str, Any]
Schemas = dict[type[msgspec.Struct], Json]


def asyncapi_document(modules: Sequence[Module], version: str) -> Json:
    """The document as plain JSON, the same for the same modules: it is committed, and compared."""
    catalog = catalog_of(modules)
    structs = tuple(dict.fromkeys(_structs(catalog)))
    refs, components = msgspec.json.schema_components(structs, ref_template=REF)
    schemas = dict(zip(structs, refs, strict=True))
    document = {
        "asyncapi": "3.0.0",
        "info": {"title": "ViveSphere", "version": version, "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": _servers(),
        "channels": {
            **{entry.contract.topic: _event_channel(entry) for entry in catalog.events},
            **{entry.contract.topic: _request_channel(entry, schemas) for entry in catalog.requests},
            STREAM: _stream_channel(),
        },
        "operations": dict(_operations(catalog)),
        "components": {
            "messages": dict(_messages(catalog, schemas)),
            "schemas": {name: _as_draft_7(schema) for name, schema in sorted(components.items())},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }
    # Defaults in the schemas are Python's own: a tuple is no JSON.
    plain: Json = msgspec.json.decode(msgspec.json.encode(document))
    return plain


def asyncapi_route(modules: Sequence[Module], version: str) -> HTTPRouteHandler:
    """`asyncapi.json`, for the router of the descriptions."""
    encoded: list[bytes] = []

    @get("/asyncapi.json", include_in_schema=False, media_type=MEDIA_TYPE, sync_to_thread=False)
    def asyncapi_json() -> bytes:
        if not encoded:
            encoded.append(msgspec.json.encode(asyncapi_document(modules, version)))
        return encoded[0]

    return asyncapi_json


def _structs(catalog: Catalog) -> Iterator[type[msgspec.Struct]]:
    yield from (entry.contract for entry in catalog.events)
    for entry in catalog.requests:
        yield entry.contract
        yield from entry.replies
    yield from (Subscribe, Unsubscribe, Frame)


def _servers() -> Json:
    return {
        "bus": {
            "host": "in-process",
            "protocol": "vivesphere",
            "description": "The bus inside the server. Modules reach it through their context, plugins through the SDK.",
        },
        STREAM: {
            "host": "{host}",
            "protocol": "ws",
            "description": f"The WebSocket, subprotocol `{WEBSOCKET_PROTOCOL}`; `wss` where TLS stands in front.",
            "variables": {"host": {"default": "127.0.0.1:8000", "description": "Where the server listens."}},
            "security": [{"$ref": "#/components/securitySchemes/bearer"}],
        },
    }


def _event_channel(entry: EventEntry) -> Json:
    event = entry.contract
    return {
        "address": event.topic,
        **_described(event),
        "servers": [{"$ref": "#/servers/bus"}],
        "messages": {event.__name__: {"$ref": f"#/components/messages/{event.topic}"}},
        "x-vivesphere-durable": event.durable,
        "x-vivesphere-permission": event.permission,
        "x-vivesphere-publisher": entry.publisher,
        "x-vivesphere-listeners": [{"name": each.name, "durable": each.durable} for each in entry.listeners],
    }


def _request_channel(entry: RequestEntry, schemas: Schemas) -> Json:
    request = entry.contract
    messages = {request.__name__: {"$ref": f"#/components/messages/{request.topic}"}}
    messages |= {reply.__name__: {"$ref": f"#/components/messages/{_name(schemas[reply])}"} for reply in entry.replies}
    return {
        "address": request.topic,
        **_described(request),
        "servers": [{"$ref": "#/servers/bus"}],
        "messages": messages,
        "x-vivesphere-permission": request.permission,
        "x-vivesphere-responder": entry.responder,
    }


def _stream_channel() -> Json:
    headers = {
        "type": "object",
        "properties": {
            "Authorization": {
                "type": "string",
                "description": "`Bearer <access token>`; where no header can be set, offer the subprotocol `bearer.<token>`. "
                "This server's own pages send the cookie instead.",
            }
        },
    }
    return {
        "address": STREAM_PATH,
        "description": "Events as they happen, each as a frame, to whoever may hear them.",
        "servers": [{"$ref": f"#/servers/{STREAM}"}],
        "messages": {kind.__name__: {"$ref": f"#/components/messages/{STREAM}.{kind.__name__}"} for kind in _FRAMES},
        "bindings": {"ws": {"method": "GET", "headers": headers, "bindingVersion": "0.1.0"}},
    }


_FRAMES = (Subscribe, Unsubscribe, Frame)


def _operations(catalog: Catalog) -> Iterator[tuple[str, Json]]:
    for entry in catalog.events:
        topic = entry.contract.topic
        said = _operation("send", topic, (entry.contract,))
        yield f"publish.{topic}", said
        if entry.listeners:
            yield f"hear.{topic}", said | {"action": "receive"}
    for asked in catalog.requests:
        topic = asked.contract.topic
        reply = {"channel": {"$ref": f"#/channels/{topic}"}, "messages": _references(topic, asked.replies)}
        yield f"answer.{topic}", _operation("receive", topic, (asked.contract,)) | {"reply": reply}
    yield "stream.ask", _operation("receive", STREAM, (Subscribe, Unsubscribe))
    yield "stream.tell", _operation("send", STREAM, (Frame,))


def _operation(action: str, channel: str, messages: Iterable[type]) -> Json:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "messages": _references(channel, messages)}


def _references(channel: str, messages: Iterable[type]) -> list[Json]:
    return [{"$ref": f"#/channels/{channel}/messages/{message.__name__}"} for message in messages]


def _messages(catalog: Catalog, schemas: Schemas) -> Iterator[tuple[str, Json]]:
    contracts: list[type[Message]] = [entry.contract for entry in catalog.events]
    for contract in (*contracts, *(entry.contract for entry in catalog.requests)):
        yield contract.topic, _message(contract, schemas) | _secret(contract)
    for asked in catalog.requests:
        for reply in asked.replies:
            yield _name(schemas[reply]), _message(reply, schemas)
    for frame in _FRAMES:
        yield f"{STREAM}.{frame.__name__}", _message(frame, schemas)


def _message(struct: type[msgspec.Struct], schemas: Schemas) -> Json:
    return {"name": struct.__name__, "payload": schemas[struct]}


def _name(reference: Json) -> str:
    """The name in the components: of two structs called alike msgspec makes two names."""
    return str(reference["$ref"]).rpartition("/")[2]


def _secret(contract: type[Message]) -> Json:
    return {"x-vivesphere-secret": sorted(contract.secret)} if contract.secret else {}


def _described(contract: type[Message]) -> Json:
    text = inspect.cleandoc(contract.__doc__ or "")
    return {"description": text} if text else {}


def _as_draft_7(schema: Any) -> Any:
    """AsyncAPI's own schemas are JSON Schema draft 7, but for `discriminator`, which is the property's name alone."""
    if isinstance(schema, list):
        return [_as_draft_7(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _as_draft_7(value) for key, value in schema.items()}
    if isinstance(discriminator := made.get("discriminator"), dict) and "propertyName" in discriminator:
        made["discriminator"] = discriminator["propertyName"]
    if "prefixItems" in made:
        made["items"] = made.pop("prefixItems")
    return made
