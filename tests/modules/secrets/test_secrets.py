"""Secrets over the bus: kept for the one who stored them, and for nobody else."""

import pytest
import sqlalchemy as sa
from tests.support.bus import BusForTests

from vivesphere.contracts.secrets import RevealSecret, SecretStored, SecretUnknown, SecretValue, StoreSecret
from vivesphere.kernel import principals
from vivesphere.kernel.bus.errors import NotPermitted
from vivesphere.kernel.cause import Cause, Mode, acting_under
from vivesphere.kernel.db.handle import DatabaseHandle, Unit
from vivesphere.kernel.db.models import LoggedEvent
from vivesphere.kernel.errors import InvalidInput, StartError
from vivesphere.kernel.http.paging import Page
from vivesphere.kernel.vault import Vault, VaultError
from vivesphere.modules.secrets.handlers import SecretHandlers
from vivesphere.modules.secrets.models import SecretRow
from vivesphere.modules.secrets.schemas import Secret
from vivesphere.modules.secrets.service import LARGEST_VALUE, SecretService

pytestmark = pytest.mark.usefixtures("engine")

BOTS = principals.module("bots")
PASSWORD = "correct horse battery staple"


class Asker:
    """A module that asks over the bus, in one project."""

    def __init__(self, bus: BusForTests, name: str, project: str = "default") -> None:
        self.bus = bus.module(name)
        self.cause = Cause(source=self.bus.principal, actor=self.bus.principal, project=project)

    async def store(self, name: str, value: str) -> str:
        with acting_under(self.cause):
            stored = await self.bus.request(StoreSecret(name=name, value=value))
        assert isinstance(stored, SecretStored)
        return stored.secret_id

    async def reveal(self, secret_id: str) -> SecretValue | SecretUnknown:
        with acting_under(self.cause):
            return await self.bus.request(RevealSecret(secret_id=secret_id))


@pytest.fixture
def vault() -> Vault:
    return Vault(bytes(range(32)))


@pytest.fixture
def secrets(secrets_db: DatabaseHandle, vault: Vault) -> SecretService:
    return SecretService(secrets_db, vault)


@pytest.fixture
def bus(secrets: SecretService) -> BusForTests:
    made = BusForTests()
    handlers = SecretHandlers(secrets)
    own = made.module("secrets")
    own.respond(StoreSecret, handlers.store)
    own.respond(RevealSecret, handlers.reveal)
    return made


@pytest.fixture
def bots(bus: BusForTests) -> Asker:
    return Asker(bus, "bots")


async def listed(secrets: SecretService, project: str = "default", cursor: str | None = None, limit: int = 50) -> Page[Secret]:
    with acting_under(Cause(source=principals.module("secrets"), actor=principals.user("anna"), project=project)):
        return await secrets.list_secrets(cursor, limit)


async def test_the_one_who_stored_a_secret_gets_it_back(bots: Asker) -> None:
    assert await bots.reveal(await bots.store("irc", PASSWORD)) == SecretValue(value=PASSWORD)


async def test_nobody_else_does_and_learns_nothing_from_it(bus: BusForTests, bots: Asker) -> None:
    secret_id = await bots.store("irc", PASSWORD)
    for stranger in (Asker(bus, "plugins"), Asker(bus, "bots", project="other")):
        assert await stranger.reveal(secret_id) == await stranger.reveal("no such id") == SecretUnknown()


async def test_the_same_name_replaces_the_value_and_keeps_the_id(bots: Asker, secrets: SecretService) -> None:
    first = await bots.store("irc", PASSWORD)
    assert await bots.store("irc", "another correct horse") == first
    assert await bots.reveal(first) == SecretValue(value="another correct horse")
    [only] = (await listed(secrets)).items
    assert only.last_four == "orse"


async def test_names_are_their_owners_and_their_projects_own(bus: BusForTests, bots: Asker, secrets: SecretService) -> None:
    others = [Asker(bus, "plugins"), Asker(bus, "bots", project="other")]
    ids = [await asker.store("irc", f"value of number {n}") for n, asker in enumerate([bots, *others])]
    assert len(set(ids)) == 3
    values = [await asker.reveal(secret_id) for asker, secret_id in zip([bots, *others], ids, strict=True)]
    assert values == [SecretValue(value=f"value of number {n}") for n in range(3)]
    assert [secret.owner for secret in (await listed(secrets)).items] == ["module:bots", "module:plugins"]


async def test_the_list_is_masked_and_paged(bots: Asker, secrets: SecretService) -> None:
    ids = [await bots.store(name, value) for name, value in (("a", PASSWORD), ("b", "short"), ("c", "exactly16letters"))]
    first = await listed(secrets, limit=2)
    assert [(secret.id, secret.last_four) for secret in first.items] == [(ids[0], "aple"), (ids[1], "")]
    second = await listed(secrets, cursor=first.next_cursor, limit=2)
    assert ([(secret.id, secret.last_four) for secret in second.items], second.next_cursor) == ([(ids[2], "ters")], None)
    assert (await listed(secrets, project="other")).items == []


async def test_nothing_in_the_database_holds_the_value(bots: Asker, system_db: DatabaseHandle) -> None:
    secret_id = await bots.store("irc", PASSWORD)

    def everything(tx: Unit) -> list[tuple[object, ...]]:
        return [
            tuple(row)
            for table in (SecretRow, LoggedEvent)
            for row in tx.execute(sa.select(table.metadata.tables[table.__tablename__]))
        ]

    rows = await system_db.read(everything)
    assert PASSWORD not in repr(rows)
    event = next(row for row in rows if "secrets.secret.changed" in row)
    assert {"secret_id": secret_id, "name": "irc"} in event


async def test_a_value_moved_to_another_name_does_not_open(bots: Asker, system_db: DatabaseHandle) -> None:
    first, second = await bots.store("irc", PASSWORD), await bots.store("discord", "another correct horse")

    def swap(tx: Unit) -> None:
        table = SecretRow.metadata.tables["secrets"]
        stolen = tx.execute(sa.select(table.c.sealed).where(table.c.id == first)).scalar_one()
        tx.execute(sa.update(table).where(table.c.id == second).values(sealed=stolen))

    await system_db.write(swap)
    with pytest.raises(VaultError):
        await bots.reveal(second)


@pytest.mark.parametrize(
    ("name", "value"), [("", "x"), ("n" * 201, "x"), ("line\nbreak", "x"), ("irc", ""), ("irc", "ü" * (LARGEST_VALUE // 2 + 1))]
)
async def test_what_cannot_be_kept_is_refused(bots: Asker, secrets: SecretService, name: str, value: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await bots.store(name, value)
    assert not value or value not in refused.value.detail
    assert (await listed(secrets)).items == []


async def test_a_secret_needs_an_asker(secrets: SecretService) -> None:
    with pytest.raises(NotPermitted):
        await SecretHandlers(secrets).store(StoreSecret(name="irc", value=PASSWORD))


async def test_in_shadow_mode_nothing_is_kept(bots: Asker, secrets: SecretService) -> None:
    bots.cause = bots.cause.tightened(Mode.SHADOW)
    await bots.store("irc", PASSWORD)
    assert (await listed(secrets)).items == []


async def test_a_database_beside_another_master_key_stops_the_start(
    bots: Asker, secrets: SecretService, secrets_db: DatabaseHandle
) -> None:
    elsewhere = SecretService(secrets_db, Vault(bytes(32)))
    await elsewhere.check_key()
    await bots.store("irc", PASSWORD)
    await secrets.check_key()
    with pytest.raises(StartError, match=r"another master key: put back master\.key and vault\.json"):
        await elsewhere.check_key()
