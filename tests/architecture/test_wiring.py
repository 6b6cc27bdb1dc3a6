"""What the modules wire up, seen from outside: messages, their owners and their doors. Read from the composed application."""

import re
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import pytest_asyncio
from litestar import Litestar
from litestar.handlers import BaseRouteHandler
from litestar.routes import HTTPRoute

from vivesphere import app
from vivesphere.kernel import events as kernel_events
from vivesphere.kernel.bus.messages import Event, Request, reply_type
from vivesphere.kernel.http.authentication import Public, Requirement
from vivesphere.kernel.settings import Settings

PERMISSION = re.compile(r"[a-z]+(\.[a-z_]+){2}")
OPEN_DOORS = {
    "/health/live": "asked by whoever watches the process",
    "/health/ready": "the same",
    "/metrics": "asked by Prometheus; it counts and names nobody",
    "/api/v1/auth/status": "the page must know whether to show set-up or sign-in",
    "/api/v1/auth/setup": "guarded by its one-time token",
    "/api/v1/auth/login": "where a session begins",
    "/api/v1/auth/refresh": "guarded by the refresh token",
    "/api/v1/auth/browser/setup": "guarded by its one-time token, for our own pages",
    "/api/v1/auth/browser/login": "where a session begins, for our own pages",
    "/api/v1/auth/browser/refresh": "guarded by the refresh token in the cookie, and the CSRF token",
    "/api/v1/auth/browser/logout": "the same; it must work when the access token is over",
    "/.well-known/jwks.json": "public keys, for whoever is handed one of our tokens",
}
"""Every route that needs no session, and why. The page and the API's description are below `PAGE`."""

PAGE = ("/schema", "/assets", "/{path")


@pytest_asyncio.fixture
async def composed(tmp_path: Path) -> AsyncIterator[app.Application]:
    async with app.running(Settings.load({"VIVESPHERE_DATA_DIR": str(tmp_path / "data")})) as application:
        yield application


def messages(contracts: ModuleType) -> list[type[Any]]:
    return [
        value
        for value in vars(contracts).values()
        if isinstance(value, type) and issubclass(value, Event | Request) and value.__module__ == contracts.__name__
    ]


def name(contracts: ModuleType) -> str:
    return contracts.__name__.rpartition(".")[2]


@pytest.mark.parametrize("contracts", app.CONTRACTS, ids=name)
def test_topics_begin_with_the_name_of_their_module(contracts: ModuleType) -> None:
    assert messages(contracts)
    assert not [message.topic for message in messages(contracts) if not message.topic.startswith(f"{name(contracts)}.")]


def test_every_page_of_the_contracts_is_composed() -> None:
    pages = {path.stem for path in Path(str(app.CONTRACTS[0].__file__)).parent.glob("*.py")} - {"__init__"}
    assert {name(contracts) for contracts in app.CONTRACTS} == pages


def test_no_two_messages_share_a_topic() -> None:
    topics = Counter(message.topic for contracts in (*app.CONTRACTS, kernel_events) for message in messages(contracts))
    assert not [topic for topic, times in topics.items() if times > 1]


@pytest.mark.parametrize("contracts", [*app.CONTRACTS, kernel_events], ids=name)
def test_every_message_states_the_permission_it_needs(contracts: ModuleType) -> None:
    assert not [message.topic for message in messages(contracts) if not PERMISSION.fullmatch(message.permission)]


@pytest.mark.parametrize("contracts", app.CONTRACTS, ids=name)
def test_replies_can_be_told_apart(contracts: ModuleType) -> None:
    for message in messages(contracts):
        if issubclass(message, Request):
            parts = getattr(reply_type(message), "__args__", (reply_type(message),))
            tags = [part.__struct_config__.tag for part in parts]
            assert len(set(tags)) == len(parts), message.__name__


async def test_every_request_has_exactly_one_responder_and_it_is_the_owners(composed: app.Application) -> None:
    answered = [(module.name, request) for module, _ in composed.modules for request in module.responders]
    assert Counter(request for _, request in answered) == Counter(app.requests())
    assert not [request.topic for owner, request in answered if not request.topic.startswith(f"{owner}.")]


async def test_every_event_of_a_module_is_published_by_it(composed: app.Application) -> None:
    published = {module.name: set(module.publishes) for module, _ in composed.modules}
    for contracts in app.CONTRACTS:
        promised = {message for message in messages(contracts) if issubclass(message, Event)}
        assert promised == published[name(contracts)], name(contracts)


def doors(http: Litestar) -> list[tuple[str, BaseRouteHandler]]:
    """Each route's path with each of its handlers; the OPTIONS that Litestar answers by itself are left out."""
    found: list[tuple[str, BaseRouteHandler]] = []
    for route in http.routes:
        handlers = route.route_handlers if isinstance(route, HTTPRoute) else (route.route_handler,)
        found += [(route.path, each) for each in handlers if getattr(each, "http_methods", None) != {"OPTIONS"}]
    return found


def stated(handler: BaseRouteHandler) -> list[Any]:
    """The guards as handler, controller and router state them, not as Litestar wraps them."""
    return [guard for layer in handler.ownership_layers for guard in (layer.guards or ())]


def guards(handler: BaseRouteHandler) -> set[type]:
    return {type(guard) for guard in stated(handler)}


async def test_every_route_has_a_permission_or_is_public_on_purpose(composed: app.Application) -> None:
    found = doors(composed.http)
    assert found
    assert not [path for path, handler in found if path.startswith("/api") and not guards(handler) & {Requirement, Public}]
    public = {path for path, handler in found if Requirement not in guards(handler)}
    assert {path for path in public if path != "/" and not path.startswith(PAGE)} == set(OPEN_DOORS)


async def test_every_permission_asked_for_has_three_words(composed: app.Application) -> None:
    asked = {
        guard.permission
        for _, handler in doors(composed.http)
        for guard in stated(handler)
        if isinstance(guard, Requirement) and guard.permission
    }
    assert asked
    assert not [permission for permission in asked if not PERMISSION.fullmatch(permission)]


async def test_every_route_below_api_is_in_the_openapi_document(composed: app.Application) -> None:
    """A WebSocket is not: OpenAPI 3.1 has no words for it."""
    described = set(composed.http.openapi_schema.to_schema()["paths"])
    served = {
        route.path_format for route in composed.http.routes if isinstance(route, HTTPRoute) and route.path.startswith("/api")
    }
    assert served
    assert served <= described
