"""Whether a JSON Schema still does for those who know an older one.

There are two ways to depend on a schema. Who *gives* values (bodies, parameters, requests on the bus, events recorded long
ago) must have everything accepted that was accepted before. Who is *told* values (answers, events, replies) must find
everything that was there before, of the same kind. What only grows does for both.

A field that gets a default stays promised to whoever is told: msgspec writes every field. New values of an enum and new members
of a tagged union may be told: contracts grow by them.
"""

from collections.abc import Hashable, Iterator
from enum import Enum
from typing import Any

Json = dict[str, Any]
Kind = tuple[str, Hashable]
"""`("type", "string")`, or `("member", tag)` of a tagged struct."""

ANYTHING: Kind = ("anything", "")
NAME = "x-name"
"""Where a member keeps the name that it was referred to by."""

RAISED = ("minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties")
LOWERED = ("maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties")
KINDS = ("pattern", "format", "contentEncoding", "multipleOf", "uniqueItems")


class Way(Enum):
    """What the one who depends on the schema does with its values."""

    GIVEN = "given"
    TOLD = "told"


class SchemaChanges:
    """Compares schemas of two documents; `old` and `new` are their `components.schemas`."""

    def __init__(self, old: Json, new: Json) -> None:
        self._old = old
        self._new = new
        self._seen: set[tuple[str, str, Way]] = set()

    def breaking(self, old: Json, new: Json, way: Way, where: str) -> Iterator[str]:
        """A sentence for each change that breaks whoever knows the old schema."""
        olds = {_kind(member): member for member in _members(old, self._old)}
        news = {_kind(member): member for member in _members(new, self._new)}
        if ANYTHING in olds or ANYTHING in news:
            yield from self._anything(olds, news, way, where)
            return
        for kind, member in olds.items():
            counterpart = _counterpart(kind, news, way)
            if counterpart is not None:
                yield from self._member(member, counterpart, way, where)
            elif way is Way.GIVEN or kind[0] == "member" or not olds.keys() & news.keys():
                yield f"{where}: {_shown(kind)} is gone; there {_are(news)}"
        if way is Way.TOLD:
            for kind in news.keys() - olds.keys():
                if _counterpart(kind, olds, Way.GIVEN) is None and kind[0] == "type":
                    yield f"{where}: may now be {_shown(kind)}"

    def _anything(self, olds: dict[Kind, Json], news: dict[Kind, Json], way: Way, where: str) -> Iterator[str]:
        """One of the two allows every value."""
        if way is Way.GIVEN and ANYTHING not in news:
            yield f"{where}: took any value, and takes only {_listed(news)}"
        if way is Way.TOLD and ANYTHING not in olds:
            yield f"{where}: was {_listed(olds)}, and may be anything"

    def _member(self, old: Json, new: Json, way: Way, where: str) -> Iterator[str]:
        pair = (old.get(NAME, ""), new.get(NAME, ""), way)
        if pair in self._seen:
            return
        if all(pair):
            # A struct may hold itself, and is compared once.
            self._seen.add(pair)
        yield from _values(old, new, way, where)
        if way is Way.GIVEN:
            yield from _tightened(old, new, where)
        elif old.get("format") != new.get("format"):
            yield f"{where}: format was {old.get('format')}, is {new.get('format')}"
        yield from self._fields(old, new, way, where)
        yield from self._items(old, new, way, where)

    def _fields(self, old: Json, new: Json, way: Way, where: str) -> Iterator[str]:
        had, has = old.get("properties", {}), new.get("properties", {})
        for name, schema in had.items():
            if name not in has:
                yield f"{where}.{name}: the field is gone"
            else:
                yield from self.breaking(schema, has[name], way, f"{where}.{name}")
        if way is Way.GIVEN:
            for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
                yield f"{where}.{name}: must be given, and need not be before"
        yield from self._rest(old.get("additionalProperties", True), new.get("additionalProperties", True), way, where)

    def _rest(self, old: Any, new: Any, way: Way, where: str) -> Iterator[str]:
        """What an object may hold beside its fields."""
        if isinstance(old, dict) and isinstance(new, dict):
            yield from self.breaking(old, new, way, f"{where}.*")
        elif way is Way.GIVEN and old is not False and new is False:
            yield f"{where}: unknown fields are refused, and were not before"
        elif way is Way.GIVEN and old is True and isinstance(new, dict):
            yield from self.breaking({}, new, way, f"{where}.*")

    def _items(self, old: Json, new: Json, way: Way, where: str) -> Iterator[str]:
        had, has = _places(old), _places(new)
        if len(had) != len(has):
            yield f"{where}: had {len(had)} places, has {len(has)}"
        for number, (before, after) in enumerate(zip(had, has, strict=False)):
            yield from self.breaking(before, after, way, f"{where}[{number}]")
        before, after = old.get("items", {}), new.get("items", {})
        if isinstance(before, dict) and isinstance(after, dict):
            yield from self.breaking(before, after, way, f"{where}[]")


def _members(schema: Json, schemas: Json) -> Iterator[Json]:
    """The members of a union, each of one type; of another schema itself. References are followed."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        yield from (member | {NAME: name} for member in _members(schemas[name], schemas))
        return
    for choices in ("anyOf", "oneOf"):
        if choices in schema:
            for choice in schema[choices]:
                yield from _members(choice, schemas)
            return
    types = schema.get("type")
    if isinstance(types, list):
        yield from (schema | {"type": each} for each in types)
    else:
        yield schema


def _kind(member: Json) -> Kind:
    """What tells the members of a union apart: the tag, else the type."""
    tag = _tag(member)
    if tag is not None:
        return ("member", tag)
    if "type" in member:
        return ("type", member["type"])
    values = _enum(member)
    return ("type", _type_of(values[0])) if values else ANYTHING


def _tag(member: Json) -> Hashable | None:
    """The one value of the required field `type`, as msgspec tags structs."""
    values = _enum(member.get("properties", {}).get("type", {}))
    return values[0] if values and len(values) == 1 and "type" in member.get("required", ()) else None


def _enum(schema: Json) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _type_of(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
    return names[type(value)]


def _counterpart(kind: Kind, among: dict[Kind, Json], way: Way) -> Json | None:
    """An integer may be given where numbers are taken, and told where numbers were told."""
    wider = {(Way.GIVEN, "integer"): "number", (Way.TOLD, "number"): "integer"}.get((way, str(kind[1])))
    return among.get(kind) or among.get(("type", wider))


def _values(old: Json, new: Json, way: Way, where: str) -> Iterator[str]:
    had, has = _enum(old), _enum(new)
    if way is Way.TOLD:
        if had is not None and len(had) == 1 and has != had and not (has and had[0] in has):
            yield f"{where}: was always {had[0]!r}"
    elif has is not None:
        lost = [each for each in had if each not in has] if had is not None else None
        if lost is None:
            yield f"{where}: takes only {has}, and took more"
        elif lost:
            yield f"{where}: no longer takes {lost}"


def _tightened(old: Json, new: Json, where: str) -> Iterator[str]:
    for bound in RAISED:
        if bound in new and new[bound] > old.get(
            bound, 0 if bound.endswith(("Length", "Items", "Properties")) else float("-inf")
        ):
            yield f"{where}: {bound} was {old.get(bound)}, is {new[bound]}"
    for bound in LOWERED:
        if bound in new and new[bound] < old.get(bound, float("inf")):
            yield f"{where}: {bound} was {old.get(bound)}, is {new[bound]}"
    for kind in KINDS:
        if kind in new and new[kind] != old.get(kind):
            yield f"{where}: {kind} was {old.get(kind)}, is {new[kind]}"


def _places(schema: Json) -> list[Json]:
    """The schemas of a tuple: `prefixItems`, or a list of `items` in draft 7."""
    items = schema.get("items")
    places: list[Json] = schema.get("prefixItems", items if isinstance(items, list) else [])
    return places


def _shown(kind: Kind) -> str:
    return f"the member {kind[1]!r}" if kind[0] == "member" else str(kind[1])


def _listed(kinds: dict[Kind, Json]) -> str:
    return ", ".join(_shown(kind) for kind in kinds)


def _are(kinds: dict[Kind, Json]) -> str:
    return f"is {_listed(kinds)}"
