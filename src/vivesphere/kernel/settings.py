"""Settings: typed sections, each value from the environment, else stored, else the file, else the default.

A section is a frozen struct whose every field has a default and a description. `VIVESPHERE_<SECTION>_<FIELD>` sets a field from
the environment, `[section]` with `field = …` from the file `vivesphere.toml` in the data directory. The kernel's own section
has no prefix and no table. An empty environment variable counts as not set, because compose files pass those on.
"""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta
from msgspec import inspect as types

from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.errors import StartError

T = TypeVar("T", bound=msgspec.Struct)

PREFIX = "VIVESPHERE_"
FILE_NAME = "vivesphere.toml"
MASK = "••••••••"

SECRET = {"secret": True}
"""`Meta(extra=SECRET)` marks a field whose value is never shown."""

Source = Literal["environment", "stored", "file", "default"]


class SettingDescription(msgspec.Struct, frozen=True, kw_only=True):
    """One setting as a person may see it. `type` is a JSON Schema type; a secret's `value` is null or a mask."""

    group: str
    key: str
    type: str
    value: JSON
    default: JSON
    source: Source
    description: str
    environment: str
    secret: bool


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The kernel's own section."""

    data_dir: Annotated[
        Path, Meta(description="Where everything is kept. Only the environment can set it.", extra={"environment_only": True})
    ] = Path("data")
    host: Annotated[str, Meta(min_length=1, description="The address to listen on; 0.0.0.0 is every IPv4 address.")] = (
        "127.0.0.1"
    )
    port: Annotated[int, Meta(ge=0, le=65535, description="The port to listen on; 0 takes a free one.")] = 8000
    database_url: Annotated[
        str | None,
        Meta(
            description="Where the database is; not set means SQLite in the data directory. DATABASE_URL is read too.",
            extra=SECRET | {"also": "DATABASE_URL"},
        ),
    ] = None
    admin_password: Annotated[
        str | None, Meta(description="Creates the user `admin` with this password on the first start.", extra=SECRET)
    ] = None
    master_key: Annotated[
        str | None,
        Meta(
            description="Unlocks the vault: 32 bytes in base64 or hex, or a passphrase of at least 16 characters. "
            "Not set means the key file `master.key` in the data directory.",
            extra=SECRET,
        ),
    ] = None

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Without the secrets: a struct's own `repr` is what a careless log line or a traceback would print."""
        return [("data_dir", self.data_dir), ("host", self.host), ("port", self.port)]

    def __repr__(self) -> str:
        return f"ServerSettings({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())}, …)"


class _Field(msgspec.Struct, frozen=True):
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


class _Value(msgspec.Struct, frozen=True):
    value: Any
    source: Source


class Settings:
    """Every section that was asked for, with where each value came from."""

    def __init__(self, environ: Mapping[str, str], stored: Mapping[str, Any], written: Mapping[str, Any], file: Path) -> None:
        self._environ = {name: value for name, value in environ.items() if value}
        self._stored = stored
        self._written = written
        self._file = file
        self._sections: dict[str, msgspec.Struct] = {}
        self._fields: dict[str, list[_Field]] = {}
        self._values: dict[tuple[str, str], _Value] = {}
        self.server = self.section("server", ServerSettings)

    @classmethod
    def load(
        cls, environ: Mapping[str, str], *, file: Path | None = None, stored: Mapping[str, Any] | None = None
    ) -> "Settings":
        """Read the file (by default the data directory's, if it is there). `stored` has the shape of the file.

        StartError: the file is not TOML or cannot be read, or a value of the kernel's own section is wrong.
        """
        path = file or Path(environ.get(f"{PREFIX}DATA_DIR") or ServerSettings().data_dir) / FILE_NAME
        return cls(environ, stored or {}, _read(path), path)

    def section(self, name: str, of: type[T]) -> T:
        """The section as a struct; asking again gives the same one. StartError names the setting whose value is wrong."""
        if (known := self._sections.get(name)) is not None:
            if not isinstance(known, of):
                raise ValueError(f"the settings section {name!r} is declared twice, by two classes")
            return known
        fields = _fields(name, of)
        self._refuse_same_variable(fields)
        table = self._table(self._written, name)
        stored = self._table(self._stored, name)
        given = {field.name: self._find(field, table, stored) for field in fields}
        made = of(**{key: found.value for key, found in given.items()})
        self._fields[name] = fields
        self._values |= {(name, key): found for key, found in given.items()}
        self._sections[name] = made
        return made

    def described(self) -> tuple[SettingDescription, ...]:
        """Every field of every section that was asked for, in the order of asking."""
        return tuple(self._describe(field) for fields in self._fields.values() for field in fields)

    def check(self) -> tuple[str, ...]:
        """To be asked once every section is known. StartError for a key of the file that nothing knows; the sentences that
        come back warn about environment variables that nothing reads, with the nearest name."""
        for key in _keys(self._written):
            known = {field.in_file for fields in self._fields.values() for field in fields}
            if key not in known:
                hint = _nearest(key, known)
                raise StartError(f"{self._file} sets {key!r}, which is not a setting{hint}; remove or correct it.")
        known = {field.environment for fields in self._fields.values() for field in fields}
        strangers = sorted(name for name in self._environ if name.startswith(PREFIX) and name not in known)
        return tuple(
            f"The environment variable {name} is not a setting{_nearest(name, known)}; it is ignored." for name in strangers
        )

    def _refuse_same_variable(self, fields: list[_Field]) -> None:
        taken = {field.environment for known in self._fields.values() for field in known}
        if twice := [field.environment for field in fields if field.environment in taken]:
            raise ValueError(f"two settings would be read from {twice[0]}")

    def _table(self, layer: Mapping[str, Any], section: str) -> Mapping[str, Any]:
        if section == "server":
            return {key: value for key, value in layer.items() if not isinstance(value, dict)}
        table = layer.get(section, {})
        if not isinstance(table, dict):
            raise StartError(
                f"{self._file} sets {section!r} to a value, but it is a section: write [{section}] on a line of its own."
            )
        return table

    def _find(self, field: _Field, written: Mapping[str, Any], stored: Mapping[str, Any]) -> _Value:
        if field.extra.get("environment_only") and field.name in written:
            raise StartError(f"{self._file} sets {field.in_file!r}, which only the environment can: set {field.environment}.")
        for variable in (field.environment, field.extra.get("also", "")):
            if variable in self._environ:
                return _Value(_convert(field, self._environ[variable], variable), "environment")
        if field.name in stored:
            return _Value(_convert(field, stored[field.name], f"The stored setting {field.in_file}"), "stored")
        if field.name in written:
            return _Value(_convert(field, written[field.name], f"{field.in_file} in {self._file}"), "file")
        return _Value(field.default, "default")

    def _describe(self, field: _Field) -> SettingDescription:
        found = self._values[field.section, field.name]
        return SettingDescription(
            group=field.section,
            key=field.name,
            type=_json_type(field.type),
            value=(MASK if found.value else None) if field.secret else _plain(found.value),
            default=None if field.secret else _plain(field.default),
            source=found.source,
            description=field.description,
            environment=field.environment,
            secret=field.secret,
        )


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        # A data directory that is a file is refused by whoever makes the directory, with the better sentence.
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StartError(f"The settings file {path} is not valid TOML: {error}.") from error
    except OSError as error:
        raise StartError(f"The settings file {path} cannot be read: {error.strerror}.") from error


def _keys(written: Mapping[str, Any]) -> Iterator[str]:
    for key, value in written.items():
        if isinstance(value, dict):
            yield from (f"{key}.{inner}" for inner in value)
        else:
            yield key


def _nearest(name: str, known: set[str]) -> str:
    """The prefix that all variables share would make them all look near."""
    near = difflib.get_close_matches(name.removeprefix(PREFIX), [each.removeprefix(PREFIX) for each in known], n=1)
    return f" (did you mean {PREFIX if name.startswith(PREFIX) else ''}{near[0]}?)" if near else ""


def _fields(section: str, of: type[msgspec.Struct]) -> list[_Field]:
    """A field without a default or a description is a programmer's mistake, found by the first test that starts anything."""
    information = types.type_info(of)
    assert isinstance(information, types.StructType)  # noqa: S101 - tells the checker what `type_info` of a struct is
    annotations = msgspec.structs.fields(of)
    return [_field(section, known, declared.type) for known, declared in zip(information.fields, annotations, strict=True)]


def _field(section: str, known: types.Field, annotation: Any) -> _Field:
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
    return _Field(section, known.name, described, annotation, default, text, extra)


def _convert(field: _Field, value: Any, where: str) -> Any:
    """The environment knows only text, so numbers and booleans are read from it, and lists at their commas."""
    if isinstance(value, str) and _json_type(field.type) == "array":
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


def _plain(value: Any) -> JSON:
    plain: JSON = msgspec.json.decode(msgspec.json.encode(value, enc_hook=str))
    return plain


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


def _json_type(known: types.Type) -> str:
    if isinstance(known, types.UnionType):
        known = next(each for each in known.types if not isinstance(each, types.NoneType))
    if isinstance(known, types.Metadata):
        known = known.type
    return next((name for kind, name in _JSON_TYPES if isinstance(known, kind)), "string")
