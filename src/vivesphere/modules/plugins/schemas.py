"""Structs of the HTTP interface."""

from typing import Literal

import msgspec

from vivesphere.kernel.db.definition import TableDefinition

Status = Literal["enabled", "disabled", "error"]


class CommandView(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    help: str
    usage: str


class Plugin(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin as it is now. Commands and tools are there while it is enabled; `detail` says what is wrong or left behind."""

    id: str
    name: str
    version: str
    description: str
    status: Status
    detail: str
    commands: list[CommandView]
    tools: list[str]
    isolation: Literal["inline"] = "inline"


class PluginTable(msgspec.Struct, frozen=True, kw_only=True):
    """A table of a plugin that is there, by the database's name for it. `version` is the plugin's when it became so."""

    name: str
    version: str
    definition: TableDefinition


class PluginState(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of a plugin from one start to the next."""

    id: str
    version: str
    status: Status
    detail: str = ""
