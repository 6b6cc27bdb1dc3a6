"""Routes on their way out: they go on answering, and say with each answer since when they are deprecated and when they go.

A handler, controller or router says `opt=deprecated(since=date(2027, 1, 5), sunset=date(2027, 7, 5), successor="/api/v1/…")`.
Contracts only grow; this is the one way to take something back (`make baseline` refuses any other).
"""

from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from typing import Any

import msgspec
from litestar.handlers import BaseRouteHandler
from litestar.types import HTTPResponseStartEvent, Scope

KEY = "deprecation"
SUNSET_EXTENSION = "x-vivesphere-sunset"

Json = dict[str, Any]


class Deprecation(msgspec.Struct, frozen=True, kw_only=True):
    """Both days begin at midnight UTC. `successor` is the path that answers instead, empty if none does."""

    since: date
    sunset: date
    successor: str = ""

    def headers(self) -> tuple[tuple[str, str], ...]:
        """`Deprecation` (RFC 9745) is a structured date, `Sunset` (RFC 8594) an HTTP date, the relation is of RFC 5829."""
        said = [
            ("Deprecation", f"@{int(_midnight(self.since).timestamp())}"),
            ("Sunset", format_datetime(_midnight(self.sunset), usegmt=True)),
        ]
        if self.successor:
            said.append(("Link", f'<{self.successor}>; rel="successor-version"'))
        return tuple(said)


def deprecated(*, since: date, sunset: date, successor: str = "") -> dict[str, Any]:
    """The `opt` of a deprecated route. Raises ValueError if it would go before it is deprecated (RFC 9745, 4)."""
    if sunset < since:
        raise ValueError(f"a route that is deprecated since {since} cannot go on {sunset}")
    return {KEY: Deprecation(since=since, sunset=sunset, successor=successor)}


def deprecation_of(handler: BaseRouteHandler) -> Deprecation | None:
    found: Deprecation | None = handler.opt.get(KEY)
    return found


def tell_deprecation(message: HTTPResponseStartEvent, scope: Scope) -> None:
    """To any answer of a deprecated route, so that its refusals tell it too."""
    handler: BaseRouteHandler | None = scope.get("route_handler")
    deprecation = None if handler is None else deprecation_of(handler)
    if deprecation is not None:
        told = [(name.lower().encode(), value.encode()) for name, value in deprecation.headers()]
        message["headers"] = [*message["headers"], *told]


def describe_deprecation(operation: Json, handler: BaseRouteHandler) -> None:
    """Mark an operation of the OpenAPI document, with the headers that its own answers carry."""
    deprecation = deprecation_of(handler)
    if deprecation is None:
        return
    operation["deprecated"] = True
    operation[SUNSET_EXTENSION] = deprecation.sunset.isoformat()
    for answer in operation["responses"].values():
        if "$ref" not in answer:
            answer.setdefault("headers", {}).update(
                {name: {"schema": {"type": "string"}, "example": value} for name, value in deprecation.headers()}
            )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
