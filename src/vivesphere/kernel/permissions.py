"""Permissions: one immutable snapshot, installed as a whole, so that a decision is a look-up."""

from collections.abc import Mapping

import msgspec

from vivesphere.kernel import principals
from vivesphere.kernel.bus.topics import matches
from vivesphere.kernel.capped import make_room
from vivesphere.kernel.principals import Principal

EVERY_PROJECT = "*"
CACHED_DECISIONS = 8192

Patterns = frozenset[str]
"""Permissions by name or by pattern, as topics are: `bots.bot.read`, `bots.>`, `>`."""


class PermissionSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds what. `grants` is principal → project (or `*`) → patterns; `members` and `bots` hold for all of their kind."""

    grants: Mapping[Principal, Mapping[str, Patterns]] = {}
    members: Patterns = frozenset()
    bots: Patterns = frozenset()


class Permissions:
    """Decides. Nobody but `system` and modules holds anything until a snapshot says so."""

    def __init__(self) -> None:
        self._snapshot = PermissionSnapshot()
        self._plugins: dict[Principal, Patterns] = {}
        self._decisions: dict[tuple[Principal, str, str], bool] = {}

    def install(self, snapshot: PermissionSnapshot) -> None:
        """Replace the whole snapshot; the next decision is made by the new one."""
        self._snapshot = snapshot
        self._decisions.clear()

    def grant_plugin(self, plugin: Principal, patterns: Patterns) -> None:
        """What an enabled plugin may do, as its manifest asked and a person (or its being bundled) approved."""
        self._plugins[plugin] = patterns
        self._decisions.clear()

    def revoke_plugin(self, plugin: Principal) -> None:
        self._plugins.pop(plugin, None)
        self._decisions.clear()

    def allows(self, principal: Principal, permission: str, project: str) -> bool:
        """Whether the principal holds the permission in the project. An empty permission is anybody's."""
        key = (principal, permission, project)
        known = self._decisions.get(key)
        if known is None:
            make_room(self._decisions, CACHED_DECISIONS)
            known = self._decisions[key] = self._decide(principal, permission, project)
        return known

    def held(self, principal: Principal, project: str) -> Patterns:
        """Every pattern the principal holds in the project."""
        match principals.kind(principal):
            case "system" | "module":
                return frozenset({">"})
            case "plugin":
                return self._plugins.get(principal, frozenset())
            case "member":
                return self._snapshot.members
            case "bot":
                return self._snapshot.bots
            case _:
                grants = self._snapshot.grants.get(principal, {})
                return grants.get(project, frozenset()) | grants.get(EVERY_PROJECT, frozenset())

    def _decide(self, principal: Principal, permission: str, project: str) -> bool:
        if not permission:
            return True
        return any(matches(pattern, permission) for pattern in self.held(principal, project))
