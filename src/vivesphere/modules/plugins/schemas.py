"""Structs of the HTTP interface."""

from typing import Literal

import msgspec

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


class PluginState(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of a plugin from one start to the next."""

    id: str
    version: str
    status: Status
    detail: str = ""
