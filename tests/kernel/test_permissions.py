"""A decision follows the snapshot that is installed, and nothing else."""

import pytest

from vivesphere.kernel import principals
from vivesphere.kernel.permissions import CACHED_DECISIONS, Permissions, PermissionSnapshot
from vivesphere.kernel.principals import Principal

ANNE = principals.user("anne")
SNAPSHOT = PermissionSnapshot(
    grants={ANNE: {"garden": frozenset({"bots.*.read"}), "*": frozenset({"tools.>"})}},
    members=frozenset({"plugins.command.run"}),
    bots=frozenset({"bots.message.send"}),
)


@pytest.mark.parametrize(
    ("principal", "permission", "project", "allowed"),
    [
        (principals.SYSTEM, "secrets.secret.reveal", "garden", True),
        (principals.module("bots"), "secrets.secret.reveal", "garden", True),
        (ANNE, "bots.bot.read", "garden", True),
        (ANNE, "bots.bot.read", "kitchen", False),
        (ANNE, "bots.bot.write", "garden", False),
        (ANNE, "tools.tool.run", "kitchen", True),
        (ANNE, "", "kitchen", True),
        (principals.user("ben"), "bots.bot.read", "garden", False),
        (principals.plugin("dice"), "tools.tool.run", "garden", False),
        (principals.member("a1", "nick"), "plugins.command.run", "garden", True),
        (principals.member("a1", "nick"), "bots.bot.read", "garden", False),
        (principals.bot("b1"), "bots.message.send", "garden", True),
        (Principal("stranger:x"), "bots.bot.read", "garden", False),
    ],
)
def test_the_matrix(principal: Principal, permission: str, project: str, *, allowed: bool) -> None:
    permissions = Permissions()
    permissions.install(SNAPSHOT)
    for _ in range(2):
        assert permissions.allows(principal, permission, project) is allowed


def test_a_new_snapshot_decides_at_once() -> None:
    permissions = Permissions()
    assert not permissions.allows(ANNE, "tools.tool.run", "garden")
    permissions.install(SNAPSHOT)
    assert permissions.allows(ANNE, "tools.tool.run", "garden")
    permissions.install(PermissionSnapshot())
    assert not permissions.allows(ANNE, "tools.tool.run", "garden")


def test_a_plugin_holds_what_it_was_granted_until_it_is_revoked() -> None:
    permissions = Permissions()
    dice = principals.plugin("dice")
    permissions.grant_plugin(dice, frozenset({"tools.plugin.register"}))
    assert permissions.allows(dice, "tools.plugin.register", "garden")
    permissions.revoke_plugin(dice)
    permissions.revoke_plugin(dice)
    assert not permissions.allows(dice, "tools.plugin.register", "garden")


def test_remembered_decisions_are_capped() -> None:
    permissions = Permissions()
    for number in range(CACHED_DECISIONS + 3):
        permissions.allows(ANNE, "bots.bot.read", f"p{number}")
    assert len(permissions._decisions) == CACHED_DECISIONS
