"""The builtin tools, one by one, through the front door."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.modules.tools.world import ToolWorld

from vivesphere.contracts.tools import ToolFailed, ToolResult
from vivesphere.modules.tools.builtin.arithmetic import evaluate
from vivesphere.modules.tools.builtin.catalog import BUILTIN, CATEGORIES
from vivesphere.modules.tools.builtin.structured import resolve
from vivesphere.modules.tools.builtin.template import render
from vivesphere.sdk import PluginError

DIGEST = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # pragma: allowlist secret


@pytest.mark.parametrize(
    ("tool", "arguments", "result"),
    [
        ("text.change_case", {"text": "hello World", "case": "upper"}, "HELLO WORLD"),
        ("text.change_case", {"text": "hello World", "case": "lower"}, "hello world"),
        ("text.change_case", {"text": "hello World", "case": "title"}, "Hello World"),
        ("text.change_case", {"text": "hello World", "case": "sentence"}, "Hello world"),
        ("text.change_case", {"text": "hello, World!", "case": "snake"}, "hello_world"),
        ("text.change_case", {"text": "hello World", "case": "kebab"}, "hello-world"),
        ("text.change_case", {"text": "hello big World", "case": "camel"}, "helloBigWorld"),
        ("text.change_case", {"text": "!", "case": "camel"}, ""),
        ("text.replace", {"text": "a.b.c", "find": ".", "replacement": ""}, "abc"),
        ("text.count_words", {"text": ""}, {"words": 0, "characters": 0, "lines": 0}),
        ("text.render_template", {"template": "Hi {{ a.b | title }}!", "values": {"a": {"b": "ann"}}}, "Hi Ann!"),
        ("json.parse", {"text": '{"a": [1, null]}'}, {"a": [1, None]}),
        ("json.get_pointer", {"document": {"a/b": [{"~": 1}]}, "pointer": "/a~1b/0/~0"}, 1),
        ("json.get_pointer", {"document": [1], "pointer": ""}, [1]),
        ("date.now", {}, "2026-01-05T12:00:00+00:00"),
        ("date.now", {"timezone": "Asia/Kathmandu"}, "2026-01-05T17:45:00+05:45"),
        ("date.add_duration", {"moment": "2024-01-31T00:00:00Z", "duration": "P1M"}, "2024-02-29T00:00:00+00:00"),
        ("date.add_duration", {"moment": "2024-02-29T00:00:00Z", "duration": "-P1Y"}, "2023-02-28T00:00:00+00:00"),
        (
            "date.add_duration",
            {"moment": "2024-12-31T23:00:00+02:00", "duration": "P1W1DT1H30M2.5S"},
            "2025-01-09T00:30:02.500000+02:00",
        ),
        (
            "date.difference",
            {"start": "2024-01-02T00:00:00Z", "end": "2024-01-01T00:59:00+02:00"},
            {"seconds": -90060.0, "days": 1, "hours": 1, "minutes": 1},
        ),
        ("hash.digest_text", {"text": "abc"}, DIGEST),
        ("encoding.base64", {"text": "ñ?>", "direction": "encode"}, "w7E/Pg=="),
        ("encoding.base64", {"text": "ñ?>", "direction": "encode", "url_safe": True}, "w7E_Pg"),
        ("encoding.base64", {"text": "w7E_Pg", "direction": "decode"}, "ñ?>"),
        ("random.pick_number", {"least": 7, "most": 7}, 7),
        ("math.evaluate", {"expression": "2 * (3 + 4) ** 2 - -1"}, 99),
        ("math.evaluate", {"expression": "max(1, 2.5) + round(pi, 2) + +1"}, 6.640000000000001),
        ("math.evaluate", {"expression": "2 ** 100"}, 2.0**100),
        ("math.evaluate", {"expression": "7 // 2 % 2 / 2"}, 0.5),
    ],
)
async def test_what_a_tool_gives(world: ToolWorld, tool: str, arguments: Any, result: Any) -> None:
    reply = await world.run(tool, arguments)
    assert isinstance(reply, ToolResult), reply
    assert reply.result == result


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("text.replace", {"text": "a" * 1001, "find": "a", "replacement": "b" * 1000}, "more than 1000000 characters"),
        ("json.parse", {"text": "{"}, "is not JSON"),
        ("json.parse", {"text": "[" * 100_000}, "nested too deeply"),
        ("json.get_pointer", {"document": {}, "pointer": "a"}, "begins with '/'"),
        ("json.get_pointer", {"document": {}, "pointer": "/~2"}, "'~0'"),
        ("json.get_pointer", {"document": {"a": [1]}, "pointer": "/a/01"}, "nothing at /a/01"),
        ("json.get_pointer", {"document": {"a": [1]}, "pointer": "/a/-"}, "nothing at /a/-"),
        ("json.get_pointer", {"document": 1, "pointer": "/a"}, "nothing at /a"),
        ("date.now", {"timezone": "Mars/Base"}, "no time zone 'Mars/Base'"),
        ("date.now", {"timezone": "../../etc/passwd"}, "no time zone"),
        ("date.now", {"timezone": "Europe"}, "no time zone"),
        ("date.add_duration", {"moment": "2024-01-01T00:00:00Z", "duration": "P"}, "not an ISO 8601 duration"),
        ("date.add_duration", {"moment": "2024-01-01T00:00:00Z", "duration": "P1DT"}, "not an ISO 8601 duration"),
        ("date.add_duration", {"moment": "2024-01-01T00:00:00Z", "duration": "P9000Y"}, "years 1 to 9999"),
        ("date.add_duration", {"moment": "2024-01-01T00:00:00Z", "duration": "P" + "9" * 40 + "D"}, "years 1 to 9999"),
        ("encoding.base64", {"text": "a", "direction": "decode"}, "not base64"),
        ("encoding.base64", {"text": "ä", "direction": "decode"}, "not base64"),
        ("encoding.base64", {"text": "/w==", "direction": "decode"}, "not a UTF-8 text"),
        ("random.pick_number", {"least": 2, "most": 1}, "no number from 2 to 1"),
        ("math.evaluate", {"expression": "1/0"}, "divides by zero"),
        ("math.evaluate", {"expression": "9**9**9"}, "too large"),
        ("math.evaluate", {"expression": "2.0**9999"}, "too large"),
        ("math.evaluate", {"expression": "(2**1023)*(2**1023)"}, "too large"),
        ("math.evaluate", {"expression": "1e308*10"}, "not a finite number"),
        ("math.evaluate", {"expression": "1 +"}, "not an arithmetic expression"),
        ("math.evaluate", {"expression": "(-1) ** 0.5"}, "root of a negative number"),
        ("math.evaluate", {"expression": "sqrt(-1)"}, "cannot be calculated"),
        ("math.evaluate", {"expression": "sqrt(1, 2)"}, "cannot be calculated"),
        ("math.evaluate", {"expression": "__import__('os')"}, "not allowed here"),
        ("math.evaluate", {"expression": "True"}, "not allowed here"),
        ("math.evaluate", {"expression": "(1).real"}, "not allowed here"),
        ("math.evaluate", {"expression": "not 1"}, "not allowed here"),
        ("math.evaluate", {"expression": "round(1, ndigits=2)"}, "not allowed here"),
        ("math.evaluate", {"expression": "1 << 99"}, "not allowed here"),
    ],
)
async def test_what_a_tool_cannot_do_it_says_in_a_sentence(world: ToolWorld, tool: str, arguments: Any, said: str) -> None:
    reply = await world.run(tool, arguments)
    assert isinstance(reply, ToolFailed), reply
    assert re.search(said, reply.detail)
    assert reply.reason == "error"
    assert "bug" not in reply.detail


async def test_a_moment_needs_its_offset(world: ToolWorld) -> None:
    reply = await world.run("date.add_duration", {"moment": "2024-01-01T00:00:00", "duration": "P1D"})
    assert reply.reason == "invalid_arguments"


async def test_a_uuid_is_new_each_time(world: ToolWorld) -> None:
    assert (await world.run("random.make_uuid")).result != (await world.run("random.make_uuid")).result


@pytest.mark.parametrize(
    ("template", "made"),
    [
        ("{{ n | round(1) }} and {{ l | join(', ') }}", "1.3 and 1, 2"),
        ("{{ missing | default('none') }}", "none"),
        ("{{ l }} {{ yes }} {{ l[1] }} {{ l | tojson }}", "[1,2] true 2 [1, 2]"),
        ("{{ self }} {{ values }}", "me mine"),
        ("no braces }} { {", "no braces }} { {"),
    ],
)
def test_a_template_is_filled(template: str, made: str) -> None:
    assert render(template, {"n": 1.26, "l": [1, 2], "yes": True, "self": "me", "values": "mine"}) == made


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{% set x = 1 %}", "no statements"),
        ("{{ a", "has no '}}'"),
        ("{{ a * 1000000000 }}", "is not a name with filters"),
        ("{{ a.upper() }}", "is not a name with filters"),
        ("{{ a | replace('a', 'b') }}", "is not a name with filters"),
        ("{{ nobody }}", "'nobody' has no value"),
        ("{{ a | round('x') }}", "cannot be filled in: invalid operation"),
        ("{{ a.b.c }}", "cannot be filled in"),
        ("{{ nothing }}", "has no value"),
        ("{{ big }}" * 6, "more than 500000 characters"),
    ],
)
def test_a_template_that_cannot_be_filled_says_why(template: str, said: str) -> None:
    with pytest.raises(PluginError, match=re.escape(said)):
        render(template, {"a": "a", "nothing": None, "big": "x" * 100_000})


def test_values_have_a_size() -> None:
    with pytest.raises(PluginError, match="larger than 200000 bytes"):
        render("{{ a }}", {"a": "x" * 200_000})


@given(st.text(max_size=60))
def test_any_expression_is_calculated_or_refused(text: str) -> None:
    try:
        assert isinstance(evaluate(text), int | float)
    except PluginError as error:
        assert str(error)  # noqa: PT017 - what counts is that nothing else is raised


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


def _pointers(value: Any, pointer: str = "") -> Any:
    yield pointer, value
    match value:
        case dict():
            for key, inner in value.items():
                yield from _pointers(inner, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")
        case list():
            for index, inner in enumerate(value):
                yield from _pointers(inner, f"{pointer}/{index}")


@given(json_values)
def test_every_value_is_found_at_its_pointer(document: Any) -> None:
    for pointer, value in _pointers(document):
        assert resolve(document, pointer) is value


@given(json_values, st.text(max_size=12))
def test_any_pointer_leads_somewhere_or_is_refused(document: Any, pointer: str) -> None:
    known = dict(_pointers(document))
    try:
        assert resolve(document, pointer) is known[pointer]
    except PluginError:
        assert pointer not in known


def test_every_tool_is_named_and_described() -> None:
    for each in BUILTIN:
        assert re.fullmatch(r"[a-z]+\.[a-z]+[a-z0-9]*(_[a-z]+)?", each.declaration.name)
        assert each.declaration.parameters["type"] == "object"
        assert each.declaration.parameters["additionalProperties"] is False
    assert {each.declaration.name.partition(".")[0] for each in BUILTIN} == CATEGORIES
