"""The policy: what it rests on, what it caches, how it is replaced. That the engine keeps to it: test_access_matrix."""

from collections.abc import Callable

import pytest

from vivesphere.kernel import principals
from vivesphere.kernel.db import access
from vivesphere.kernel.db.access import (
    AccessLevel,
    AccessPolicy,
    Action,
    CurrentAccess,
    Granted,
    Holder,
    Reason,
    TableDescription,
)
from vivesphere.kernel.permissions import Permissions, PermissionSnapshot
from vivesphere.kernel.principals import SYSTEM, Principal

BOTS, PLANS = principals.module("bots"), principals.module("plans")
QUOTES, DICE = principals.plugin("quotes"), principals.plugin("dice")


def table(name: str, level: AccessLevel, owner: Principal, project: str | None = None) -> TableDescription:
    return TableDescription(name=name, access_level=level, owner=owner, is_system=level == "locked", project=project)


TABLES = (
    table("bots", "locked", BOTS),
    table("event_log", "locked", SYSTEM),
    table("ext_quotes__items", "protected", QUOTES),
    # Rows that could only come from a mistake: they must open nothing.
    table("ext_quotes__moved", "protected", DICE),
    table("ext_dice__loose", "locked", DICE),
    table("odd", "protected", BOTS),
    table("loose", "user", principals.module("data"), "garden"),
    table("data_nowhere", "user", principals.module("data")),
    table("data_leads", "user", principals.user("ada"), "garden"),
)
USER_TABLES = {"data_leads", "data_nowhere"}
ADA = principals.user("ada")
GARDENERS = PermissionSnapshot(
    grants={
        ADA: {"garden": frozenset({"data.record.*"})},
        principals.user("ben"): {"*": frozenset({"data.record.read"}), "kitchen": frozenset({">"})},
        Principal("apikey:k1"): {"garden": frozenset({"data.record.write"})},
        principals.user("cleo"): {"kitchen": frozenset({">"})},
    },
    bots=frozenset({">"}),
    members=frozenset({">"}),
)


@pytest.mark.parametrize("action", ["read", "write"])
@pytest.mark.parametrize(
    ("principal", "may"),
    [
        (SYSTEM, {each.name for each in TABLES}),
        (BOTS, {"bots"}),
        (PLANS, set()),
        (QUOTES, {"ext_quotes__items"}),
        (DICE, set()),
        (principals.module("data"), USER_TABLES),
        (principals.user("ada"), set()),
        (principals.bot("vivi"), set()),
        (principals.member("account", "ada"), set()),
        (Principal("system:quotes"), set()),
        (Principal(""), set()),
    ],
)
def test_who_may_touch_what(principal: Principal, may: set[str], action: Action) -> None:
    policy = AccessPolicy(TABLES)
    assert {each.name for each in TABLES if policy.can(principal, action, each.name)} == may
    assert {each.name for each in TABLES if policy.can(principal, action, each.name)} == may, "asked again, from the cache"


@pytest.mark.parametrize("principal", [SYSTEM, BOTS, QUOTES])
@pytest.mark.parametrize("name", ["sqlite_master", "sqlite_sequence", "alembic_version", "nothing", "", "BOTS"])
def test_a_table_nobody_registered_is_refused_to_everyone(principal: Principal, name: str) -> None:
    policy = AccessPolicy(TABLES)
    assert not policy.can(principal, "read", name)
    assert not policy._decided, "unknown names must not fill the cache"


def test_the_cache_of_decisions_is_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "CACHED_DECISIONS", 2)
    policy = AccessPolicy(TABLES)
    for each in TABLES:
        assert policy.can(SYSTEM, "read", each.name)
        assert len(policy._decided) <= 2


def test_a_replaced_policy_has_another_version_and_describes_itself_by_name() -> None:
    current = CurrentAccess(AccessPolicy(TABLES))
    before = current.policy
    current.replace([*TABLES, table("accounts", "locked", BOTS)])
    assert current.policy.version == before.version + 1
    assert [each.name for each in before.describe()] == sorted(each.name for each in TABLES)
    assert current.describe()[0].name == "accounts"
    assert not before.can(BOTS, "read", "accounts")
    assert current.policy.can(BOTS, "read", "accounts")


@pytest.mark.parametrize(
    ("principal", "name", "read", "write"),
    [
        (SYSTEM, "event_log", "owner", "owner"),
        (SYSTEM, "data_leads", "keeper", "keeper"),
        (BOTS, "bots", "owner", "owner"),
        (principals.module("data"), "data_leads", "keeper", "keeper"),
        (principals.module("data"), "loose", "none", "none"),
        (QUOTES, "ext_quotes__items", "owner", "owner"),
        (QUOTES, "data_leads", "grant", "none"),
        (QUOTES, "data_nowhere", "none", "none"),
        (DICE, "data_leads", "none", "grant"),
        (DICE, "bots", "none", "none"),
        (DICE, "ext_quotes__items", "none", "none"),
        (ADA, "data_leads", "permission", "permission"),
        (ADA, "data_nowhere", "none", "none"),
        (principals.user("ben"), "data_leads", "permission", "none"),
        (principals.user("ben"), "bots", "none", "none"),
        (principals.user("ben"), "ext_quotes__items", "none", "none"),
        (principals.user("cleo"), "data_leads", "none", "none"),
        (Principal("apikey:k1"), "data_leads", "none", "permission"),
        (principals.bot("vivi"), "data_leads", "none", "none"),
        (principals.member("account", "ada"), "data_leads", "none", "none"),
        (SYSTEM, "nothing", "none", "none"),
    ],
)
def test_what_a_decision_rests_on(principal: Principal, name: str, read: Reason, write: Reason) -> None:
    # Grants on what no person made are rows that could only come from a mistake, too.
    granted = {
        Granted(QUOTES, "read", "data_leads"),
        Granted(DICE, "write", "data_leads"),
        Granted(DICE, "read", "bots"),
        Granted(DICE, "read", "ext_quotes__items"),
        Granted(BOTS, "read", "data_leads"),
        Granted(principals.bot("vivi"), "read", "data_leads"),
    }
    policy = AccessPolicy(TABLES, granted=granted, people=GARDENERS)
    assert (policy.why(principal, "read", name), policy.why(principal, "write", name)) == (read, write)
    assert (policy.can(principal, "read", name), policy.can(principal, "write", name)) == (read != "none", write != "none")


def test_everybody_who_may_is_named_with_the_reason() -> None:
    current = CurrentAccess(AccessPolicy(TABLES, granted={Granted(QUOTES, "read", "data_leads")}, people=GARDENERS))
    assert current.who("read", "data_leads") == (
        Holder(principals.module("data"), "keeper"),
        Holder(QUOTES, "grant"),
        Holder(SYSTEM, "keeper"),
        Holder(ADA, "permission"),
        Holder(principals.user("ben"), "permission"),
    )
    assert current.can(QUOTES, "read", "data_leads")
    assert not current.can(QUOTES, "write", "data_leads")
    assert current.who("write", "bots") == (Holder(BOTS, "owner"), Holder(SYSTEM, "keeper"))
    assert current.who("read", "nothing") == ()


def test_every_change_of_permissions_makes_another_policy_and_leaves_the_old_one_as_it_was() -> None:
    current = CurrentAccess(AccessPolicy(TABLES, granted={Granted(QUOTES, "read", "data_leads")}))
    permissions = Permissions()
    permissions.watch(current.permit)
    changes: tuple[Callable[[], None], ...] = (
        lambda: permissions.install(GARDENERS),
        lambda: permissions.grant_plugin(QUOTES, frozenset({"data.>"})),
        lambda: permissions.revoke_plugin(QUOTES),
        lambda: current.replace(TABLES),
    )
    for change in changes:
        before = current.policy
        change()
        assert current.policy is not before
        assert current.policy.version == before.version + 1
    assert current.policy.can(ADA, "read", "data_leads")
    assert not current.policy.can(QUOTES, "read", "data_leads")
    with_grant = current.policy
    permissions.install(PermissionSnapshot())
    assert with_grant.can(ADA, "write", "data_leads"), "decided for the first time only now, and still as it was"
    assert not current.policy.can(ADA, "write", "data_leads")
