"""What a stranger may try on PostgreSQL when no gate has read its statements."""

import pytest
from tests.kernel.db.world import World, items, run_sql
from tests.support.engines import on_postgres

from vivesphere.kernel.db.errors import StatementFailed

pytestmark = [on_postgres, pytest.mark.usefixtures("engine")]


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO ext_quotes__items (body) VALUES ('kept'); COMMIT; BEGIN",
        "SELECT 1; ROLLBACK; BEGIN READ WRITE; INSERT INTO ext_quotes__items (body) VALUES ('kept'); COMMIT; BEGIN",
        "SELECT 1; ALTER ROLE CURRENT_USER PASSWORD 'mine now'",
        "SELECT 1; DECLARE kept CURSOR WITH HOLD FOR SELECT 1",
        "SELECT 1; SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    ],
)
async def test_nothing_stands_behind_a_semicolon(world: World, sql: str) -> None:
    """A second statement could end the unit's transaction: kept, whatever becomes of the unit, and written in a read."""
    for ask in (world.quotes.read, world.quotes.write, world.notes.write):
        with pytest.raises(StatementFailed, match="multiple commands"):
            await ask(run_sql, sql)
    assert await world.bodies(items) == []
