"""The roles, and the permissions each one holds. This page is the only place that says so."""

from collections.abc import Mapping

from vivesphere.kernel.permissions import Patterns

OWNER = "owner"

_VIEWER: Patterns = frozenset(
    {
        "audit.bus.read",
        "audit.event.read",
        "auth.project.read",
        "auth.session.read",
        "bots.account.read",
        "bots.bot.read",
        "bots.message.read",
        "data.record.read",
        "data.table.read",
        "plans.plan.read",
        "plans.run.read",
        "plugins.plugin.read",
        "tools.execution.read",
        "tools.tool.read",
        "triggers.trigger.read",
    }
)
_EDITOR = _VIEWER | {
    "bots.message.send",
    "data.record.write",
    "plans.>",
    "plugins.command.run",
    "tools.tool.run",
    "triggers.>",
}
_MANAGER = _EDITOR | {
    "audit.effect.read",
    "auth.user.read",
    "bots.>",
    "data.access.read",
    "data.record.>",
    "data.sql.>",
    "data.table.>",
    "secrets.secret.read",
    "secrets.secret.write",
    "tools.>",
}
_ADMIN = _MANAGER | {
    "audit.>",
    "auth.>",
    # A backup holds everything of everybody, so that making and fetching one is no manager's business.
    "data.>",
    "plugins.>",
    "secrets.>",
    "settings.>",
}

ROLES: Mapping[str, Patterns] = {
    OWNER: frozenset({">"}),
    "admin": _ADMIN,
    "manager": _MANAGER,
    "editor": _EDITOR,
    "viewer": _VIEWER,
}
"""From the one who may do everything to the one who may look. Each holds what the next one holds."""


CHAT: Patterns = frozenset({"bots.message.send", "plugins.command.run", "tools.tool.run"})
"""What everybody in a chat may do by speaking to a bot, and a bot by itself, in the bot's project."""


def highest(roles: set[str]) -> str:
    """The role that says most of a person who has several; empty for none."""
    return next((role for role in ROLES if role in roles), "")
