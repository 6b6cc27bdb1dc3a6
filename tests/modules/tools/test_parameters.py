"""A schema must mean here what it means in the schema: the struct made of it accepts and refuses the same."""

from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from vivesphere.kernel.field_errors import field_error
from vivesphere.modules.tools.parameters import SchemaRefused, arguments_type
from vivesphere.sdk.arguments import arguments_struct, parameters_schema


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    a: int
    b: str | None = None


def declared(  # noqa: PLR0917 - a declaration with one parameter of each kind
    text: Annotated[str, Meta(min_length=1, max_length=3, pattern="^[a-z]*$")],
    count: Annotated[int, Meta(ge=0, lt=10, multiple_of=2)] = 0,
    ratio: float = 0.5,
    inner: Inner | None = None,
    several: Annotated[list[Inner], Meta(max_length=2)] = [],  # noqa: B006 - a declaration, never called
    named: dict[str, int] = {},  # noqa: B006 - the same
    pair: tuple[int, str] | None = None,
    yes: bool = True,
    anything: Any = None,
) -> None:
    """A function with every kind of parameter."""


KNOWN = arguments_struct(declared)
MADE = arguments_type(parameters_schema(KNOWN))

values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 12) | st.floats(0, 1) | st.text("abC", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
likely = {
    "text": st.text("abC", max_size=4),
    "count": st.integers(-2, 12),
    "inner": st.fixed_dictionaries({"a": st.integers()}, optional={"b": values}),
    "pair": st.tuples(st.integers(), st.text(max_size=2)).map(list),
}
arguments = st.fixed_dictionaries(
    {}, optional={name: likely.get(name, values) | values for name in (*KNOWN.__struct_fields__, "unknown")}
)


def _accepts(struct: type[msgspec.Struct], given: Any) -> bool:
    try:
        msgspec.convert(given, struct)
    except msgspec.ValidationError:
        return False
    return True


@given(arguments)
def test_the_struct_of_the_schema_accepts_what_the_function_accepts(given: Any) -> None:
    assert _accepts(MADE, given) == _accepts(KNOWN, given)


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({}, "/text"),
        ({"text": 1}, "/text"),
        ({"text": "a", "inner": {}}, "/inner/a"),
        ({"text": "a", "several": [{"a": 1}, {"a": "x"}]}, "/several/1/a"),
        ({"text": "a", "inner": {"a": 1, "z": 2}}, "/inner/z"),
        ([], ""),
    ],
)
def test_an_error_points_at_its_place(given: Any, pointer: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(given, MADE)
    assert field_error(str(caught.value)).pointer == pointer


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "array"}, "of type 'object'"),
        ({}, "of type 'object'"),
        (_object(a={"not": {}}), "the keyword 'not' is not understood"),
        (_object() | {"patternProperties": {}}, "the keyword 'patternProperties'"),
        (_object(a={"type": "date"}), "there is no type 'date'"),
        (_object(a={"$ref": "#/elsewhere"}), "does not refer into $defs"),
        (_object(a={"$ref": "#/$defs/x"}) | {"$defs": {"x": {"$ref": "#/$defs/x"}}}, "refers to itself"),
        (_object(a=7), "7 is not a schema"),
        (_object() | {"required": ["a"]}, "'a' is required but not described"),
        (_object(a={"type": "string", "pattern": "("}), "cannot be used"),
        (_object(a={"type": "integer", "minimum": "1"}), "cannot be used"),
        (_object(a={"anyOf": []}), "cannot be used"),
        (_object(a={"enum": [1.5]}), "cannot be used"),
        ({"type": "object", "properties": []}, "cannot be used"),
    ],
)
def test_a_schema_that_cannot_be_checked_is_refused(schema: Any, said: str) -> None:
    with pytest.raises(SchemaRefused, match=said.replace("$", r"\$")):
        arguments_type(schema)


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        (_object(a={"type": ["string", "null"]}), {"a": None}, {"a": 1}),
        (_object(a={"const": 3}), {"a": 3}, {"a": 4}),
        (_object(a={"enum": ["x", "y"]}), {"a": "x"}, {"a": "z"}),
        (_object(a={"oneOf": [{"type": "integer"}, {"type": "string"}]}), {"a": 1}, {"a": []}),
        (_object(a={"type": "object", "additionalProperties": False}), {"a": {}}, {"a": {"b": 1}}),
        (_object(a={"type": "object", "maxProperties": 1}), {"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}),
        (_object(**{"odd name!": {"type": "integer"}}), {"odd name!": 1, "more": 2}, {"odd name!": "1"}),
        (_object(a=True) | {"required": ["a"]}, {"a": [1]}, {}),
    ],
)
def test_further_shapes(schema: Any, good: Any, bad: Any) -> None:
    made = arguments_type(schema)
    assert _accepts(made, good)
    assert not _accepts(made, bad)
