"""Permissions: one immutable snapshot, installed as a whole, so that a decision is a look-up."""

from collections.abc import Callable, Mapping

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

    def held(self, principal: Principal, project: str) -> Patterns:
        """Every pattern that a person, a key, a bot or somebody in a chat holds in the project."""
        match principals.kind(principal):
            case "member":
                return self.members
            case "bot":
                return self.bots
            case _:
                grants = self.grants.get(principal, {})
                return grants.get(project, frozenset()) | grants.get(EVERY_PROJECT, frozenset())

    def allows(self, principal: Principal, permission: str, project: str) -> bool:
        """Decided anew each time: `Permissions` remembers."""
        return any(matches(pattern, permission) for pattern in self.held(principal, project))


class Permissions:
    """Decides. Nobody but `system` and modules holds anything until a snapshot says so."""

    def __init__(self) -> None:
        self._snapshot = PermissionSnapshot()
        self._plugins: dict[Principal, Patterns] = {}
        self._decisions: dict[tuple[Principal, str, str], bool] = {}
        self._told: list[Callable[[PermissionSnapshot], object]] = []

    def watch(self, tell: Callable[[PermissionSnapshot], object]) -> None:
        """Call `tell` with the snapshot now, and at every change of what anybody holds, before the change returns."""
        self._told.append(tell)
        tell(self._snapshot)

    def install(self, snapshot: PermissionSnapshot) -> None:
        """Replace the whole snapshot; the next decision is made by the new one."""
        self._snapshot = snapshot
        self._changed()

    def grant_plugin(self, plugin: Principal, patterns: Patterns) -> None:
        """What an enabled plugin may do, as its manifest asked and a person (or its being bundled) approved."""
        self._plugins[plugin] = patterns
        self._changed()

    def revoke_plugin(self, plugin: Principal) -> None:
        self._plugins.pop(plugin, None)
        self._changed()

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
            case _:
                return self._snapshot.held(principal, project)

    def _changed(self) -> None:
        self._decisions.clear()
        for tell in self._told:
            tell(self._snapshot)

    def _decide(self, principal: Principal, permission: str, project: str) -> bool:
        if not permission:
            return True
        return any(matches(pattern, permission) for pattern in self.held(principal, project))
