"""Recorded samples of every durable event. An installation's log holds such events for ever, so each must decode for ever.

`make baseline` writes a sample for each event, and one more when its shape has changed. A sample is never written again: it
stands for what an older release has left on disks. Its digest shows a change.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect
from tests.contracts.breaking import promised

from vivesphere import app
from vivesphere.kernel import events as kernel_events
from vivesphere.kernel.bus.messages import Event
from vivesphere.kernel.catalog import messages_in

SAMPLES = Path(__file__).parent / "samples"

SIMPLE: dict[type[inspect.Type], Any] = {
    inspect.IntType: 7,
    inspect.FloatType: 1.5,
    inspect.BoolType: True,
    inspect.NoneType: None,
    inspect.AnyType: "anything",
    inspect.DateTimeType: "2026-01-05T08:00:00Z",
}


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """`shape` is a digest of the event's schema when the sample was made; `digest` of everything else here."""

    topic: str
    shape: str
    payload: dict[str, Any]
    digest: str = ""

    def computed_digest(self) -> str:
        return _digest(msgspec.json.encode((self.topic, self.shape, self.payload), order="deterministic"))


def durable_events() -> dict[str, type[Event]]:
    """Every event that the log may hold for good, by its topic."""
    found = (message for contracts in (kernel_events, *app.CONTRACTS) for message in messages_in(contracts))
    return {event.topic: event for event in found if issubclass(event, Event) and event.durable}


def recorded(folder: Path) -> dict[Path, Sample]:
    return {path: msgspec.json.decode(path.read_bytes(), type=Sample) for path in sorted(folder.glob("*.json"))}


def record(events: dict[str, type[Event]], folder: Path) -> Iterator[Path]:
    """Write a sample of every event whose present shape has none."""
    known = {(sample.topic, sample.shape) for sample in recorded(folder).values()}
    for topic, event in events.items():
        if (topic, shape_of(event)) not in known:
            path = _free(folder, topic)
            sample = made_sample(event)
            content = msgspec.json.encode(msgspec.structs.replace(sample, digest=sample.computed_digest()))
            path.write_bytes(msgspec.json.format(content, indent=2) + b"\n")
            yield path


def made_sample(event: type[Event]) -> Sample:
    """With a value in every field, and checked: what it says is what the event says after it was decoded."""
    payload = {field.encode_name: _value(field.type, field.encode_name) for field in _fields(event)}
    assert said_by(payload, event) == payload, event
    return Sample(topic=event.topic, shape=shape_of(event), payload=payload)


def said_by(payload: dict[str, Any], event: type[Event]) -> dict[str, Any]:
    """What is left of a recorded payload once today's class has decoded it. The log decodes in the same way."""
    said: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(msgspec.convert(payload, event)))
    return said


def shape_of(event: type[Event]) -> str:
    """The same as long as the event's fields, their types and which must be given are the same."""
    schemas, components = msgspec.json.schema_components([event])
    return _digest(msgspec.json.encode(promised([schemas, components], named=True), order="deterministic"))


def _fields(event: type[Event]) -> tuple[inspect.Field, ...]:
    described = inspect.type_info(event)
    assert isinstance(described, inspect.StructType)
    return described.fields


def _value(kind: inspect.Type, name: str) -> Any:
    """Some value of the type, named after its field where it can be."""
    match kind:
        case inspect.StrType():
            return f"some {name}"
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.UnionType(types=types):
            return _value(next(each for each in types if not isinstance(each, inspect.NoneType)), name)
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            return [_value(item, name)]
        case inspect.DictType(value_type=value):
            return {"key": _value(value, name)}
        case inspect.StructType(fields=fields):
            return {field.encode_name: _value(field.type, field.encode_name) for field in fields}
        case _:
            return SIMPLE[type(kind)]


def _free(folder: Path, topic: str) -> Path:
    number = 1
    while (path := folder / f"{topic}.{number}.json").exists():
        number += 1
    return path


def _digest(content: bytes) -> str:
    """In groups, so that nobody takes it for a key: neither a person nor the search for secrets in `make lint`."""
    digits = hashlib.sha256(content).hexdigest()
    return "-".join(digits[start : start + 8] for start in range(0, 32, 8))
