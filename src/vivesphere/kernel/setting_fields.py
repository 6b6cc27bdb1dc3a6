"""One field of a settings section: its names, its type in words, and how a text or a TOML value becomes its value."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect as types

from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.errors import StartError

PREFIX = "VIVESPHERE_"

SECRET = {"secret": True}
"""`Meta(extra=SECRET)` marks a field whose value is never shown."""


class Field(msgspec.Struct, frozen=True):
    """What is known about one field of a section, once and for all."""

    section: str
    name: str
    type: types.Type
    annotation: Any
    default: Any
    description: str
    extra: Mapping[str, Any]

    @property
    def environment(self) -> str:
        return PREFIX + (self.name if self.section == "server" else f"{self.section}_{self.name}").upper()

    @property
    def in_file(self) -> str:
        return self.name if self.section == "server" else f"{self.section}.{self.name}"

    @property
    def secret(self) -> bool:
        return bool(self.extra.get("secret"))


def fields_of(section: str, of: type[msgspec.Struct]) -> list[Field]:
    """A field without a default or a description is a programmer's mistake, found by the first test that starts anything."""
    information = types.type_info(of)
    assert isinstance(information, types.StructType)  # noqa: S101 - tells the checker what `type_info` of a struct is
    annotations = msgspec.structs.fields(of)
    return [_field(section, known, declared.type) for known, declared in zip(information.fields, annotations, strict=True)]


def _field(section: str, known: types.Field, annotation: Any) -> Field:
    described = known.type
    extra: Mapping[str, Any] = {}
    text = ""
    if isinstance(described, types.Metadata):
        extra = described.extra or {}
        text = (described.extra_json_schema or {}).get("description", "")
        described = described.type
    if known.required or not text:
        raise ValueError(f"the setting {section}.{known.name} needs a default and a description")
    default = known.default_factory() if known.default_factory is not msgspec.NODEFAULT else known.default
    return Field(section, known.name, described, annotation, default, text, extra)


def convert(field: Field, value: Any, where: str) -> Any:
    """The value of the field, or StartError that begins with `where`.

    The environment knows only text, so numbers and booleans are read from it, and lists at their commas.
    """
    if isinstance(value, str) and json_type(field.type) == "array":
        value = [part.strip() for part in value.split(",") if part.strip()]
    try:
        return msgspec.convert(value, field.annotation, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        reason = str(error).partition(", got")[0].replace("Expected", "expected").replace("`", "")
        for written, said in _WORDS:
            reason = reason.replace(written, said)
        shown = "has a value that is not valid" if field.secret else f"cannot be {value!r}"
        raise StartError(f"{where} {shown}: {reason}.") from (None if field.secret else error)


def _decode(wanted: type, value: Any) -> Any:
    if wanted is Path and isinstance(value, str):
        return Path(value)
    raise TypeError(f"a setting cannot be a {wanted.__name__}")


def plain(value: Any) -> JSON:
    """The value as JSON has it."""
    decoded: JSON = msgspec.json.decode(msgspec.json.encode(value, enc_hook=str))
    return decoded


_WORDS = (
    ("expected int", "expected a whole number"),
    ("expected float", "expected a number"),
    ("expected bool", "expected true or false"),
)

_JSON_TYPES: tuple[tuple[type[types.Type], str], ...] = (
    (types.BoolType, "boolean"),
    (types.IntType, "integer"),
    (types.FloatType, "number"),
    (types.CollectionType, "array"),
)


def json_type(known: types.Type) -> str:
    """The name that JSON Schema has for the type; of an optional one, the type it has when it is set."""
    if isinstance(known, types.UnionType):
        known = next(each for each in known.types if not isinstance(each, types.NoneType))
    if isinstance(known, types.Metadata):
        known = known.type
    return next((name for kind, name in _JSON_TYPES if isinstance(known, kind)), "string")
