"""Grants: asked for by plugins, decided by people, told of, and forgotten with whom they concern."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.clock import FakeClock
from tests.support.database import open_database

from vivesphere.kernel import principals
from vivesphere.kernel.bus.messages import Envelope, Event
from vivesphere.kernel.cause import Cause, acting_under
from vivesphere.kernel.db.access import Action, Granted
from vivesphere.kernel.db.errors import DatabaseUnavailable
from vivesphere.kernel.db.grant_errors import GrantDecided, GrantUnknown, TableNotThere
from vivesphere.kernel.db.granting import TableGrants
from vivesphere.kernel.db.grants import Grant, GrantQuery, Status
from vivesphere.kernel.db.handle import Database
from vivesphere.kernel.db.kept_replies import IdempotencyKey
from vivesphere.kernel.events import TableGrantApproved, TableGrantRequested, TableGrantRevoked
from vivesphere.kernel.principals import SYSTEM

pytestmark = pytest.mark.usefixtures("engine")

DICE, ECHO, ADA = principals.plugin("dice"), principals.plugin("echo"), principals.user("ada")
BY_ADA = Cause(source=principals.module("data"), actor=ADA, project="garden")


def a_table(name: str, project: str) -> sa.Table:
    return sa.Table(name, sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), info={"project": project})


LEADS, ROSES = a_table("data_leads", "garden"), a_table("data_roses", "kitchen")


@dataclass
class Grants:
    database: Database
    told: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.database.hooks.dispatch = self.hear
        self.service = TableGrants(self.database.handle(SYSTEM), self.database.refresh_access)

    def hear(self, envelopes: Sequence[Envelope[Event]]) -> None:
        assert all(envelope.cause.source == SYSTEM and envelope.seq for envelope in envelopes), "durable, and the kernel's"
        self.told += [envelope.payload for envelope in envelopes]

    async def listed(self, project: str = "garden", status: Status | None = None) -> list[Grant]:
        return await self.service.listed(GrantQuery(project=project, status=status), 100)

    async def one(self) -> Grant:
        (grant,) = await self.listed()
        return grant

    def may(self, action: Action = "read") -> bool:
        return self.database.access.policy.can(DICE, action, "data_leads")


@pytest.fixture
async def grants(tmp_path: Path) -> AsyncIterator[Grants]:
    data = principals.module("data")
    async with open_database(tmp_path, models=[], extra={LEADS: data, ROSES: data}) as database:
        yield Grants(database)


def wanted(*actions: Action, table: str = "data_leads") -> set[Granted]:
    return {Granted(DICE, action, table) for action in actions}


async def test_what_a_plugin_asks_for_waits(grants: Grants) -> None:
    await grants.service.ask(DICE, wanted("write", "read"))
    assert grants.told == [
        TableGrantRequested(grantee=DICE, table="data_leads", action="read"),
        TableGrantRequested(grantee=DICE, table="data_leads", action="write"),
    ]
    found = await grants.listed()
    assert [(grant.action, grant.status, grant.decided_by, grant.decided_at) for grant in found] == [
        ("write", "requested", None, None),
        ("read", "requested", None, None),
    ]
    await grants.service.ask(DICE, wanted("read", "write"))
    assert await grants.listed() == found
    assert len(grants.told) == 2, "a restart is no news"
    assert not grants.may()


async def test_what_is_not_asked_for_any_more_need_not_be_decided(grants: Grants) -> None:
    await grants.service.ask(DICE, wanted("read", "write"))
    await grants.service.ask(DICE, wanted("read"))
    assert (await grants.one()).action == "read"
    with acting_under(BY_ADA):
        await grants.service.decide((await grants.one()).id, "approved", "garden")
    await grants.service.ask(DICE, ())
    assert grants.may(), "what a person has decided a person takes back"


async def test_a_person_approves_and_takes_back_and_approves_again(grants: Grants) -> None:
    await grants.service.ask(DICE, wanted("read"))
    waiting = await grants.one()
    grants.told.clear()
    with acting_under(BY_ADA):
        approved = await grants.service.decide(waiting.id, "approved", "garden")
        assert grants.may()
        assert not grants.may("write")
        revoked = await grants.service.decide(waiting.id, "revoked", "garden")
        assert not grants.may()
        await grants.service.ask(DICE, wanted("read"))
        assert (await grants.one()).status == "revoked", "a no stays a no, however often it is asked"
        again = await grants.service.decide(waiting.id, "approved", "garden")
    assert [type(event) for event in grants.told] == [TableGrantApproved, TableGrantRevoked, TableGrantApproved]
    assert (approved.status, approved.decided_by) == ("approved", ADA)
    assert approved.decided_at == FakeClock().now()
    assert revoked.id == again.id == waiting.id
    assert await grants.one() == again


async def test_what_is_decided_already_is_said_so(grants: Grants) -> None:
    granted = await grants.service.grant(Granted(DICE, "read", "data_leads"), "garden")
    with pytest.raises(GrantDecided, match=r"That plugin:dice may read 'leads' is decided already"):
        await grants.service.grant(Granted(DICE, "read", "data_leads"), "garden")
    await grants.service.decide(granted.id, "revoked", "garden")
    with pytest.raises(GrantDecided, match=r"That plugin:dice may not read 'leads' is decided already"):
        await grants.service.decide(granted.id, "revoked", "garden")
    assert len(grants.told) == 2


async def test_a_grant_that_nobody_asked_for_and_one_that_somebody_did_are_the_same(grants: Grants) -> None:
    await grants.service.ask(DICE, wanted("read"))
    asked = await grants.one()
    granted = await grants.service.grant(Granted(DICE, "read", "data_leads"), "garden")
    assert granted.id == asked.id
    await grants.service.grant(Granted(DICE, "write", "data_leads"), "garden")
    assert grants.may("read")
    assert grants.may("write")


@pytest.mark.parametrize("table", ["data_nothing", "event_log", "data_roses", "table_grants"])
async def test_only_a_table_of_people_in_the_project_can_be_granted(grants: Grants, table: str) -> None:
    with pytest.raises(TableNotThere):
        await grants.service.grant(Granted(DICE, "read", table), "garden")
    assert not grants.told
    assert not grants.database.access.policy.can(DICE, "read", table)
    assert await grants.listed() == []


async def test_a_grant_on_another_projects_table_is_not_there(grants: Grants) -> None:
    await grants.service.ask(DICE, wanted("read", table="data_roses"))
    (grant,) = await grants.listed("kitchen")
    assert await grants.listed("garden") == []
    with pytest.raises(GrantUnknown):
        await grants.service.decide(grant.id, "approved", "garden")
    await grants.service.decide(grant.id, "approved", "kitchen")


async def test_a_table_that_is_not_there_yet_can_be_asked_for_and_refused_but_not_granted(grants: Grants) -> None:
    await grants.service.ask(DICE, wanted("read", table="data_later"))
    grant = await grants.one()
    assert [each.id for each in await grants.listed("kitchen")] == [grant.id], "nobody knows whose it will be"
    with pytest.raises(TableNotThere, match="'later'"):
        await grants.service.decide(grant.id, "approved", "garden")
    assert (await grants.service.decide(grant.id, "revoked", "garden")).status == "revoked"


async def test_an_unknown_grant_is_said_so(grants: Grants) -> None:
    with pytest.raises(GrantUnknown, match="'nothing'"):
        await grants.service.decide("nothing", "approved", "garden")


async def test_the_list_is_newest_first_by_status_and_page_by_page(grants: Grants) -> None:
    await grants.service.ask(DICE, wanted("read", "write"))
    await grants.service.ask(ECHO, {Granted(ECHO, "read", "data_leads")})
    found = await grants.listed()
    assert [grant.id for grant in found] == sorted((grant.id for grant in found), reverse=True)
    await grants.service.decide(found[0].id, "approved", "garden")
    assert [grant.id for grant in await grants.listed(status="approved")] == [found[0].id]
    assert [grant.id for grant in await grants.listed(status="requested")] == [found[1].id, found[2].id]
    rest = await grants.service.listed(GrantQuery(project="garden", before=found[0].id), 1)
    assert [grant.id for grant in rest] == [found[1].id]


async def test_who_asks_twice_under_one_key_decides_once(grants: Grants) -> None:
    key = IdempotencyKey("k", b"asked", Grant)
    first = await grants.service.grant(Granted(DICE, "read", "data_leads"), "garden", key)
    assert await grants.service.grant(Granted(DICE, "read", "data_leads"), "garden", key) == first
    revoke = IdempotencyKey("k", b"asked", Grant, "revoke")
    second = await grants.service.decide(first.id, "revoked", "garden", revoke)
    assert await grants.service.decide(first.id, "revoked", "garden", revoke) == second
    assert len(grants.told) == 2


async def test_what_was_decided_while_the_policy_could_not_be_read_is_in_force_when_somebody_asks_again(grants: Grants) -> None:
    given = await grants.service.grant(Granted(DICE, "read", "data_leads"), "garden")
    broken = iter([DatabaseUnavailable("the disk is away")])

    async def refresh() -> None:
        for error in broken:
            raise error
        await grants.database.refresh_access()

    service = TableGrants(grants.database.handle(SYSTEM), refresh)
    with pytest.raises(DatabaseUnavailable):
        await service.decide(given.id, "revoked", "garden")
    assert grants.may()
    with pytest.raises(GrantDecided):
        await service.decide(given.id, "revoked", "garden")
    assert not grants.may()


async def test_a_plugin_that_is_gone_takes_its_grants_with_it(grants: Grants) -> None:
    await grants.service.grant(Granted(DICE, "read", "data_leads"), "garden")
    await grants.service.ask(ECHO, {Granted(ECHO, "read", "data_leads")})
    await grants.service.keep_plugins(["dice", "echo"])
    assert grants.may()
    assert len(await grants.listed()) == 2
    await grants.service.keep_plugins(["dice"])
    assert (await grants.one()).grantee == DICE
    await grants.service.keep_plugins([])
    assert await grants.listed() == []
    assert not grants.may()
