"""Settings: typed sections, each value from the environment, else stored, else the file, else the default.

A section is a frozen struct whose every field has a default and a description. `VIVESPHERE_<SECTION>_<FIELD>` sets a field from
the environment, `[section]` with `field = …` from the file `vivesphere.toml` in the data directory. The kernel's own section
has no prefix and no table. An empty environment variable counts as not set, because compose files pass those on.

`reload` reads the file anew while the server runs: a section that is watched changes at once, any other at the next start.
"""

import difflib
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.errors import StartError
from vivesphere.kernel.setting_fields import PREFIX, SECRET, Field, convert, fields_of, json_type, plain

T = TypeVar("T", bound=msgspec.Struct)

FILE_NAME = "vivesphere.toml"
MASK = "••••••••"

Source = Literal["environment", "stored", "file", "default"]


class SettingDescription(msgspec.Struct, frozen=True, kw_only=True):
    """One setting as a person may see it. `type` is a JSON Schema type; a secret's `value` is null or a mask. A reload changes
    a `live` one at once; any other keeps its value until the next start."""

    group: str
    key: str
    type: str
    value: JSON
    default: JSON
    source: Source
    description: str
    environment: str
    secret: bool
    live: bool


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
    env: Annotated[
        Literal["development", "staging", "production"],
        Meta(description="Where it runs. It decides how many connections to PostgreSQL there are: 2+5, 5+10 or 10+20."),
    ] = "production"
    database_pool: Annotated[
        Annotated[int, Meta(ge=1, le=500)] | None,
        Meta(description="Connections to PostgreSQL that are kept; not set means what `env` says."),
    ] = None
    database_overflow: Annotated[
        Annotated[int, Meta(ge=0, le=500)] | None,
        Meta(description="Connections to PostgreSQL beyond those at most; not set means what `env` says."),
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


class Reloaded(msgspec.Struct, frozen=True):
    """What a reload changed, by name in the file (`bus.plugin_rate`): at once, and what a restart will."""

    keys: tuple[str, ...] = ()
    restart_needed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.keys or self.restart_needed)


class _Value(msgspec.Struct, frozen=True):
    value: Any
    source: Source


Values = Mapping[str, _Value]


class _Section:
    """What is in force of one section, and who wants to hear of its changes."""

    def __init__(self, of: type[msgspec.Struct], fields: Sequence[Field], values: Values) -> None:
        self.of = of
        self.fields = fields
        self.watchers: list[Callable[[Any], None]] = []
        self.put_in_force(values)

    def put_in_force(self, values: Values) -> None:
        self.values = values
        self.made = self.make(values)

    def make(self, values: Values) -> msgspec.Struct:
        return self.of(**{key: found.value for key, found in values.items()})

    def as_in_force(self, values: Values) -> Values:
        """What waits for a restart is shown, and compared with the next time, as it is in force; only its source may change."""
        return {key: values[key] if values[key].value == old.value else old for key, old in self.values.items()}

    def changed(self, values: Values) -> tuple[str, ...]:
        """The names in the file of the fields whose value is another."""
        return tuple(field.in_file for field in self.fields if values[field.name].value != self.values[field.name].value)


class Settings:
    """Every section that was asked for, with where each value came from."""

    def __init__(self, environ: Mapping[str, str], stored: Mapping[str, Any], written: Mapping[str, Any], file: Path) -> None:
        self._environ = {name: value for name, value in environ.items() if value}
        self._stored = stored
        self._written = written
        self._file = file
        self._known: dict[str, Sequence[Field]] = {}
        self._sections: dict[str, _Section] = {}
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
        """The section as a struct; asking again gives the one in force. StartError names the setting whose value is wrong."""
        known = self._sections.get(name)
        if known is None:
            fields = fields_of(name, of)
            if name not in self._known:
                self._refuse_same_variable(fields)
                # Known from here on, even if a value is wrong: a plugin that cannot read its section does not stop the start.
                self._known[name] = fields
            known = self._sections[name] = _Section(of, fields, self._look(name, fields, self._written))
        if not isinstance(known.made, of):
            raise ValueError(f"the settings section {name!r} is declared twice, by two classes")
        return known.made

    def watch(self, name: str, of: type[T], apply: Callable[[T], None]) -> T:
        """The section now; `apply` is called with the new one whenever a reload changes it. An `apply` that cannot take the new
        one raises StartError, and nothing has changed then."""
        section = self.section(name, of)
        self._sections[name].watchers.append(apply)
        return section

    def reload(self) -> Reloaded:
        """Read the file anew and put in force what changed in watched sections; the environment stays what it was.

        Raises StartError, and nothing has changed then, if anything in the file is wrong, be it in a section nobody watches.
        """
        try:
            written = _read(self._file)
            found = {name: self._look(name, section.fields, written) for name, section in self._sections.items()}
            self._refuse_unknown(written)
            keys = {name: section.changed(found[name]) for name, section in self._sections.items()}
            self._apply({name: found[name] for name in found if keys[name] and self._sections[name].watchers})
        except StartError as error:
            raise StartError(f"{error} Nothing has changed; mend it and reload again.") from error
        for name, section in self._sections.items():
            section.put_in_force(found[name] if section.watchers else section.as_in_force(found[name]))
        self._written = written
        live = {name for name, section in self._sections.items() if section.watchers}
        return Reloaded(
            keys=tuple(key for name in keys if name in live for key in keys[name]),
            restart_needed=tuple(key for name in keys if name not in live for key in keys[name]),
        )

    def described(self) -> tuple[SettingDescription, ...]:
        """Every field of every section that was asked for, in the order of asking."""
        return tuple(_describe(field, section) for section in self._sections.values() for field in section.fields)

    def check(self) -> tuple[str, ...]:
        """To be asked once every section is known. StartError for a key of the file that nothing knows; the sentences that
        come back warn about environment variables that nothing reads, with the nearest name."""
        self._refuse_unknown(self._written)
        known = {field.environment for fields in self._known.values() for field in fields}
        strangers = sorted(name for name in self._environ if name.startswith(PREFIX) and name not in known)
        return tuple(
            f"The environment variable {name} is not a setting{_nearest(name, known)}; it is ignored." for name in strangers
        )

    def _apply(self, changed: Mapping[str, Values]) -> None:
        """Tell the watchers; if one refuses, those told before it are told the old section again."""
        undo: list[tuple[Callable[[Any], None], msgspec.Struct]] = []
        for name, values in changed.items():
            section = self._sections[name]
            for apply in section.watchers:
                undo.append((apply, section.made))
                try:
                    apply(section.make(values))
                except StartError:
                    for told, old in reversed(undo[:-1]):
                        told(old)
                    raise

    def _refuse_unknown(self, written: Mapping[str, Any]) -> None:
        known = {field.in_file for fields in self._known.values() for field in fields}
        for key in _keys(written):
            if key not in known:
                hint = _nearest(key, known)
                raise StartError(f"{self._file} sets {key!r}, which is not a setting{hint}; remove or correct it.")

    def _refuse_same_variable(self, fields: Sequence[Field]) -> None:
        taken = {field.environment for known in self._known.values() for field in known}
        if twice := [field.environment for field in fields if field.environment in taken]:
            raise ValueError(f"two settings would be read from {twice[0]}")

    def _look(self, name: str, fields: Sequence[Field], written: Mapping[str, Any]) -> Values:
        table, stored = self._table(written, name), self._table(self._stored, name)
        return {field.name: self._find(field, table, stored) for field in fields}

    def _table(self, layer: Mapping[str, Any], section: str) -> Mapping[str, Any]:
        if section == "server":
            return {key: value for key, value in layer.items() if not isinstance(value, dict)}
        table = layer.get(section, {})
        if not isinstance(table, dict):
            raise StartError(
                f"{self._file} sets {section!r} to a value, but it is a section: write [{section}] on a line of its own."
            )
        return table

    def _find(self, field: Field, written: Mapping[str, Any], stored: Mapping[str, Any]) -> _Value:
        if field.extra.get("environment_only") and field.name in written:
            raise StartError(f"{self._file} sets {field.in_file!r}, which only the environment can: set {field.environment}.")
        for variable in (field.environment, field.extra.get("also", "")):
            if variable in self._environ:
                return _Value(convert(field, self._environ[variable], variable), "environment")
        if field.name in stored:
            return _Value(convert(field, stored[field.name], f"The stored setting {field.in_file}"), "stored")
        if field.name in written:
            return _Value(convert(field, written[field.name], f"{field.in_file} in {self._file}"), "file")
        return _Value(field.default, "default")


def _describe(field: Field, section: _Section) -> SettingDescription:
    found = section.values[field.name]
    return SettingDescription(
        group=field.section,
        key=field.name,
        type=json_type(field.type),
        value=(MASK if found.value else None) if field.secret else plain(found.value),
        default=None if field.secret else plain(field.default),
        source=found.source,
        description=field.description,
        environment=field.environment,
        secret=field.secret,
        live=bool(section.watchers),
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
