"""The gate: what it lets through and how that is written for each database, and what it says to everything else."""

import pytest
from sqlglot.dialects.sqlite import SQLite

from vivesphere.kernel.db.broker import dialects, grammar
from vivesphere.kernel.db.broker import gate as room
from vivesphere.kernel.db.broker.gate import SqlGate
from vivesphere.kernel.db.broker.shape import DEEPEST, LONGEST_TEXT, MOST_JOINS, MOST_SIGNS, MOST_TOKENS
from vivesphere.kernel.db.broker.statement import Dialect, Statement
from vivesphere.kernel.db.errors import StatementRefused

PLUGIN = "ext_quotes__"
PEOPLE = "data_"

LET_THROUGH = [
    (
        "SELECT id, body AS b, i.* FROM items i WHERE id = ? AND NOT body LIKE 'a%' ESCAPE '!' ORDER BY b DESC LIMIT 10",
        (
            "SELECT `id`, `body` AS `b`, `i`.* FROM `ext_quotes__items` AS `i` WHERE `id` = :p1 AND NOT `body` LIKE 'a%' "
            "ESCAPE '!' ORDER BY `b` DESC LIMIT 10"
        ),
        (
            'SELECT "id", "body" AS "b", "i".* FROM "ext_quotes__items" AS "i" WHERE "id" = %(p1)s AND NOT "body" ILIKE \'a%%\''
            " ESCAPE '!' ORDER BY \"b\" DESC NULLS LAST LIMIT 10"
        ),
    ),
    (
        "SELECT Items.ID FROM Items JOIN tags t ON t.item = items.id;",
        "SELECT `items`.`id` FROM `ext_quotes__items` AS `items` JOIN `ext_quotes__tags` AS `t` ON `t`.`item` = `items`.`id`",
        'SELECT "items"."id" FROM "ext_quotes__items" AS "items" JOIN "ext_quotes__tags" AS "t" ON "t"."item" = "items"."id"',
    ),
    (
        "WITH RECURSIVE up(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < 3) SELECT count(*), max(n) FROM up",
        (
            "WITH RECURSIVE `up`(`n`) AS (SELECT 1 UNION ALL SELECT `n` + 1 FROM `up` WHERE `n` < 3) "
            "SELECT COUNT(*) AS `count`, MAX(`n`) AS `max` FROM `up`"
        ),
        (
            'WITH RECURSIVE "up"("n") AS (SELECT 1 UNION ALL SELECT "n" + 1 FROM "up" WHERE "n" < 3) '
            'SELECT COUNT(*) AS "count", MAX("n") AS "max" FROM "up"'
        ),
    ),
    (
        "WITH a AS (SELECT 1 AS n) INSERT INTO a (n) SELECT n FROM a WHERE TRUE ON CONFLICT DO NOTHING",
        (
            "WITH `a` AS (SELECT 1 AS `n`) INSERT INTO `ext_quotes__a` AS `a` (`n`) SELECT `n` FROM `a` WHERE TRUE "
            "ON CONFLICT DO NOTHING"
        ),
        (
            'WITH "a" AS (SELECT 1 AS "n") INSERT INTO "ext_quotes__a" AS "a" ("n") SELECT "n" FROM "a" WHERE TRUE '
            "ON CONFLICT DO NOTHING"
        ),
    ),
    (
        (
            "INSERT INTO items (id, body) VALUES (:id, :body) ON CONFLICT (id) DO UPDATE SET body = excluded.body "
            "WHERE items.id > 1 RETURNING items.id, *, id + 1"
        ),
        (
            "INSERT INTO `ext_quotes__items` AS `items` (`id`, `body`) VALUES (:id, :body) ON CONFLICT(`id`) DO UPDATE SET "
            "`body` = `excluded`.`body` WHERE `items`.`id` > 1 RETURNING `id`, *, `id` + 1 AS `column3`"
        ),
        (
            'INSERT INTO "ext_quotes__items" AS "items" ("id", "body") VALUES (%(id)s, %(body)s) ON CONFLICT("id") DO UPDATE '
            'SET "body" = "excluded"."body" WHERE "items"."id" > 1 RETURNING "items"."id", *, "id" + 1 AS "column3"'
        ),
    ),
    (
        "UPDATE items SET body = CAST(5 % 3 AS TEXT), n = round(n, 2) FROM tags WHERE tags.item = items.id RETURNING n",
        (
            "UPDATE `ext_quotes__items` AS `items` SET `body` = CAST(5 % 3 AS TEXT), `n` = ROUND(`n`, 2) "
            "FROM `ext_quotes__tags` AS `tags` WHERE `tags`.`item` = `items`.`id` RETURNING `n`"
        ),
        (
            'UPDATE "ext_quotes__items" AS "items" SET "body" = CAST(MOD(5, NULLIF(3, 0)) AS TEXT), '
            '"n" = CAST(ROUND(CAST("n" AS DECIMAL), 2) AS DOUBLE PRECISION) '
            'FROM "ext_quotes__tags" AS "tags" WHERE "tags"."item" = "items"."id" RETURNING "n"'
        ),
    ),
    (
        "DELETE FROM items WHERE id IN (SELECT item FROM tags) AND round(n) = 1 RETURNING (SELECT max(items.id) FROM tags)",
        (
            "DELETE FROM `ext_quotes__items` AS `items` WHERE `id` IN (SELECT `item` FROM `ext_quotes__tags` AS `tags`) "
            "AND ROUND(`n`) = 1 RETURNING (SELECT MAX(`items`.`id`) FROM `ext_quotes__tags` AS `tags`) AS `column1`"
        ),
        (
            'DELETE FROM "ext_quotes__items" AS "items" WHERE "id" IN (SELECT "item" FROM "ext_quotes__tags" AS "tags") '
            'AND ROUND("n") = 1 RETURNING (SELECT MAX("items"."id") FROM "ext_quotes__tags" AS "tags") AS "column1"'
        ),
    ),
    (
        (
            "SELECT sum(n) OVER (PARTITION BY a ORDER BY b ROWS BETWEEN 1 PRECEDING AND CURRENT ROW), CAST(n AS INTEGER) "
            "FROM items UNION SELECT 1, 2"
        ),
        (
            "SELECT SUM(`n`) OVER (PARTITION BY `a` ORDER BY `b` ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS `sum`, "
            "CAST(`n` AS INTEGER) AS `cast` FROM `ext_quotes__items` AS `items` UNION SELECT 1, 2"
        ),
        (
            'SELECT SUM("n") OVER (PARTITION BY "a" ORDER BY "b" NULLS FIRST ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS "sum"'
            ', CAST("n" AS BIGINT) AS "cast" FROM "ext_quotes__items" AS "items" UNION SELECT 1, 2'
        ),
    ),
    (
        "INSERT INTO items SELECT * FROM tags JOIN (SELECT count(*) AS n FROM items) AS c",
        (
            "INSERT INTO `ext_quotes__items` AS `items` SELECT `tags`.*, `c`.* FROM `ext_quotes__tags` AS `tags` JOIN "
            "(SELECT COUNT(*) AS `n` FROM `ext_quotes__items` AS `items`) AS `c` ON TRUE"
        ),
        (
            'INSERT INTO "ext_quotes__items" AS "items" SELECT * FROM "ext_quotes__tags" AS "tags" JOIN '
            '(SELECT COUNT(*) AS "n" FROM "ext_quotes__items" AS "items") AS "c" ON TRUE'
        ),
    ),
    (
        "INSERT INTO items SELECT * FROM (SELECT 1)",
        "INSERT INTO `ext_quotes__items` AS `items` SELECT * FROM (SELECT 1)",
        'INSERT INTO "ext_quotes__items" AS "items" SELECT * FROM (SELECT 1)',
    ),
    (
        'SELECT current_user, "date", text, [comment], `last` FROM data_leads WHERE a IS NOT DISTINCT FROM b AND c IS NULL',
        (
            "SELECT `current_user`, `date`, `text`, `comment`, `last` FROM `data_leads` AS `data_leads` WHERE `a` IS `b` AND "
            "`c` IS NULL"
        ),
        (
            'SELECT "current_user", "date", "text", "comment", "last" FROM "data_leads" AS "data_leads" WHERE '
            '"a" IS NOT DISTINCT FROM "b" AND "c" IS NULL'
        ),
    ),
]


@pytest.mark.parametrize(("text", "for_sqlite", "for_postgresql"), LET_THROUGH)
def test_a_statement_is_written_for_the_database_at_hand(text: str, for_sqlite: str, for_postgresql: str) -> None:
    dialects: tuple[tuple[Dialect, str], ...] = (("sqlite", for_sqlite), ("postgresql", for_postgresql))
    for dialect, written in dialects:
        assert SqlGate().admit(text, PLUGIN, dialect).text == written


def test_a_persons_tables_have_another_name() -> None:
    admitted = SqlGate().admit("SELECT 1 AS n FROM leads, data_x", PEOPLE, "sqlite")
    assert admitted.text == "SELECT 1 AS `n` FROM `data_leads` AS `leads` CROSS JOIN `data_data_x` AS `data_x`"


@pytest.mark.parametrize(
    ("text", "parameters", "by_name", "writes"),
    [
        ("SELECT ? + ?", ("p1", "p2"), False, False),
        ("SELECT :b + :a + :b", ("b", "a"), True, False),
        ("SELECT ':a ? %'", (), False, False),
        ("UPDATE items SET a = 1", (), False, True),
        ("DELETE FROM items", (), False, True),
        ("INSERT INTO items DEFAULT VALUES", (), False, True),
    ],
)
def test_what_a_statement_waits_for_and_whether_it_writes(
    text: str, parameters: tuple[str, ...], *, by_name: bool, writes: bool
) -> None:
    admitted = SqlGate().admit(text, PLUGIN, "sqlite")
    assert (admitted.parameters, admitted.by_name, admitted.writes) == (parameters, by_name, writes)


REFUSED = [
    ("", "the text is empty"),
    (" ; ; ", "the text is empty"),
    ("SELECT '" + "x" * LONGEST_TEXT, "the text is longer than 16,000 characters: give values as parameters"),
    ("SELECT 'a\0b'", r"the text contains the character U\+0000"),
    ("SELECT 'a", "the text cannot be read: a quote or a comment is not closed"),
    ("PRAGMA user_version", "PRAGMA is not for SQL from outside: write one SELECT, INSERT, UPDATE or DELETE"),
    ("'SELECT' 1", "SELECT is not for SQL from outside"),
    ("VALUES (1)", "VALUES is not for SQL from outside"),
    ("(SELECT 1)", r"\( is not for SQL from outside"),
    ("SELECT 1; DELETE FROM items", "; one statement at a time"),
    ("SELECT 1" + ",1" * 200, "the result has more than 200 columns"),
    ("SELECT 1" + ",1" * MOST_TOKENS, "the text has more than 2,000 words and signs"),
    ("SELECT " + "(" * (DEEPEST + 1), "the nesting goes deeper than 16"),
    ("SELECT " + "CASE " * (DEEPEST + 1), "the nesting goes deeper than 16"),
    ("SELECT END )", r"\) cannot be read where it stands"),
    ("SELECT " + "- " * (MOST_SIGNS + 1) + "1", "- stands more than 4 times in a row"),
    ("SELECT 1 FROM a" + " JOIN a" * (MOST_JOINS + 1), "JOIN stands more than 10 times"),
    ("SELECT 1" + " + 1" * 150, "the statement goes deeper than 100 levels"),
    ("INSERT OR REPLACE INTO items VALUES (1)", "INSERT OR is SQLite's alone: write ON CONFLICT"),
    ("UPDATE OR ROLLBACK items SET a = 1", "UPDATE OR is SQLite's alone"),
    ("SELECT ? + :a", ":a stands beside question marks"),
    ("SELECT :1", ":1 is no parameter"),
    ("SELECT :", ": is no parameter"),
    ("SELECT :\N{LATIN SMALL LETTER A WITH ACUTE}", "is no parameter"),
    ("SELECT ?1", "1 cannot be read where it stands"),
    ("SELECT a::int", ":: is PostgreSQL's alone: write CAST"),
    ("SELECT a & b", "& is not known here"),
    ("SELECT a FROM b INDEXED BY c", "INDEXED BY is not known here"),
    ("SELECT 1 FROM a JOIN b USING (id)", "USING joins by columns that nobody named: join ON the columns"),
    ("SELECT 1 FROM a NATURAL JOIN b", "NATURAL joins by columns"),
    ("SELECT 'what is using (it)'", "the word 'using' in a text looks like a join to the engine: give the text as a parameter"),
    ("SELECT pg_sleep(1)", r"pg_sleep\( is no function here; there are abs, avg, .* and CAST"),
    ('SELECT "pg_sleep"(1)', r"pg_sleep\( is no function here"),
    ("SELECT row(1)", r"ROW\( is no function here"),
    ("SELECT date(1)", r"date\( is no function here"),
    ("SELECT a FROM b, json_each('x')", r"json_each\( is no function here"),
    ("WITH a(b) SELECT 1", r"a\( is no function here"),
    ("WITH a(b", r"a\( is no function here"),
    ("SELECT * FROM main.items", "a qualified name leads nowhere here: write the table's bare name"),
    ("SELECT a.b.c FROM b", "a qualified name leads nowhere here"),
    ("SELECT a.b.c.d FROM b", "is not among what the guide to SQL lists|a qualified name leads nowhere here"),
    ("SELECT a INTO b FROM c", "SELECT INTO makes a table"),
    ("WITH a AS MATERIALIZED (SELECT 1) SELECT 1", "MATERIALIZED is advice that our databases take differently"),
    ("SELECT DISTINCT ON (a) a FROM b", "DISTINCT … ON is not among what the guide to SQL lists".replace("…", r"\\u2026")),
    ("SELECT 'a' 'b'", r"two texts in a row are no value: join them with \|\|"),
    ("SELECT max(a, b) FROM c", r"max\( takes one value here: compare with CASE"),
    ("SELECT min(a, b) FROM c", r"min\( takes one value here: compare with CASE"),
    ("SELECT 1e", "1e is no number"),
    ("SELECT 0x10", "is not known here|HEXSTRING"),
    ("SELECT x'00'", "HEXSTRING is not among what the guide to SQL lists|is not known here"),
    ("SELECT a AS 'A b' FROM c", "A b is no name: names have letters of a to z"),
    ("SELECT " + "a" * 64 + " FROM c", "is no name"),
    ("SELECT * FROM ext_dice__rolls", "ext_dice__rolls is no table's name"),
    ("SELECT * FROM " + "a" * 60, "is longer than any table's name"),
    ("WITH a AS (DELETE FROM b RETURNING *) SELECT * FROM a", "WITH names SELECTs only"),
    ("SELECT * FROM (VALUES (1)) AS a", r"VALUES .* is not among|VALUES stands in INSERT only"),
    ("SELECT (VALUES (1))", "VALUES stands in INSERT only|a table in parentheses"),
    ("SELECT * FROM (items)", "a table in parentheses is read differently by our databases"),
    ("SELECT * FROM (SELECT 1) AS a(b)", r"a\( is no function here"),
    ("SELECT CAST(a AS date) FROM b", "CAST makes INTEGER, REAL, TEXT, and nothing else"),
    ("WITH items AS (SELECT * FROM items) SELECT * FROM items", "items means itself inside its own WITH: write WITH RECURSIVE"),
    ("SELECT FROM", "FROM cannot be read where it stands"),
    ("SELECT (1", "cannot be read where it stands"),
]


@pytest.mark.parametrize(("text", "said"), REFUSED, ids=lambda value: value[:40])
def test_everything_else_is_refused_in_a_sentence_that_names_it(text: str, said: str) -> None:
    with pytest.raises(StatementRefused, match=said) as caught:
        SqlGate().admit(text, PLUGIN, "sqlite")
    assert len(caught.value.construct) <= 40
    assert caught.value.construct.isprintable()
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("PRAGMA user_version", "PRAGMA is not for SQL from outside"),
        ("SELECT 1 IN (VALUES (1))", "VALUES stands in INSERT only|a table in parentheses"),
        ("SELECT * FROM generate_series(1, 2)", "GENERATESERIES is no table"),
        ("SELECT * FROM (SELECT 1) AS a(b)", "column names behind an alias are PostgreSQL's alone"),
    ],
)
def test_the_grammar_stands_without_the_shape(text: str, said: str) -> None:
    with pytest.raises(StatementRefused, match=said):
        grammar.parts_of(grammar.checked_root(SQLite().parse(text)[0]))


def test_a_write_inside_another_statement_is_refused_wherever_it_stands() -> None:
    inner, outer = (SQLite().parse(text)[0] for text in ("DELETE FROM a", "SELECT (1)"))
    assert inner is not None
    assert outer is not None
    outer.expressions[0].set("this", inner)
    with pytest.raises(StatementRefused, match="DELETE inside a statement changes rows on the way"):
        grammar.parts_of(outer)


def test_nothing_at_all_is_no_statement() -> None:
    with pytest.raises(StatementRefused, match="the text is not for SQL"):
        grammar.checked_root(None)


def test_what_a_database_cannot_do_is_not_left_out() -> None:
    root = SQLite().parse("SELECT a FROM b FOR UPDATE")[0]
    assert root is not None
    with pytest.raises(StatementRefused, match="the statement cannot be written for this database: Locking reads"):
        dialects.write(root, [], "sqlite")


def test_a_text_is_read_once_and_the_cache_is_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "CACHED_STATEMENTS", 2)
    gate = SqlGate()
    first = gate.admit("SELECT 1", PLUGIN, "sqlite")
    assert gate.admit("SELECT 1", PLUGIN, "sqlite") is first
    assert gate.admit("SELECT 1", PEOPLE, "sqlite") is not first
    assert gate.knows("SELECT 1", PLUGIN, "sqlite")
    gate.admit("SELECT 2", PLUGIN, "sqlite")
    assert not gate.knows("SELECT 1", PLUGIN, "sqlite")
    long = "SELECT '" + "x" * room.LONGEST_CACHED + "'"
    assert isinstance(gate.admit(long, PLUGIN, "sqlite"), Statement)
    assert not gate.knows(long, PLUGIN, "sqlite")
