"""The matrix of design §5, cell by cell."""

import pytest

from vivesphere.kernel import principals
from vivesphere.kernel.db import access
from vivesphere.kernel.db.access import AccessLevel, AccessPolicy, Action, CurrentAccess, TableDescription
from vivesphere.kernel.principals import SYSTEM, Principal

BOTS, PLANS = principals.module("bots"), principals.module("plans")
QUOTES, DICE = principals.plugin("quotes"), principals.plugin("dice")


def table(name: str, level: AccessLevel, owner: Principal) -> TableDescription:
    return TableDescription(name=name, access_level=level, owner=owner, is_system=level == "locked")


TABLES = (
    table("bots", "locked", BOTS),
    table("event_log", "locked", SYSTEM),
    table("ext_quotes__items", "protected", QUOTES),
    # Rows that could only come from a mistake: they must open nothing.
    table("ext_quotes__moved", "protected", DICE),
    table("ext_dice__loose", "locked", DICE),
    table("odd", "protected", BOTS),
    table("data_leads", "user", principals.user("ada")),
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
        (principals.module("data"), {"data_leads"}),
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
