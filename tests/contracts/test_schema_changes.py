"""Each way to break whoever relies on a schema, and each way to grow without."""

from typing import Any, Literal

import msgspec
import pytest
from tests.contracts.schema_changes import SchemaChanges, Way


class Before(msgspec.Struct):
    name: str
    size: int = 1


class Grown(msgspec.Struct):
    name: str
    size: int = 1
    colour: str | None = None


class Demanding(msgspec.Struct):
    name: str
    colour: str
    size: int = 1


class Shrunk(msgspec.Struct):
    name: str


class Retyped(msgspec.Struct):
    name: str
    size: str = ""


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    size: int = 1


class Tree(msgspec.Struct):
    left: "Tree | None" = None
    name: str = ""


class Leafless(msgspec.Struct):
    left: None = None
    name: str = ""


class Yes(msgspec.Struct, tag="yes"):
    detail: str = ""


class No(msgspec.Struct, tag="no"):
    detail: str = ""


class Never(msgspec.Struct, tag="never"):
    detail: str = ""


class NoReason(msgspec.Struct, tag="no"):
    pass


def changes(old: Any, new: Any, way: Way) -> list[str]:
    (before,), olds = msgspec.json.schema_components([old], ref_template="#/components/schemas/{name}")
    (after,), news = msgspec.json.schema_components([new], ref_template="#/components/schemas/{name}")
    return list(SchemaChanges(olds, news).breaking(before, after, way, "it"))


GIVEN_BREAKS = [
    (Tree, Leafless, "it.left: object is gone; there is null"),
    (Before, Demanding, "it.colour: must be given, and need not be before"),
    (Before, Shrunk, "it.size: the field is gone"),
    (Before, Retyped, "it.size: integer is gone; there is string"),
    (Before, Strict, "it: unknown fields are refused, and were not before"),
    (float, int, "it: number is gone; there is integer"),
    (str | None, str, "it: null is gone; there is string"),
    (Any, str, "it: took any value, and takes only string"),
    (dict[str, Any], dict[str, int], "it.*: took any value, and takes only integer"),
    (dict[str, int], dict[str, str], "it.*: integer is gone; there is string"),
    (Literal["a", "b"], Literal["a"], "it: no longer takes ['b']"),
    (str, Literal["a"], "it: takes only ['a'], and took more"),
    (list[int], list[str], "it[]: integer is gone; there is string"),
    (tuple[int, str], tuple[int, int], "it[1]: string is gone; there is integer"),
    (tuple[int, int], tuple[int], "it: had 2 places, has 1"),
    (Yes | No, Yes, "it: the member 'no' is gone; there is the member 'yes'"),
    (Yes | No, Yes | NoReason, "it.detail: the field is gone"),
]

TOLD_BREAKS = [
    (Before, Shrunk, "it.size: the field is gone"),
    (Before, Retyped, "it.size: integer is gone; there is string"),
    (int, float, "it: integer is gone; there is number"),
    (str, str | None, "it: may now be null"),
    (str, Any, "it: was string, and may be anything"),
    (list[str], list[str | int], "it[]: may now be integer"),
    (dict[str, str], dict[str, str | None], "it.*: may now be null"),
    (Yes | No, Yes, "it: the member 'no' is gone; there is the member 'yes'"),
    (Literal["a"], Literal["b"], "it: was always 'a'"),
]

GROWN = [
    (Way.GIVEN, Before, Grown),
    (Way.TOLD, Before, Grown),
    (Way.TOLD, Before, Demanding),
    (Way.TOLD, Before, Strict),
    (Way.GIVEN, Strict, Before),
    (Way.GIVEN, int, float),
    (Way.TOLD, float, int),
    (Way.GIVEN, str, str | None),
    (Way.TOLD, str | None, str),
    (Way.GIVEN, str, Any),
    (Way.TOLD, Any, str),
    (Way.GIVEN, dict[str, int], dict[str, Any]),
    (Way.GIVEN, Literal["a"], Literal["a", "b"]),
    (Way.TOLD, Literal["a", "b"], Literal["a"]),
    (Way.TOLD, Literal["a"], Literal["a", "b"]),
    (Way.TOLD, Yes | No, Yes | No | Never),
    (Way.GIVEN, Yes | No, Yes | No | Never),
    (Way.GIVEN, Tree, Tree),
    (Way.TOLD, Tree, Tree),
    (Way.GIVEN, tuple[int, str], tuple[int, str]),
]


@pytest.mark.parametrize(("old", "new", "said"), GIVEN_BREAKS, ids=str)
def test_what_was_taken_is_taken_still(old: Any, new: Any, said: str) -> None:
    assert said in changes(old, new, Way.GIVEN)


@pytest.mark.parametrize(("old", "new", "said"), TOLD_BREAKS, ids=str)
def test_what_was_told_is_told_still(old: Any, new: Any, said: str) -> None:
    assert said in changes(old, new, Way.TOLD)


@pytest.mark.parametrize(("way", "old", "new"), GROWN, ids=str)
def test_to_grow_breaks_nobody(way: Way, old: Any, new: Any) -> None:
    assert changes(old, new, way) == []


BOUNDS = [
    ({"type": "string"}, {"type": "string", "maxLength": 5}, "it: maxLength was None, is 5"),
    ({"type": "string", "maxLength": 9}, {"type": "string", "maxLength": 5}, "it: maxLength was 9, is 5"),
    ({"type": "string"}, {"type": "string", "minLength": 1}, "it: minLength was None, is 1"),
    ({"type": "integer", "minimum": -3}, {"type": "integer", "minimum": 0}, "it: minimum was -3, is 0"),
    ({"type": "integer"}, {"type": "integer", "minimum": 0}, "it: minimum was None, is 0"),
    ({"type": "string"}, {"type": "string", "pattern": "^a"}, "it: pattern was None, is ^a"),
    ({"type": "string", "format": "uuid"}, {"type": "string", "format": "date"}, "it: format was uuid, is date"),
]


@pytest.mark.parametrize(("old", "new", "said"), BOUNDS)
def test_a_tighter_bound_breaks_who_gives_and_a_looser_one_does_not(old: Any, new: Any, said: str) -> None:
    assert list(SchemaChanges({}, {}).breaking(old, new, Way.GIVEN, "it")) == [said]
    if "format" not in old:
        assert list(SchemaChanges({}, {}).breaking(new, old, Way.GIVEN, "it")) == []
        assert list(SchemaChanges({}, {}).breaking(old, new, Way.TOLD, "it")) == []
    else:
        assert list(SchemaChanges({}, {}).breaking(old, new, Way.TOLD, "it")) == [said]


def test_types_in_a_list_are_a_union() -> None:
    both, one = {"type": ["string", "null"]}, {"type": "string"}
    assert list(SchemaChanges({}, {}).breaking(both, one, Way.GIVEN, "it")) == ["it: null is gone; there is string"]
    assert list(SchemaChanges({}, {}).breaking(one, both, Way.TOLD, "it")) == ["it: may now be null"]
    assert list(SchemaChanges({}, {}).breaking(one, both, Way.GIVEN, "it")) == []
