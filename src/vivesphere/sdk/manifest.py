"""`plugin.toml`: what a plugin says about itself."""

import platform
import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.release import version

MANIFEST = "plugin.toml"

PluginId = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=40)]
Version = Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+){0,2}([-+.]?[0-9A-Za-z.]+)?$", max_length=40)]
AtLeast = Annotated[str, Meta(pattern=r"^>=[0-9]+(\.[0-9]+){0,2}$")]
Permission = Annotated[str, Meta(pattern=r"^[a-z0-9_-]+(\.([a-z0-9_-]+|\*))*(\.>)?$", max_length=100)]
TableName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=58)]
ConfigKey = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=40)]


class ManifestInvalid(Exception):
    """The message says what is wrong, and where."""


class Requires(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The oldest versions it runs on, each written `>=1.2`."""

    vivesphere: AtLeast = ">=0"
    python: AtLeast = ">=3.11"


class ConfigField(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One value an operator may set; the default says its type."""

    default: bool | int | float | str
    description: Annotated[str, Meta(min_length=1)]


class DataRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table that people made, by the name they gave it, and what the plugin would do with it. A person decides."""

    table: TableName
    actions: Annotated[tuple[Literal["read", "write"], ...], Meta(min_length=1)]


class TableColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column of a declared table. `references` names the plugin's table that a column of type `reference` leads to."""

    type: Literal["text", "integer", "number", "boolean", "date", "datetime", "json", "reference"]
    required: bool = False
    unique: bool = False
    default: JSON = None
    references: str | None = None


class TableIndex(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    columns: tuple[str, ...]
    unique: bool = False


class DeclaredTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the plugin's own. The server makes it, and gives it a column `id` that counts."""

    columns: Annotated[dict[str, TableColumn], Meta(min_length=1)]
    indexes: tuple[TableIndex, ...] = ()


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`permissions` are names or patterns (`bots.message.read`, `bots.>`) of what it asks to be allowed; by default nothing.
    `tables` are its own; a new version may add to them. `data` are tables of people that it asks for; nothing of it is given
    before somebody approves.

    `isolation` is where it runs: `inline`, in the server's own process.
    """

    id: PluginId
    name: Annotated[str, Meta(min_length=1, max_length=80)]
    version: Version
    description: Annotated[str, Meta(min_length=1, max_length=500)]
    requires: Requires = Requires()
    permissions: tuple[Permission, ...] = ()
    isolation: Literal["inline"] = "inline"
    enabled_by_default: bool = False
    data: tuple[DataRequest, ...] = ()
    tables: dict[TableName, DeclaredTable] = msgspec.field(default_factory=dict)
    config: dict[ConfigKey, ConfigField] = msgspec.field(default_factory=dict)


def read_manifest(folder: Path) -> Manifest:
    """The folder's `plugin.toml`. Raises ManifestInvalid; the folder must be named after the plugin's id."""
    try:
        text = (folder / MANIFEST).read_text(encoding="utf-8")
        manifest = msgspec.convert(tomllib.loads(text), Manifest)
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestInvalid(f"{MANIFEST} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ManifestInvalid(f"{MANIFEST} is not valid TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise ManifestInvalid(f"{MANIFEST}: {error}") from error
    if manifest.id != folder.name:
        raise ManifestInvalid(f"{MANIFEST}: the id is {manifest.id!r}, but the folder is named {folder.name!r}")
    return manifest


def check_requirements(requires: Requires) -> None:
    """Raises ManifestInvalid if this server, or this Python, is older than the plugin needs. A bare checkout has no version and
    passes for new enough."""
    for what, wanted, present in (
        ("ViveSphere", requires.vivesphere, version()),
        ("Python", requires.python, platform.python_version()),
    ):
        if not present.endswith("+checkout") and numbers(present) < numbers(wanted):
            raise ManifestInvalid(f"it needs {what} {wanted}, but this is {what} {present}")


def numbers(version: str) -> tuple[int, ...]:
    """`>=1.2` and `1.2.0rc1` are both (1, 2, 0): the release's numbers, three of them, to be compared."""
    found = [int(each) for each in re.findall(r"[0-9]+", version)[:3]]
    return tuple(found + [0] * (3 - len(found)))
