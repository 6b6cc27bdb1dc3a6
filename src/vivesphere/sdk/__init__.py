"""What plugin authors import. Every name is documented where it is defined; a test pins the list."""

from vivesphere.kernel.bus.messages import JSON, Envelope, Event
from vivesphere.kernel.services import Health
from vivesphere.kernel.sql import Rows
from vivesphere.sdk.chat import Message, Reply
from vivesphere.sdk.context import HttpAnswer, PluginContext
from vivesphere.sdk.declarations import Command, Listener, Tool, command, listener, tool
from vivesphere.sdk.errors import PluginError
from vivesphere.sdk.hookspecs import hookimpl

__all__ = [
    "JSON",
    "Command",
    "Envelope",
    "Event",
    "Health",
    "HttpAnswer",
    "Listener",
    "Message",
    "PluginContext",
    "PluginError",
    "Reply",
    "Rows",
    "Tool",
    "command",
    "hookimpl",
    "listener",
    "tool",
]
