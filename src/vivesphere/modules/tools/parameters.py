"""From a tool's JSON Schema to a struct that checks arguments: strictly, and at the speed of compiled code.

Understood is what describes shape: types, properties, items, enum, const, anyOf, oneOf, $ref into $defs, and the usual limits
of numbers, texts and lists. A schema that says more is refused when its tool is registered, rather than half checked later.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union

import msgspec
from msgspec import UNSET, Meta, UnsetType

DEEPEST = 16

_LIMITS = {
    "string": {"minLength": "min_length", "maxLength": "max_length", "pattern": "pattern"},
    "integer": {
        "minimum": "ge",
        "maximum": "le",
        "exclusiveMinimum": "gt",
        "exclusiveMaximum": "lt",
        "multipleOf": "multiple_of",
    },
    "array": {"minItems": "min_length", "maxItems": "max_length"},
    "object": {"minProperties": "min_length", "maxProperties": "max_length"},
}
_LIMITS["number"] = _LIMITS["integer"]
_PLAIN: Mapping[str, Any] = {"string": str, "integer": int, "number": float, "boolean": bool, "null": None}
_REMARKS = {"title", "description", "default", "examples", "deprecated", "format", "$schema", "$defs", "contentEncoding"}
_SHAPE = {
    "type",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "prefixItems",
    "enum",
    "const",
    "anyOf",
    "oneOf",
    "$ref",
}
_KNOWN = _REMARKS | _SHAPE | {keyword for limits in _LIMITS.values() for keyword in limits}


class SchemaRefused(Exception):
    """The schema is wrong, or says something that cannot be checked; the message says what."""


def arguments_type(schema: Mapping[str, Any]) -> type[msgspec.Struct]:
    """The struct for a schema of type `object`; unknown arguments are refused unless the schema allows them. SchemaRefused."""
    if schema.get("type") != "object":
        raise SchemaRefused("the parameters must be a JSON Schema of type 'object'")
    try:
        made = _Reader(schema.get("$defs", {})).struct(schema, 0)
        msgspec.json.Decoder(made)
    except (TypeError, ValueError, AttributeError, re.error) as error:
        raise SchemaRefused(f"the schema cannot be used: {error}") from error
    return made


class _Reader:
    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions

    def struct(self, schema: Mapping[str, Any], depth: int) -> type[msgspec.Struct]:
        _check_keywords(schema)
        required = set(schema.get("required", ()))
        properties: Mapping[str, Any] = schema.get("properties", {})
        if unknown := required - set(properties):
            raise SchemaRefused(f"{min(unknown)!r} is required but not described")
        fields: list[Any] = []
        names: dict[str, str] = {}
        # A property may have any name, a field only an identifier.
        for number, (name, inner) in enumerate(properties.items()):
            field = f"p{number}"
            names[field] = name
            known = self.type(inner, depth + 1)
            fields.append((field, known) if name in required else (field, Union[known, UnsetType], UNSET))  # noqa: UP007 - built at run time
        made: type[msgspec.Struct] = msgspec.defstruct(
            "arguments",
            fields,
            kw_only=True,
            frozen=True,
            rename=names,
            forbid_unknown_fields=schema.get("additionalProperties", True) is False,
        )
        return made

    def type(self, schema: Any, depth: int) -> Any:
        if depth > DEEPEST:
            raise SchemaRefused(f"the schema is nested more than {DEEPEST} deep, or refers to itself")
        if schema is True:
            return Any
        if not isinstance(schema, Mapping):
            raise SchemaRefused(f"{schema!r} is not a schema")
        _check_keywords(schema)
        if "$ref" in schema:
            return self._referred(schema["$ref"], depth)
        if "enum" in schema or "const" in schema:
            return Literal[tuple(schema.get("enum", [schema.get("const")]))]
        for either in ("anyOf", "oneOf"):
            if either in schema:
                return Union[tuple(self.type(each, depth + 1) for each in schema[either])]  # noqa: UP007 - built at run time
        kinds = schema.get("type")
        if isinstance(kinds, list):
            return Union[tuple(self._one(each, schema, depth) for each in kinds)]  # noqa: UP007 - built at run time
        return Any if kinds is None else self._one(kinds, schema, depth)

    def _referred(self, reference: str, depth: int) -> Any:
        name = reference.removeprefix("#/$defs/")
        if name == reference or name not in self._definitions:
            raise SchemaRefused(f"{reference!r} does not refer into $defs")
        return self.type(self._definitions[name], depth + 1)

    def _one(self, kind: str, schema: Mapping[str, Any], depth: int) -> Any:
        limits = {ours: schema[theirs] for theirs, ours in _LIMITS.get(kind, {}).items() if theirs in schema}
        if kind == "object":
            known: Any = self._object(schema, depth)
        elif kind == "array":
            if "prefixItems" in schema:
                known = tuple[tuple(self.type(each, depth + 1) for each in schema["prefixItems"])]  # type: ignore[misc]  # built at run time
                limits = {}
            else:
                known = list[self.type(schema.get("items", True), depth + 1)]  # type: ignore[misc]  # built at run time
        elif kind in _PLAIN:
            known = _PLAIN[kind]
        else:
            raise SchemaRefused(f"there is no type {kind!r}")
        return Annotated[known, Meta(**limits)] if limits else known

    def _object(self, schema: Mapping[str, Any], depth: int) -> Any:
        if "properties" in schema:
            return self.struct(schema, depth)
        values = schema.get("additionalProperties", True)
        return self.struct(schema, depth) if values is False else dict[str, self.type(values, depth + 1)]  # type: ignore[misc]  # built at run time


def _check_keywords(schema: Mapping[str, Any]) -> None:
    if strange := set(schema) - _KNOWN:
        raise SchemaRefused(f"the keyword {min(strange)!r} is not understood")
