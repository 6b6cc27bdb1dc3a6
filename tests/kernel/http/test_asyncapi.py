"""The description of the bus, for messages that the modules of today do not have."""

import json
from typing import Any

import hatch_build
import jsonschema_rs
import msgspec
import pytest

from vivesphere.kernel.bus.messages import Event, Request
from vivesphere.kernel.http.asyncapi import asyncapi_document
from vivesphere.kernel.module import DurableListener, Listener, Module

Json = dict[str, Any]


class Round(msgspec.Struct, tag="round"):
    radius: float


class Square(msgspec.Struct, tag="square"):
    side: float


class Drawn(Event, durable=True):
    """Somebody drew."""

    topic = "board.drawn"
    permission = "board.board.read"
    secret = frozenset({"note"})
    shape: Round | Square
    place: tuple[int, int]
    note: str = ""


class Wiped(Event):
    topic = "board.wiped"
    permission = "board.board.read"


def refused() -> type[msgspec.Struct]:
    class Refused(msgspec.Struct, tag="refused"):
        detail: str

    return Refused


Refused, AlsoRefused = refused(), msgspec.defstruct("Refused", [("why", str)], tag="refused", module="elsewhere")


class Draw(Request[Square | Refused]):  # type: ignore[valid-type]  # two structs of one name can only be made, not written
    topic = "board.draw"
    permission = "board.board.write"


class Wipe(Request[AlsoRefused]):  # type: ignore[valid-type]  # the same
    topic = "board.wipe"
    permission = "board.board.write"


async def _never(_: Any) -> Any: ...


@pytest.fixture(scope="module")
def document() -> Json:
    board = Module(
        name="board",
        publishes=(Drawn, Wiped),
        responders={Draw: _never, Wipe: _never},
        listeners=(Listener("board.*", _never), Listener("board.*", _never), Listener("chalk.>", _never)),
        durable_listeners=(DurableListener((Drawn,), _never, "archive"),),
    )
    made: Json = json.loads(msgspec.json.encode(asyncapi_document([board], "1.2.3")))
    return made


def test_it_is_valid(document: Json) -> None:
    schema = hatch_build.MODULES / "@asyncapi/specs/schemas/3.0.0.json"
    errors = jsonschema_rs.validator_for(json.loads(schema.read_bytes())).iter_errors(document)
    assert not [error.message for error in errors]
    assert document["info"]["version"] == "1.2.3"


def test_a_channel_says_who_speaks_who_hears_and_what_that_needs(document: Json) -> None:
    drawn = document["channels"]["board.drawn"]
    assert {key: value for key, value in drawn.items() if key.startswith("x-")} == {
        "x-vivesphere-durable": True,
        "x-vivesphere-permission": "board.board.read",
        "x-vivesphere-publisher": "module:board",
        "x-vivesphere-listeners": [
            {"name": "module:board<board.*>", "durable": False},
            {"name": "module:board/archive", "durable": True},
        ],
    }
    assert drawn["description"] == "Somebody drew."
    assert document["components"]["messages"]["board.drawn"]["x-vivesphere-secret"] == ["note"]
    assert document["channels"]["bus.loop_broken"]["x-vivesphere-publisher"] == "system"
    assert "hear.bus.loop_broken" not in document["operations"]
    assert document["operations"]["hear.board.drawn"]["action"] == "receive"


def test_payloads_are_of_draft_7(document: Json) -> None:
    """Draft 7 has no `prefixItems`, and AsyncAPI's `discriminator` is the property's name (AsyncAPI 3.0, Schema Object)."""
    payload = document["components"]["schemas"]["Drawn"]["properties"]
    assert payload["place"]["items"] == [{"type": "integer"}, {"type": "integer"}]
    assert "prefixItems" not in payload["place"]
    assert payload["shape"]["discriminator"] == "type"


def test_replies_of_one_name_are_kept_apart(document: Json) -> None:
    draw, wipe = document["operations"]["answer.board.draw"], document["operations"]["answer.board.wipe"]
    assert draw["action"] == "receive"
    fields = []
    for asked, count in ((draw, 2), (wipe, 1)):
        assert len(asked["reply"]["messages"]) == count
        message = resolved(document, resolved(document, asked["reply"]["messages"][-1]))
        fields += list(resolved(document, message["payload"])["properties"])
    assert fields == ["type", "detail", "type", "why"]


def resolved(document: Json, reference: Json) -> Json:
    place = document
    for token in reference["$ref"].removeprefix("#/").split("/"):
        place = place[token]
    return place
