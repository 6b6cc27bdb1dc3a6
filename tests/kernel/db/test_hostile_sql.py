"""SQL that wants what is not its own. The engine refuses it, says whom it refused, and nothing leaks."""

import resource
import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.kernel.db.world import (
    NOTES,
    QUOTES,
    Noted,
    World,
    bodies,
    items,
    letters,
    notes,
    put,
    rolls,
    run_sql,
)

from vivesphere.kernel.cause import Cause, acting_under
from vivesphere.kernel.db.errors import AccessDenied, DatabaseError, StatementFailed
from vivesphere.kernel.db.fingerprint import fingerprint
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.db.sqlite.unasked import taken_unasked
from vivesphere.kernel.events import TableAccessDenied
from vivesphere.kernel.principals import Principal

OWN = {NOTES: "notes", QUOTES: "ext_quotes__items"}

READS = (
    "SELECT * FROM letters",
    "SELECT body FROM main.letters",
    "SELECT count(*) FROM letters",
    "SELECT count(*) FROM LETTERS",
    'SELECT count(*) FROM "letters" AS {own}',
    "SELECT 1 FROM letters LIMIT 1",
    "SELECT EXISTS (SELECT 1 FROM letters)",
    "SELECT (SELECT body FROM letters LIMIT 1)",
    "WITH {own} AS (SELECT * FROM letters) SELECT * FROM {own}",
    "WITH {own} AS (SELECT 1 FROM letters) SELECT count(*) FROM {own}",
    "WITH RECURSIVE {own}(n) AS (SELECT id FROM letters UNION SELECT n FROM {own}) SELECT n FROM {own}",
    "SELECT * FROM {own} UNION ALL SELECT * FROM letters",
    "SELECT {own}.id FROM {own} JOIN letters USING (id)",
    "SELECT {own}.id FROM {own} LEFT JOIN letters ON letters.body LIKE '%'",
    "SELECT id FROM {own} WHERE body IN (SELECT body FROM letters)",
    "SELECT id FROM {own} ORDER BY (SELECT body FROM letters)",
    "SELECT sum(1) OVER (ORDER BY (SELECT body FROM letters)) FROM {own}",
    "SELECT * FROM table_metadata",
    "SELECT payload FROM event_log",
    "SELECT * FROM sqlite_master",
    "SELECT count(*) FROM sqlite_master",
    "SELECT sql FROM main.sqlite_schema",
    "SELECT * FROM temp.sqlite_master",
    "SELECT * FROM sqlite_sequence",
    "SELECT * FROM pragma_table_info('letters')",
    "SELECT count(*) FROM pragma_database_list",
    "SELECT * FROM json_each('[1]')",
    "SELECT 1 FROM {own} NATURAL JOIN letters",
    "SELECT 1 FROM {own} natural/**/full join letters",
    "SELECT 1 FROM letters AS a JOIN letters AS b USING (body)",
    "SELECT 1 FROM letters AS a JOIN letters AS'b'USING(body)",
    "WITH guess(body) AS (SELECT 'dear') SELECT 1 FROM guess JOIN letters USING (body)",
    "WITH g(body) AS (SELECT '') SELECT body FROM g FULL JOIN letters USING (body)",
    "WITH g(body) AS (SELECT ''), h(body) AS (SELECT '') SELECT body FROM g JOIN letters UsInG (body) FULL JOIN h USING (body)",
    "EXPLAIN SELECT * FROM letters",
    "EXPLAIN QUERY PLAN SELECT * FROM letters",
)
WRITES = (
    "INSERT INTO letters (body) VALUES ('x')",
    "INSERT INTO letters (body) SELECT body FROM {own}",
    "REPLACE INTO letters (id, body) VALUES (1, 'x')",
    "INSERT INTO {own} (body) SELECT body FROM letters",
    "INSERT INTO {own} (id, body) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET body = (SELECT body FROM letters)",
    "INSERT INTO {own} (body) VALUES ('x') RETURNING (SELECT body FROM letters)",
    "INSERT INTO {own} (body) WITH g(body) AS (SELECT '') SELECT body FROM g FULL JOIN letters USING (body)",
    "UPDATE {own} SET body = (WITH g(body) AS (SELECT '') SELECT max(body) FROM g FULL JOIN letters USING (body))",
    "DELETE FROM {own} WHERE EXISTS (WITH g(body) AS (SELECT 'dear') SELECT 1 FROM g NATURAL JOIN letters)",
    "UPDATE letters SET body = 'x'",
    "UPDATE letters SET body = 'x' WHERE 0",
    "UPDATE {own} SET body = (SELECT body FROM letters LIMIT 1)",
    "UPDATE {own} SET body = letters.body FROM letters",
    "DELETE FROM letters",
    "DELETE FROM letters WHERE 0",
    "DELETE FROM {own} WHERE id IN (SELECT id FROM letters)",
    "WITH {own} AS (SELECT 1) DELETE FROM letters",
    "UPDATE table_metadata SET owner_id = 'module:notes'",
    "INSERT INTO event_log (id, topic) VALUES ('x', 'x')",
    "UPDATE sqlite_master SET sql = ''",
    "DELETE FROM sqlite_sequence",
)
STATEMENTS = (
    "CREATE TABLE mine (id INTEGER)",
    "CREATE TABLE mine AS SELECT * FROM letters",
    "CREATE TEMP TABLE letters (id INTEGER)",
    "CREATE TEMP TABLE mine AS SELECT * FROM {own}",
    "CREATE VIEW {own}_view AS SELECT * FROM letters",
    "CREATE TEMP VIEW letters AS SELECT 1",
    "CREATE TRIGGER mine AFTER INSERT ON {own} BEGIN DELETE FROM letters; END",
    "CREATE TEMP TRIGGER mine AFTER INSERT ON main.letters BEGIN SELECT 1; END",
    "CREATE VIRTUAL TABLE mine USING fts5(body)",
    "CREATE INDEX mine ON {own} (body)",
    "DROP TABLE {own}",
    "DROP TABLE letters",
    "ALTER TABLE {own} ADD COLUMN more TEXT",
    "ALTER TABLE {own} RENAME TO letters_too",
    "ALTER TABLE letters RENAME TO mine",
    "PRAGMA query_only=OFF",
    "PRAGMA table_info(letters)",
    "PRAGMA writable_schema=ON",
    "PRAGMA journal_mode=DELETE",
    "PRAGMA database_list",
    "ATTACH ':memory:' AS other",
    "DETACH main",
    "VACUUM",
    "VACUUM INTO 'copy.db'",
    "REINDEX",
    "ANALYZE",
    "BEGIN",
    "BEGIN IMMEDIATE",
    "COMMIT",
    "END",
    "ROLLBACK",
    "SAVEPOINT vivesphere_unit",
    "SAVEPOINT ViveSphere_Unit_x",
    "RELEASE vivesphere_unit",
    "ROLLBACK TO vivesphere_unit",
    "SELECT load_extension('evil')",
    "SELECT fts3_tokenizer('simple')",
    "SELECT 'aaaaaaaaaaaaaaaaaaaaaaaaaaaa!' REGEXP '(a+)+$'",
    "SELECT 1; DELETE FROM {own}",
)


@pytest.fixture
async def furnished(world: World) -> World:
    await world.letters.write(put, letters, "dear")
    await world.notes.write(put, notes, "kept")
    await world.quotes.write(put, items, "kept")
    return world


def handle(world: World, principal: Principal):  # type: ignore[no-untyped-def]  # the handle's own type says it all
    return world.database.handle(principal)


@pytest.mark.parametrize("principal", [NOTES, QUOTES])
async def test_nothing_of_anothers_is_read_or_written(furnished: World, principal: Principal) -> None:
    opened: list[str] = []
    for way, statements in (("read", READS), ("write", READS + WRITES + STATEMENTS)):
        act = getattr(handle(furnished, principal), way)
        for statement in statements:
            sql = statement.format(own=OWN[principal])
            try:
                opened.append(f"{sql} -> {await act(run_sql, sql)}")
            except (AccessDenied, StatementFailed):
                continue
    assert opened == []
    assert await furnished.bodies(letters) == ["dear"]
    assert await furnished.bodies(notes) == ["kept"]
    assert await furnished.bodies(items) == ["kept"]


@pytest.mark.parametrize("principal", [NOTES, QUOTES])
@pytest.mark.parametrize("statement", [*READS, *WRITES])
async def test_a_table_is_refused_by_name(furnished: World, principal: Principal, statement: str) -> None:
    # What SQLite itself cannot parse or find is an error of another kind; everything else names the refusal.
    with pytest.raises((AccessDenied, StatementFailed)) as caught:
        await handle(furnished, principal).write(run_sql, statement.format(own=OWN[principal]))
    if isinstance(caught.value, AccessDenied):
        assert caught.value.principal == principal
        assert caught.value.table
    else:
        assert "letters" not in str(caught.value)


async def test_a_refusal_is_an_error_an_event_and_a_count(furnished: World) -> None:
    cause = Cause(source=NOTES, actor=NOTES, project="garden")
    with acting_under(cause), pytest.raises(AccessDenied, match=r"module:notes may not read letters") as caught:
        await furnished.notes.read(bodies, letters)
    assert (caught.value.principal, caught.value.action, caught.value.table) == (NOTES, "read", "letters")
    known_by = fingerprint("SELECT letters.body FROM letters ORDER BY letters.id")
    assert furnished.reported == [(TableAccessDenied(principal=NOTES, action="read", table="letters", sql=known_by), cause)]
    assert furnished.database.statistics().refused == 1
    with pytest.raises(AccessDenied) as pragma:
        await furnished.notes.write(run_sql, "PRAGMA user_version")
    assert (pragma.value.action, pragma.value.table) == ("pragma", "user_version")
    with pytest.raises(AccessDenied) as temporary:
        await furnished.notes.write(run_sql, "CREATE TEMP TABLE letters (id INTEGER)")
    assert temporary.value.action == "write"
    assert temporary.value.table.startswith("temp.")


async def test_a_rule_that_swallows_the_refusal_gets_nothing_by_it(furnished: World) -> None:
    def peek(tx: Unit) -> str:
        try:
            return str(bodies(tx, letters))
        except DatabaseError:
            return put(tx, notes, "nothing seen")

    assert await furnished.notes.write(peek) == "nothing seen"
    assert furnished.database.statistics().refused == 1


async def test_a_statement_that_another_prepared_is_checked_again(furnished: World) -> None:
    """The writer's connection serves everyone; a statement its owner prepared must not serve the next principal."""
    sql = "SELECT body FROM letters"
    assert await furnished.letters.write(run_sql, sql) == [("dear",)]
    with pytest.raises(AccessDenied):
        await furnished.notes.write(run_sql, sql)
    assert await furnished.letters.write(run_sql, sql) == [("dear",)]
    own = "SELECT body FROM ext_quotes__items"
    assert await furnished.quotes.write(run_sql, own) == [("kept",)]
    with pytest.raises(AccessDenied):
        await furnished.dice.write(run_sql, own)


@pytest.mark.parametrize(
    ("sql", "taken"),
    [
        ("SELECT 1 FROM a JOIN b USING (c)", True),
        ("SELECT 1 FROM a JOIN'b'USING(c)", True),
        ("SELECT ?1USING", True),
        ("select 1 from a natural\tjoin b", True),
        ("SELECT housing, using_since, unnatural FROM a", False),
        ("SELECT 1 FROM a JOIN b ON a.c = b.c", False),
    ],
)
def test_joins_that_sqlite_asks_nobody_about_are_known_by_their_keyword(sql: str, taken: bool) -> None:
    assert (taken_unasked(sql) is not None) is taken


@pytest.mark.parametrize(
    ("sql", "taken"),
    [
        ("INSERT INTO a SELECT * FROM b", True),
        ("replace into a select all/*x*/* from b", True),
        ("INSERT OR IGNORE INTO[a]AS'--'SELECT--x\n*FROM b", True),
        ("INSERT/**/INTO`a` SELECT \ufeff /*/ */ * FROM b", True),
        ('INSERT INTO a AS "/*" SELECT * FROM b', True),
        ("INSERT INTO a SELECT b.* FROM b", False),
        ("INSERT INTO a (c) SELECT 2 * c FROM b", False),
        ("INSERT INTO a VALUES ('SELECT *'), ((SELECT count(*) FROM b))", False),
        ("INSERT INTO a VALUES (1) -- SELECT *", False),
        ("INSERT INTO a VALUES (1) /* SELECT *", False),
        ("SELECT * FROM a WHERE b = 'into'", False),
        ("SELECT * FROM pinto", False),
    ],
)
def test_copies_that_sqlite_asks_nobody_about_are_known_by_their_star(sql: str, taken: bool) -> None:
    assert (taken_unasked(sql) is not None) is taken


@pytest.mark.parametrize("verb", ["INSERT", "INSERT OR IGNORE", "REPLACE"])
async def test_no_table_is_copied_whole_without_being_asked_about(furnished: World, verb: str) -> None:
    """Only between tables that are made alike, which those of two plugins can be."""
    await furnished.quotes.write(run_sql, "DELETE FROM ext_quotes__items")
    before = await furnished.bodies(rolls)
    with pytest.raises(AccessDenied, match=r"may not copy \* into a table: name the columns"):
        await furnished.quotes.write(run_sql, f"{verb} INTO ext_quotes__items SELECT * FROM ext_dice__rolls")  # noqa: S608 - its own words
    with pytest.raises(AccessDenied, match="may not read ext_dice__rolls"):
        await furnished.quotes.write(run_sql, f"{verb} INTO ext_quotes__items SELECT r.* FROM ext_dice__rolls AS r")  # noqa: S608 - its own words
    assert (await furnished.bodies(items), await furnished.bodies(rolls)) == ([], before)


async def test_such_a_join_is_refused_in_all_its_ways_and_told_of(furnished: World) -> None:
    def many(tx: Unit) -> None:
        sql = "INSERT INTO notes (body) SELECT :guess FROM letters JOIN (SELECT :guess AS body) USING (body)"
        tx.execute(sa.text(sql), [{"guess": "a"}, {"guess": "dear"}])

    with pytest.raises(AccessDenied, match=r"may not join by USING or NATURAL: join ON"):
        await furnished.notes.write(many)
    assert [event.action for event, _ in furnished.reported if isinstance(event, TableAccessDenied)] == ["join by"]
    assert await furnished.bodies(notes) == ["kept"]


async def test_the_kernels_own_statements_cannot_be_found_in_the_cache(furnished: World) -> None:
    """sqlite3 does not ask about a statement it has cached; the kernel's carry a mark that no rule can know."""
    for statement in ("BEGIN", "COMMIT", "ROLLBACK", "RELEASE vivesphere_unit"):
        with pytest.raises(AccessDenied):
            await furnished.notes.write(run_sql, statement)


async def test_rules_may_use_savepoints_of_their_own(furnished: World) -> None:
    def half(tx: Unit) -> None:
        put(tx, notes, "first")
        run_sql(tx, "SAVEPOINT mine")
        put(tx, notes, "second")
        run_sql(tx, "ROLLBACK TO mine")
        run_sql(tx, "RELEASE mine")

    await furnished.notes.write(half)
    assert await furnished.bodies(notes) == ["kept", "first"]


async def test_what_a_module_may_do_it_can_do(furnished: World) -> None:
    def ordinary(tx: Unit) -> list[tuple[object, ...]]:
        run_sql(tx, "INSERT INTO notes (id, body) VALUES (9, 'nine') ON CONFLICT (id) DO UPDATE SET body = excluded.body")
        run_sql(tx, "UPDATE notes SET body = upper(body) WHERE id = 9 RETURNING body")
        run_sql(tx, "WITH RECURSIVE up(n) AS (SELECT 1 UNION SELECT n + 1 FROM up WHERE n < 3) SELECT n FROM up")
        return run_sql(tx, "SELECT count(*), max(body) FROM notes")

    assert await furnished.notes.write(ordinary) == [(2, "kept")]


async def test_strangers_are_stopped_and_ours_are_not(furnished: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivesphere.kernel.db.sqlite.connection.GUEST_SECONDS", 0.0)
    endless = "WITH RECURSIVE up(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < 200000) SELECT count(n) FROM up"
    for act in (furnished.quotes.read, furnished.quotes.write):
        with pytest.raises(StatementFailed, match="interrupted"):
            await act(run_sql, endless)
        with pytest.raises(StatementFailed, match="too"):
            await act(run_sql, "SELECT zeroblob(99999999)")
    assert await furnished.notes.read(run_sql, endless) == [(200000,)]
    assert await furnished.notes.write(run_sql, endless) == [(200000,)]


async def test_a_stranger_cannot_take_the_servers_memory(furnished: World) -> None:
    """Two hundred megabytes of different values, which SQLite has to remember to tell them apart."""
    many = """
        WITH RECURSIVE up(n, b) AS (SELECT 1, randomblob(1000000) UNION ALL SELECT n + 1, randomblob(1000000) FROM up LIMIT 200)
        SELECT count(DISTINCT b) FROM up"""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for act in (furnished.quotes.read, furnished.quotes.write):
        # On a slow disk its time may be over first, which is as good.
        with suppress(StatementFailed):
            await act(run_sql, many)
    kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert kibibytes < 100_000


async def test_a_stranger_who_waited_for_a_lock_has_all_its_time(
    furnished: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vivesphere.kernel.db.sqlite.connection.GUEST_SECONDS", 0.3)
    some = "WITH RECURSIVE up(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < 2000) SELECT count(n) FROM up"
    with closing(sqlite3.connect(tmp_path / "vivesphere.db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.6, other.execute, ["ROLLBACK"])
        timer.start()
        assert await furnished.quotes.write(run_sql, some) == [(2000,)]
        timer.join()


async def test_a_new_policy_reaches_connections_that_are_open(furnished: World) -> None:
    def hand_over(tx: Unit) -> None:
        run_sql(tx, "UPDATE table_metadata SET owner_id = 'module:letters' WHERE table_name = 'notes'")

    assert await furnished.notes.read(bodies, notes) == ["kept"]
    await furnished.system.write(hand_over)
    await furnished.database.refresh_access()
    for act in (furnished.notes.read, furnished.notes.write):
        with pytest.raises(AccessDenied):
            await act(bodies, notes)
    assert await furnished.letters.read(bodies, notes) == ["kept"]


async def test_the_hosts_part_of_a_guests_unit_has_no_guests_limits(furnished: World) -> None:
    """A guest that used up its time, or that tells of much, does not make the writer look ill."""

    def late_and_much(tx: Unit) -> None:
        for number in range(300):
            tx.emit(Noted(body=str(number)))
        tx.hurry(0)

    await furnished.quotes.write(late_and_much)
    assert len(furnished.dispatched) == 300
    assert furnished.database.health().status == "ok"
