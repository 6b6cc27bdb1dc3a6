"""The OpenAPI 3.1 document.

Litestar finds the routes and their parameters; the schemas are msgspec's own, because msgspec is what checks the bodies; what
every route can answer when it refuses is added here, once for all.
"""

import inspect
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib import resources
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, Router, get
from litestar.handlers import HTTPRouteHandler, WebsocketRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.routes import HTTPRoute, WebSocketRoute
from litestar.typing import FieldDefinition

from vivesphere.kernel.http.admission import Rule, rule_of
from vivesphere.kernel.http.authentication import public
from vivesphere.kernel.http.browsers import ACCESS, CSRF, CSRF_HEADER
from vivesphere.kernel.http.deprecation import describe_deprecation
from vivesphere.kernel.http.headers import UI_POLICY
from vivesphere.kernel.http.problems import MEDIA_TYPE, PathUnknown, Problem
from vivesphere.kernel.http.sse import MEDIA_TYPE as EVENT_STREAM

PATH = "/schema"
REF = "#/components/schemas/{name}"
SCHEME = "bearer"
COOKIE_SCHEME = "cookie"
ONE_SENT: dict[str, Any] = {
    "type": "object",
    "description": "One event of the stream; `data` is a frame, as on the WebSocket.",
    "properties": {
        "id": {"type": "string", "description": "Where to go on from, if it has one.", "examples": ["5f2a77c1-1234"]},
        "event": {"type": "string", "examples": ["plans.run.completed"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["event", "data"],
}
PERMISSIONS = "x-vivesphere-permissions"

STREAMED_BODY = "streamed_body"
"""The `opt` of a handler that reads its body itself, piece by piece: the media types it takes."""

STREAMED_REPLY = "streamed_reply"
"""The `opt` of a handler that streams its answer: the schema of each media type it may have."""

DESCRIPTION = """\
Everything ViveSphere does, over HTTP. Programs sign in with `POST /api/v1/auth/login` and send the access token as
`Authorization: Bearer …`. Pages of this server sign in with `POST /api/v1/auth/browser/login`, which sets cookies; then each
change sends the header `X-CSRF-Token`.

**Lists** come in pages: `{items, next_cursor}`; ask again with `cursor=<next_cursor>` for the next one.

**Errors** are `application/problem+json` (RFC 9457): `type` is stable, `detail` is one sentence, `errors` names the fields.

**Live events**: the WebSocket `/api/v1/stream`, with the token as the header above or as subprotocols
`["vivesphere.v1", "bearer.<token>"]`; our own pages send the cookie. Say `{"type": "subscribe", "topic": "bots.>"}`; each frame
of the server is `{v, id, seq, type, at, project, data}`. To go on where you left off, say `"after": <the largest seq you have
seen>`. Without a WebSocket, `GET /api/v1/stream/sse` sends the same frames. What crosses the bus, with every payload, is
described in `/schema/asyncapi.json`.

**Asking again**: send an `Idempotency-Key` with what makes something, and a request that got no answer can be sent once more.

**Change**: what is here stays. An operation marked `deprecated` says with each answer since when (`Deprecation`, RFC 9745),
until when it answers (`Sunset`, RFC 8594) and what answers instead (`Link`).

**Limits**: an address that is not signed in may send a limited number of requests a minute; see the `RateLimit-*` headers.
"""

COOKIE = (
    "For pages of this server. The name ends with the port, if the address has one (`vivesphere_access_8000`), and begins with "
    f"`__Host-` over https. A change also needs the header `{CSRF_HEADER}` with the value of the cookie `{CSRF}`, and the "
    "`Origin` must be this server's."
)

REFUSALS = {
    400: "The request cannot be read.",
    401: "Not signed in, or the token is not valid any more.",
    403: "Signed in, and not allowed to do this.",
    404: "There is no such thing.",
    409: "It contradicts what is there.",
    412: "It was changed meanwhile: its `ETag` is not that of `If-Match`.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "The input is not valid; `errors` names the fields.",
    429: "Too many requests; `Retry-After` says when to come back.",
    500: "The server failed; `request_id` finds the reason in its log.",
    502: "The other side failed.",
    503: "Not available now.",
    504: "It took too long.",
}

Json = dict[str, Any]
Operation = tuple[str, str, HTTPRouteHandler, Json]
"""Path, method, handler, and the operation object of the document."""


class _Document(OpenAPIRenderPlugin):
    """`/schema/openapi.json`."""

    def __init__(self) -> None:
        super().__init__(path="/openapi.json", media_type="application/vnd.oai.openapi+json")  # type: ignore[arg-type]  # any media type is sent as it is

    def render(self, request: Request[Any, Any, Any], openapi_schema: Json) -> bytes:
        return _encoded(request.app)


class _Viewer(OpenAPIRenderPlugin):
    """`/schema`: a page of our own, since Litestar's viewers all load their scripts from a CDN."""

    def __init__(self) -> None:
        super().__init__(path="/")

    def render(self, request: Request[Any, Any, Any], openapi_schema: Json) -> bytes:
        return _asset("viewer.html")


@get(["/viewer.js", "/viewer.css"], include_in_schema=False, sync_to_thread=False)
def viewer_asset(request: Request[Any, Any, Any]) -> Response[bytes]:
    name = request.scope["path"].rsplit("/", 1)[-1]
    kind = "text/javascript" if name.endswith(".js") else "text/css"
    return Response(_asset(name), media_type=kind)


def _ours(response: Response[Any]) -> Response[Any]:
    """Litestar answers unknown paths here with a page of its own; ours is a problem. What is left are pages, with scripts."""
    if response.status_code == 404:
        raise PathUnknown(f"There is nothing here; the document is {PATH}/openapi.json, its viewer {PATH}.")
    response.headers["Content-Security-Policy"] = UI_POLICY
    response.headers["Cache-Control"] = "no-cache"
    return response


def openapi_config(version: str, *beside: HTTPRouteHandler) -> OpenAPIConfig:
    """What Litestar is to know of the document; `beside` it are other descriptions, as public as this one."""
    return OpenAPIConfig(
        title="ViveSphere",
        version=version,
        description=DESCRIPTION,
        use_handler_docstrings=True,
        components=Components(
            security_schemes={
                SCHEME: SecurityScheme(type="http", scheme="bearer", bearer_format="JWT"),
                COOKIE_SCHEME: SecurityScheme(type="apiKey", security_scheme_in="cookie", name=ACCESS, description=COOKIE),
            },
        ),
        render_plugins=[_Viewer(), _Document()],
        openapi_router=Router(
            PATH, route_handlers=[viewer_asset, *beside], guards=[public], include_in_schema=False, after_request=_ours
        ),
    )


def openapi_document(app: Litestar) -> Json:
    """The whole document as plain JSON, the same for the same routes: it is committed, and compared."""
    document = _plain(app.openapi_schema.to_schema())
    operations = list(_operations(app, document))
    by_type = _schemas(document, operations)
    for path, method, handler, operation in operations:
        _complete(operation, path, method, handler, by_type)
    document["components"]["responses"] = {_name(status): _problem(status, by_type[Problem]) for status in REFUSALS}
    document["x-websockets"] = dict(_websockets(app))
    return _plain(document)


def _schemas(document: Json, operations: Iterable[Operation]) -> dict[Any, Json]:
    """Put msgspec's schemas in the place of Litestar's; the schema of each type that a body or a reply has."""
    found = [kind for _, _, handler, _ in operations for kind in (_body(handler), _reply(handler)) if _describable(kind)]
    types = list(dict.fromkeys([Problem, *found]))
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    document["components"]["schemas"] = dict(sorted(components.items()))
    return dict(zip(types, schemas, strict=True))


def _plain(value: Any) -> Json:
    plain: Json = msgspec.json.decode(msgspec.json.encode(value))
    return plain


def _operations(app: Litestar, document: Json) -> Iterator[Operation]:
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for method, (handler, _) in route.route_handler_map.items():
            operation = document["paths"].get(route.path_format, {}).get(method.lower())
            if operation is not None and handler.resolve_include_in_schema():
                yield route.path_format, method, handler, operation


def _complete(operation: Json, path: str, method: str, handler: HTTPRouteHandler, by_type: dict[Any, Json]) -> None:
    rule = rule_of(handler)
    _describe(operation, handler, rule)
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _without_null(parameter["schema"])
    body = _body(handler)
    if body in by_type:
        operation["requestBody"] = {"content": {"application/json": {"schema": by_type[body]}}, "required": True}
    if streamed := handler.opt.get(STREAMED_BODY):
        operation["requestBody"] = {"content": {each: {"schema": {"type": "string"}} for each in streamed}, "required": True}
    success = operation["responses"][str(handler.status_code)]
    reply = _reply(handler)
    if reply in by_type:
        success["content"] = {"application/json": {"schema": by_type[reply]}}
    elif reply is bytes:
        success["content"] = {str(handler.media_type): {"schema": {"type": "string"}}}
    elif streamed_reply := handler.opt.get(STREAMED_REPLY):
        success["content"] = {media_type: {"schema": schema} for media_type, schema in streamed_reply.items()}
    elif str(handler.media_type) == EVENT_STREAM:
        success["content"] = {EVENT_STREAM: {"schema": ONE_SENT}}
    for status in _statuses(operation, path, method, guarded=rule is not None and rule.permissions is not None):
        if str(status) not in operation["responses"] or status == 400:
            operation["responses"][str(status)] = {"$ref": f"#/components/responses/{_name(status)}"}
    # Litestar takes a `Response[None]`, which carries nothing but headers, for one with a body.
    operation["responses"].get("204", {}).pop("content", None)
    operation["responses"] = dict(sorted(operation["responses"].items()))
    describe_deprecation(operation, handler)


def _describe(operation: Json, handler: HTTPRouteHandler, rule: Rule | None) -> None:
    """The docstring's first sentence is the summary."""
    text = inspect.cleandoc(handler.fn.__doc__ or "")
    summary, _, rest = text.partition("\n\n")
    first = re.match(r"(.*?\.)(?:\s+(.*))?$", summary, re.DOTALL)
    if first:
        operation["summary"] = " ".join(first.group(1).rstrip(".").split())
        rest = "\n\n".join(part for part in (first.group(2), rest) if part)
    if rule is not None and rule.permissions is not None:
        needed = [permission for permission in rule.permissions if permission]
        shown = ", ".join(f"`{permission}`" for permission in needed)
        operation["security"] = [{SCHEME: []}, {COOKIE_SCHEME: []}]
        operation[PERMISSIONS] = needed
        rest = "\n\n".join(part for part in (rest, f"Needs the permission {shown}." if needed else "") if part)
    else:
        operation["security"] = []
    operation.pop("description", None)
    if rest:
        operation["description"] = rest
    module = handler.opt.get("module")
    if module and not operation.get("tags"):
        operation["tags"] = [module]


def _statuses(operation: Json, path: str, method: str, *, guarded: bool) -> Iterator[int]:
    yield 500
    if not path.startswith("/api"):
        return
    yield from (429, 503, 504)
    if guarded:
        yield from (401, 403)
    parameters = operation.get("parameters", ())
    if parameters:
        yield from (400, 422)
    if any(parameter["in"] == "path" for parameter in parameters):
        yield 404
    if any(parameter["name"] == "If-Match" for parameter in parameters):
        yield 412
    if "requestBody" in operation:
        yield from (400, 413, 415, 422)
    if method != "GET":
        yield from (401, 403, 404, 409, 422, 502)


def _body(handler: HTTPRouteHandler) -> Any | None:
    field = handler.parsed_data_field
    return None if field is None else field.raw


def _reply(handler: HTTPRouteHandler) -> Any | None:
    field: FieldDefinition = handler.parsed_return_field
    if field.is_subclass_of(Response):
        return field.inner_types[0].raw if field.inner_types else None
    return None if field.raw in (None, type(None)) else field.raw


def _describable(kind: Any) -> bool:
    if kind in (None, bytes, str):
        return False
    try:
        msgspec.json.schema_components([kind])
    except TypeError:
        return False
    return True


def _without_null(schema: Json) -> Json:
    """A query cannot say null; an optional parameter is one that is left out."""
    choices = schema.get("oneOf")
    if not choices:
        return schema
    left = [choice for choice in choices if choice.get("type") != "null"]
    rest = {key: value for key, value in schema.items() if key != "oneOf"}
    return left[0] | rest if len(left) == 1 else rest | {"oneOf": left}


def _name(status: int) -> str:
    return f"Problem{status}"


def _problem(status: int, schema: Json) -> Json:
    response: Json = {"description": REFUSALS[status], "content": {MEDIA_TYPE: {"schema": schema}}}
    if status == 429:
        response["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    if status == 401:
        response["headers"] = {"WWW-Authenticate": {"description": "Always `Bearer`.", "schema": {"type": "string"}}}
    return response


def _websockets(app: Litestar) -> Iterator[tuple[str, Json]]:
    """OpenAPI has no words for WebSockets; readers who look for a path still find it."""
    for route in app.routes:
        if isinstance(route, WebSocketRoute):
            handler: WebsocketRouteHandler = route.route_handler
            rule = rule_of(handler)
            yield (
                route.path_format,
                {
                    "description": inspect.cleandoc(handler.fn.__doc__ or ""),
                    "permissions": [each for each in (rule.permissions if rule and rule.permissions else ()) if each],
                },
            )


@lru_cache(maxsize=4)
def _encoded(app: Litestar) -> bytes:
    return msgspec.json.encode(openapi_document(app))


@lru_cache(maxsize=8)
def _asset(name: str) -> bytes:
    return resources.files("vivesphere.kernel.http").joinpath("viewer", name).read_bytes()
