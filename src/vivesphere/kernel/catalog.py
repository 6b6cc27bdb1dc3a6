"""What crosses the bus, and between whom: gathered from the modules' wiring, for the reference and for AsyncAPI."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, get_args

import msgspec

from vivesphere.kernel import events as kernel_events
from vivesphere.kernel import principals
from vivesphere.kernel.bus.messages import Event, Request, reply_type
from vivesphere.kernel.bus.topics import matches
from vivesphere.kernel.module import Listener, Module
from vivesphere.kernel.principals import SYSTEM


@dataclass(frozen=True, slots=True)
class ListenerEntry:
    """One listener as the bus names it. A durable one reads from the log and misses nothing."""

    name: str
    durable: bool


@dataclass(frozen=True, slots=True)
class EventEntry:
    """An event, the principal that publishes it, and who listens from the start. Plugins come and go beside them."""

    contract: type[Event]
    publisher: str
    listeners: tuple[ListenerEntry, ...]


@dataclass(frozen=True, slots=True)
class RequestEntry:
    """A request, who answers it, and the members of its reply."""

    contract: type[Request[Any]]
    responder: str
    replies: tuple[type[msgspec.Struct], ...]


@dataclass(frozen=True, slots=True)
class Catalog:
    """Both in the order of their topics."""

    events: tuple[EventEntry, ...]
    requests: tuple[RequestEntry, ...]


def catalog_of(modules: Sequence[Module]) -> Catalog:
    """The catalog of a server that is made of these modules and the kernel."""
    published = [(SYSTEM, event) for event in _events_in(kernel_events)]
    published += [(principals.module(module.name), event) for module in modules for event in module.publishes]
    answered = [(principals.module(module.name), request) for module in modules for request in module.responders]
    events = (EventEntry(event, publisher, tuple(dict.fromkeys(_listeners(event, modules)))) for publisher, event in published)
    requests = (RequestEntry(request, responder, replies_of(request)) for responder, request in answered)
    return Catalog(
        events=tuple(sorted(events, key=lambda entry: entry.contract.topic)),
        requests=tuple(sorted(requests, key=lambda entry: entry.contract.topic)),
    )


def replies_of(request: type[Request[Any]]) -> tuple[type[msgspec.Struct], ...]:
    """The members of what a request is answered with, one if it is no union."""
    declared = reply_type(request)
    return get_args(declared) or (declared,)


def messages_in(contracts: ModuleType) -> list[type[Event] | type[Request[Any]]]:
    """Every message that a page of contracts declares itself, in the order of the page."""
    found = (value for value in vars(contracts).values() if isinstance(value, type) and issubclass(value, Event | Request))
    return [message for message in found if message.__module__ == contracts.__name__]


def _events_in(contracts: ModuleType) -> list[type[Event]]:
    return [message for message in messages_in(contracts) if issubclass(message, Event)]


def _listeners(event: type[Event], modules: Sequence[Module]) -> Iterable[ListenerEntry]:
    for module in modules:
        principal = principals.module(module.name)
        for live in module.listeners:
            if _hears(live, event):
                yield ListenerEntry(f"{principal}<{_pattern(live)}>", durable=False)
        for durable in module.durable_listeners:
            if event in durable.to:
                yield ListenerEntry(f"{principal}/{durable.name}", durable=True)


def _hears(listener: Listener, event: type[Event]) -> bool:
    return matches(_pattern(listener), event.topic)


def _pattern(listener: Listener) -> str:
    return listener.to if isinstance(listener.to, str) else listener.to.topic
