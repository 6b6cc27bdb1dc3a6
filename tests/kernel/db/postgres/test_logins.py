"""The server's own login: a superuser, one that may create roles, and one that may not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg import sql
from tests.support import postgres
from tests.support.clock import FakeClock

from vivesphere import tables
from vivesphere.checkup import findings
from vivesphere.kernel import principals
from vivesphere.kernel.db import installation, migrate
from vivesphere.kernel.db.errors import AccessDenied, DatabaseUnavailable
from vivesphere.kernel.db.handle import Database
from vivesphere.kernel.db.location import PostgresPlace
from vivesphere.kernel.principals import SYSTEM
from vivesphere.kernel.settings import Settings

SETTINGS = principals.module("settings")
QUOTES = principals.plugin("quotes")


@contextmanager
def owned(login: str, rights: str) -> Iterator[PostgresPlace]:
    """A database that belongs to a login with these rights."""
    with postgres.new_database("template0") as place:
        name = sql.Identifier(login)
        with postgres.connect(place) as admin:
            admin.execute(sql.SQL("CREATE ROLE {} LOGIN " + rights).format(name))
            admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(str(place.url.database)), name))
        try:
            own = PostgresPlace(place.url.set(username=login), place.pool)
            migrate.bring_up_to_date(own, owners=tables.owners())
            yield own
        finally:
            with postgres.connect(place) as admin:
                admin.execute(sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(name))
                admin.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(name))


async def test_a_login_that_may_create_roles_keeps_everyone_apart() -> None:
    with owned("able", "CREATEROLE") as place:
        database = await Database.open(place, clock=FakeClock())
        try:
            await database.handle(SYSTEM).write(installation.write_fact, "a", 1)
            for stranger in (SETTINGS, QUOTES):
                with pytest.raises(AccessDenied):
                    await database.handle(stranger).read(installation.read_fact, "a")
            assert database.health().status == "ok"
            await database.refresh_access()
        finally:
            await database.close()
        # Roles of guests are dropped and those of ours found again.
        database = await Database.open(place, clock=FakeClock())
        assert await database.handle(SYSTEM).read(installation.read_fact, "a") == 1
        await database.close()


async def test_a_login_that_may_not_serves_without_the_wall_and_says_so(tmp_path: Path) -> None:
    with owned("unable", "NOCREATEROLE") as place:
        database = await Database.open(place, clock=FakeClock())
        try:
            await database.handle(SYSTEM).write(installation.write_fact, "a", 1)
            assert await database.handle(SYSTEM).read(installation.read_fact, "a") == 1
            await database.refresh_access()
            health = database.health()
            assert (health.status, "may not create roles" in health.detail) == ("degraded", True)
            with pytest.raises(DatabaseUnavailable, match="may not create roles"):
                await database.handle(QUOTES).read(installation.read_fact, "a")
        finally:
            await database.close()
        url = place.url.render_as_string(hide_password=False)
        found = findings(Settings.load({"VIVESPHERE_DATA_DIR": str(tmp_path), "VIVESPHERE_DATABASE_URL": url}))
        (finding,) = [each for each in found if each.check == "database"]
        assert finding.status == "warning"
        assert "may not create roles" in finding.detail
