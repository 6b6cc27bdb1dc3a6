"""The matrix of design §5, walked for real: every kind of principal asks the engine for every kind of table.

Nobody asks the policy here. A principal reads and writes through units of its own, and what is refused has changed nothing.
"""

from collections.abc import AsyncIterator
from itertools import product
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.database import open_database

from vivesphere.kernel import principals
from vivesphere.kernel.db.access import Action, Granted
from vivesphere.kernel.db.errors import AccessDenied
from vivesphere.kernel.db.fingerprint import fingerprint
from vivesphere.kernel.db.granting import TableGrants
from vivesphere.kernel.db.handle import Database, Unit
from vivesphere.kernel.events import TableAccessDenied
from vivesphere.kernel.permissions import PermissionSnapshot
from vivesphere.kernel.principals import SYSTEM, Principal

pytestmark = pytest.mark.usefixtures("engine")

TABLES = ("notes", "clocks", "ext_quotes__items", "data_leads", "data_roses", "ghosts")
"""A module's, the kernel's, a plugin's, two of people in the projects garden and kitchen, and one that nobody registered."""

# r: it may read. w: it may write. The plugins `read_only`, `write_only` and `both` were granted that; `asked` has asked, and
# nobody answered; `refused` was granted both and then nothing. People hold what their names say, in the garden.
EXPECTED = """
                     notes  clocks  ext_quotes__items  data_leads  data_roses  ghosts
system               rw     rw      rw                 rw          rw          -
module:notes         rw     -       -                  -           -           -
module:letters       -      -       -                  -           -           -
module:plugins       -      -       -                  -           -           -
module:data          -      -       -                  rw          rw          -
plugin:quotes        -      -       rw                 -           -           -
plugin:dice          -      -       -                  -           -           -
plugin:read_only     -      -       -                  r           -           -
plugin:write_only    -      -       -                  w           -           -
plugin:both          -      -       -                  rw          -           -
plugin:asked         -      -       -                  -           -           -
plugin:refused       -      -       -                  -           -           -
user:reader          -      -       -                  r           -           -
user:writer          -      -       -                  w           -           -
user:both            -      -       -                  rw          -           -
user:everywhere      -      -       -                  rw          rw          -
user:nobody          -      -       -                  -           -           -
user:lister          -      -       -                  -           -           -
apikey:reader        -      -       -                  r           -           -
apikey:everywhere    -      -       -                  rw          rw          -
apikey:nobody        -      -       -                  -           -           -
bot:vivi             -      -       -                  -           -           -
member:irc/ada       -      -       -                  -           -           -
stranger:x           -      -       -                  -           -           -
"""
ROWS = {
    Principal(principal): dict(zip(TABLES, row, strict=True))
    for principal, *row in (line.split() for line in EXPECTED.strip().splitlines()[1:])
}
READ, WRITE, EVERYTHING = "data.record.read", "data.record.write", ">"
PEOPLE = PermissionSnapshot(
    grants={
        Principal("user:reader"): {"garden": frozenset({READ})},
        Principal("user:writer"): {"garden": frozenset({WRITE})},
        Principal("user:both"): {"garden": frozenset({"data.record.>"})},
        Principal("user:everywhere"): {"*": frozenset({EVERYTHING})},
        Principal("user:lister"): {"garden": frozenset({"data.table.>", "data.access.>", "data.sql.run"})},
        Principal("apikey:reader"): {"garden": frozenset({READ})},
        Principal("apikey:everywhere"): {"*": frozenset({"data.record.*"})},
    },
    members=frozenset({EVERYTHING}),
    bots=frozenset({EVERYTHING}),
)


def a_table(name: str, project: str | None = None) -> sa.Table:
    columns = (sa.Column("id", sa.Integer, primary_key=True), sa.Column("body", sa.Text))
    return sa.Table(name, sa.MetaData(), *columns, info={"project": project})


OWNERS = {
    a_table("notes"): principals.module("notes"),
    a_table("clocks"): SYSTEM,
    a_table("ext_quotes__items"): principals.plugin("quotes"),
    a_table("data_leads", "garden"): principals.user("nobody"),
    a_table("data_roses", "kitchen"): principals.module("data"),
}


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(tmp_path, models=[], extra=OWNERS) as database:
        database.access.permit(PEOPLE)
        system = database.handle(SYSTEM)
        await system.write(make_ghosts)
        for table in OWNERS:
            await system.write(run, f"INSERT INTO {table.name} (id, body) VALUES (1, 'kept')")  # noqa: S608 - our own names
        await decide_grants(TableGrants(system, database.refresh_access))
        yield database


async def decide_grants(grants: TableGrants) -> None:
    for plugin, actions in (("read_only", "r"), ("write_only", "w"), ("both", "rw"), ("refused", "rw")):
        for action in actions:
            granted = Granted(principals.plugin(plugin), "read" if action == "r" else "write", "data_leads")
            decided = await grants.grant(granted, "garden")
            if plugin == "refused":
                await grants.decide(decided.id, "revoked", "garden")
    asked = principals.plugin("asked")
    await grants.ask(asked, {Granted(asked, "read", "data_leads"), Granted(asked, "write", "data_leads")})


def make_ghosts(tx: Unit) -> None:
    with tx.as_host():
        tx.execute(sa.text("CREATE TABLE ghosts (id INTEGER PRIMARY KEY, body TEXT)"))
        tx.execute(sa.text("INSERT INTO ghosts (id, body) VALUES (1, 'kept')"))


def run(tx: Unit, sql: str) -> list[tuple[object, ...]]:
    result = tx.execute(sa.text(sql))
    return [tuple(row) for row in result] if result.returns_rows else []


def contents(tx: Unit, table: str) -> list[tuple[object, ...]]:
    with tx.as_host():
        return run(tx, f"SELECT id, body FROM {table} ORDER BY id")  # noqa: S608 - our own names


STATEMENTS = {
    "SELECT body FROM {}": "r",
    "SELECT count(*) FROM {}": "r",
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM {} AS t WHERE t.id = 1)": "r",
    "INSERT INTO {} (id, body) VALUES (2, 'new')": "w",
    "UPDATE {} SET body = 'changed'": "w",
    "DELETE FROM {}": "w",
    "INSERT INTO {} (id, body) VALUES (2, 'new') RETURNING body": "rw",
    "DELETE FROM {} WHERE body = 'kept'": "rw",
}
"""Each with what it takes."""

NAMES: dict[str, Action] = {"r": "read", "w": "write"}


@pytest.mark.parametrize("principal", ROWS)
async def test_the_engine_keeps_to_the_matrix(database: Database, principal: Principal) -> None:
    for table, may in ROWS[principal].items():
        for template, needed in STATEMENTS.items():
            sql = template.format(table)
            for way in ("read", "write") if needed == "r" else ("write",):
                if set(needed) <= set(may):
                    await allowed(database, principal, way, sql)
                else:
                    await refused(database, principal, way, sql, table=table, needed=needed)


async def allowed(database: Database, principal: Principal, way: str, sql: str) -> None:
    await getattr(database.handle(principal), way)(tried, sql)


async def refused(database: Database, principal: Principal, way: str, sql: str, *, table: str, needed: str) -> None:
    """With an error, one report, and nothing changed."""
    reported: list[TableAccessDenied] = []
    database.hooks.report = lambda event, _: reported.append(event)
    with pytest.raises(AccessDenied) as denied:
        await getattr(database.handle(principal), way)(run, sql)
    assert (denied.value.principal, denied.value.table) == (principal, table)
    # PostgreSQL does not say which of two rights it was that was missing.
    assert denied.value.action in {NAMES[each] for each in needed}
    action = denied.value.action
    assert reported == [TableAccessDenied(principal=principal, action=action, table=table, sql=fingerprint(sql))]
    assert await database.handle(SYSTEM).write(contents, table) == [(1, "kept")]


async def test_the_page_shows_what_the_engine_does(database: Database) -> None:
    policy = database.access.policy
    for principal, table in product(ROWS, TABLES):
        for letter, action in NAMES.items():
            may = ROWS[principal][table]
            shown = any(holder.principal == principal for holder in policy.who(action, table))
            assert shown == (letter in may) == (policy.why(principal, action, table) != "none"), (principal, table)


def tried(tx: Unit, sql: str) -> None:
    """What is allowed works, and leaves no trace for the next statement."""
    tx.execute(sa.text("SAVEPOINT tried"))
    run(tx, sql)
    tx.execute(sa.text("ROLLBACK TO tried"))
