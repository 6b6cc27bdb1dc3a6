"""Every message that may cross the bus: its fields, who says it, who hears or answers it, and what that needs."""

import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import msgspec
from docs.reference_writer.markdown import WRITTEN, code, listed, page, table

from vivesphere import app
from vivesphere.kernel import events as kernel_events
from vivesphere.kernel.bus.messages import Event, Message
from vivesphere.kernel.catalog import Catalog, EventEntry, RequestEntry, messages_in

INTRODUCTION = """What crosses the bus. An event is a fact for any number of listeners; a *durable* one is on disk before
anybody hears of it. A request has exactly one responder and a typed reply. The permission is what listening or asking needs.
Listeners are those that stand there from the start, by the names that health, metrics and dead letters show; a durable one
reads from the log and misses nothing. [asyncapi.json](asyncapi.json) says the same to machines,
[the guide](../guides/events.md) how to use it."""

JSON_VALUE = "None | bool | int | float | str | list[Any] | dict[str, Any]"


def bus_page(catalog: Catalog) -> str:
    text = [WRITTEN + "# Events and requests", INTRODUCTION]
    entries: dict[type[Message], EventEntry | RequestEntry] = {entry.contract: entry for entry in catalog.events}
    entries |= {entry.contract: entry for entry in catalog.requests}
    for name, contracts in (("kernel", kernel_events), *((_last(each.__name__), each) for each in app.CONTRACTS)):
        text.append(f"## {name}")
        text.append(contracts.__doc__ or "")
        text.extend(_entries(contracts, entries))
    return page(text)


def _entries(contracts: ModuleType, entries: dict[type[Message], EventEntry | RequestEntry]) -> Iterator[str]:
    """Events first: they are what most readers look for."""
    for contract in sorted(messages_in(contracts), key=lambda message: not issubclass(message, Event)):
        entry = entries[contract]
        yield from _event(entry) if isinstance(entry, EventEntry) else _request(entry)


def _event(entry: EventEntry) -> Iterator[str]:
    event = entry.contract
    heard = (f"{code(each.name)}{' (durable)' if each.durable else ''}" for each in entry.listeners)
    yield f"### {event.topic}"
    yield f"{event.__name__}, {'durable event' if event.durable else 'event'}, permission {code(event.permission)}"
    yield _documentation(event)
    yield f"- Published by {code(entry.publisher)}\n- Heard by {', '.join(heard) or 'nobody from the start'}"
    yield _fields(event)


def _request(entry: RequestEntry) -> Iterator[str]:
    request = entry.contract
    yield f"### {request.topic}"
    yield f"{request.__name__}, request, permission {code(request.permission)}"
    yield _documentation(request)
    replies = listed((_tag(reply) for reply in entry.replies), otherwise="nothing")
    yield f"- Answered by {code(entry.responder)}\n- Replies {replies}"
    yield _fields(request)
    for reply in entry.replies:
        yield f"Reply {code(_tag(reply))}{': ' if reply.__doc__ else ''}{_documentation(reply)}"
        yield _fields(reply)


def _tag(reply: type[msgspec.Struct]) -> str:
    """What tells the members of a reply apart; one that stands alone needs none."""
    return str(reply.__struct_config__.tag or reply.__name__)


def _documentation(struct: type[msgspec.Struct]) -> str:
    return inspect.cleandoc(struct.__doc__ or "")


def _fields(struct: type[msgspec.Struct]) -> str:
    fields = msgspec.structs.fields(struct)
    secret: frozenset[str] = getattr(struct, "secret", frozenset())
    rows = (
        (f"`{each.name}`", code(_type(each.type)), _default(each), "secret: masked" if each.name in secret else "")
        for each in fields
    )
    return table(("field", "type", "default", ""), rows) if fields else ""


def _type(annotation: Any) -> str:
    text = annotation.__name__ if inspect.isclass(annotation) and not getattr(annotation, "__args__", ()) else str(annotation)
    return text.replace("typing.", "").replace(JSON_VALUE, "JSON").replace("NoneType", "None")


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    made = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
    return code(msgspec.json.encode(made).decode())


def _last(dotted: str) -> str:
    return dotted.rpartition(".")[2]
