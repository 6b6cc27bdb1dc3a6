"""SQL that wants what is not its own: the same statements for every database, as a plugin and as a person.

`{own}` is the speaker's own table (columns `id`, `body`), `{secret}` a plugin's of somebody else, `{payroll}` people's in a
project that the speaker has nothing to do with, `{core}` one of the core, `{up}` a count without end. What must become of each:

* `refused`: an error, and nothing more.
* `harmless`: it may run, and gets or changes nothing that is another's.

`fate` is what becomes of it behind the gate, `open_fate` when there is no gate and the engine stands alone; `only_the_gate`
names the databases where nobody but the gate stops it, and `why` says what it would do there.
"""

from dataclasses import dataclass
from typing import Final, Literal

Fate = Literal["refused", "harmless"]
Engine = Literal["sqlite", "postgresql"]


@dataclass(frozen=True, slots=True)
class Hostile:
    name: str
    kind: str
    sql: str
    fate: Fate = "refused"
    open_fate: Fate = "refused"
    only_the_gate: frozenset[Engine] = frozenset()
    why: str = ""


def _kind(kind: str, *found: tuple[str, str], fate: Fate = "refused", open_fate: Fate = "refused") -> tuple[Hostile, ...]:
    return tuple(Hostile(name, kind, sql, fate, open_fate) for name, sql in found)


def _only_the_gate(kind: str, *found: tuple[str, str, str]) -> tuple[Hostile, ...]:
    """On PostgreSQL the engine lets these through. On SQLite they are no SQL."""
    here: frozenset[Engine] = frozenset({"postgresql"})
    return tuple(Hostile(name, kind, sql, only_the_gate=here, why=why) for name, sql, why in found)


READING = _kind(
    "another's table, read",
    ("all of it", "SELECT * FROM {secret}"),
    ("all of the core's", "SELECT * FROM {core}"),
    ("all of another project's", "SELECT * FROM {payroll}"),
    ("one column", "SELECT body FROM {secret} WHERE id = 1"),
    ("a count", "SELECT count(*) FROM {secret}"),
    ("a count of other case", "SELECT count(*) FROM EXT_DICE__ROLLS"),
    ("a constant for each row", "SELECT 1 FROM {secret} LIMIT 1"),
    ("a count under an own name", "SELECT count(*) FROM {secret} AS {own}"),
    ("whether there is any", "SELECT EXISTS (SELECT 1 FROM {secret})"),
    ("a comma join", "SELECT s.body FROM {own} AS o, {secret} AS s"),
    ("a left join", "SELECT s.body FROM {own} AS o LEFT JOIN {secret} AS s ON s.id = o.id"),
    ("a right join", "SELECT s.body FROM {own} AS o RIGHT JOIN {secret} AS s ON s.id = o.id"),
    ("a cross join", "SELECT s.body FROM {own} CROSS JOIN {secret} AS s"),
    ("a union", "SELECT body FROM {own} UNION SELECT body FROM {secret}"),
    ("a union of all", "SELECT id, body FROM {own} UNION ALL SELECT id, body FROM {secret}"),
    ("an intersection", "SELECT 1 FROM {own} INTERSECT SELECT 1 FROM {secret}"),
    ("a difference", "SELECT body FROM {own} EXCEPT SELECT body FROM {secret}"),
    ("a derived table", "SELECT * FROM (SELECT body FROM {secret}) AS mine"),
    ("a table in parentheses", "SELECT * FROM ({secret})"),
    ("a window", "SELECT row_number() OVER (ORDER BY body), body FROM {secret}"),
    ("a rowid", "SELECT rowid FROM {secret}"),
    ("a system column", "SELECT ctid, xmin, tableoid FROM {secret}"),
    ("a whole-row reference", "SELECT s FROM {secret} AS s"),
    ("the table statement", "TABLE {secret}"),
    ("only the parent", "SELECT * FROM ONLY {secret}"),
    ("a sample", "SELECT * FROM {secret} TABLESAMPLE SYSTEM (100)"),
    ("with an index hint", "SELECT * FROM {secret} NOT INDEXED"),
    ("locked for update", "SELECT * FROM {secret} FOR UPDATE"),
)
SUBQUERIES = _kind(
    "another's table, in every clause",
    ("in the result", "SELECT (SELECT body FROM {secret} LIMIT 1) FROM {own}"),
    ("in where", "SELECT id FROM {own} WHERE body IN (SELECT body FROM {secret})"),
    ("in a comparison", "SELECT id FROM {own} WHERE body < (SELECT max(body) FROM {secret})"),
    ("in an exists", "SELECT id FROM {own} AS o WHERE EXISTS (SELECT 1 FROM {secret} AS s WHERE s.id = o.id)"),
    ("in join on", "SELECT 1 FROM {own} AS a JOIN {own} AS b ON a.body > (SELECT max(body) FROM {secret})"),
    ("in group by", "SELECT count(*) FROM {own} GROUP BY (SELECT max(body) FROM {secret})"),
    ("in having", "SELECT count(*) FROM {own} GROUP BY id HAVING (SELECT max(body) FROM {secret}) > ''"),
    ("in order by", "SELECT id FROM {own} ORDER BY (SELECT max(body) FROM {secret})"),
    ("in limit", "SELECT id FROM {own} LIMIT (SELECT length(max(body)) FROM {secret})"),
    ("in offset", "SELECT id FROM {own} LIMIT 1 OFFSET (SELECT length(max(body)) FROM {secret})"),
    ("in case", "SELECT CASE WHEN (SELECT max(body) FROM {secret}) > 'm' THEN 1 ELSE 0 END"),
    ("in between", "SELECT 1 WHERE 'x' BETWEEN (SELECT min(body) FROM {secret}) AND 'z'"),
    ("in a function", "SELECT length((SELECT max(body) FROM {secret}))"),
    ("in a window", "SELECT sum(1) OVER (ORDER BY (SELECT max(body) FROM {secret})) FROM {own}"),
    ("in a filter", "SELECT count(*) FILTER (WHERE (SELECT max(body) FROM {secret}) > '') FROM {own}"),
    ("in values", "INSERT INTO {own} (body) VALUES ((SELECT max(body) FROM {secret}))"),
    ("in set", "UPDATE {own} SET body = (SELECT max(body) FROM {secret})"),
    ("in the where of an update", "UPDATE {own} SET body = 'x' WHERE (SELECT max(body) FROM {secret}) > 'm'"),
    ("in the where of a delete", "DELETE FROM {own} WHERE body < (SELECT max(body) FROM {secret})"),
    ("in returning", "INSERT INTO {own} (body) VALUES ('x') RETURNING (SELECT max(body) FROM {secret})"),
    ("in the returning of an update", "UPDATE {own} SET body = body RETURNING (SELECT max(body) FROM {secret})"),
    ("in the returning of a delete", "DELETE FROM {own} RETURNING (SELECT max(body) FROM {secret})"),
    (
        "in an upsert",
        "INSERT INTO {own} (id, body) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET body = (SELECT max(body) FROM {secret})",
    ),
    (
        "in the where of an upsert",
        "INSERT INTO {own} (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET body = 'x' WHERE (SELECT body FROM {secret}) > ''",
    ),
    ("insert from", "INSERT INTO {own} (body) SELECT body FROM {secret}"),
    ("insert whole rows", "INSERT INTO {own} SELECT * FROM {secret}"),
    ("insert whole rows of a core table", "INSERT INTO {own} SELECT ALL * FROM {core}"),
    ("update from", "UPDATE {own} SET body = s.body FROM {secret} AS s WHERE s.id = {own}.id"),
    ("delete with another's", "DELETE FROM {own} USING {secret} AS s WHERE s.id = {own}.id"),
    ("lateral", "SELECT l.body FROM {own} AS o CROSS JOIN LATERAL (SELECT body FROM {secret}) AS l"),
)
CTES = _kind(
    "WITH",
    ("a name of its own", "WITH mine AS (SELECT * FROM {secret}) SELECT * FROM mine"),
    ("the name of an own table", "WITH {own} AS (SELECT * FROM {secret}) SELECT * FROM {own}"),
    ("the victim's name inside", "WITH {secret} AS (SELECT * FROM {secret}) SELECT * FROM {secret}"),
    ("unused", "WITH mine AS (SELECT body FROM {secret}) SELECT (SELECT count(*) FROM mine)"),
    ("nested", "WITH a AS (WITH b AS (SELECT body FROM {secret}) SELECT * FROM b) SELECT * FROM a"),
    (
        "recursive",
        "WITH RECURSIVE r(n) AS (SELECT id FROM {secret} UNION SELECT n FROM r) SELECT n FROM r",
    ),
    ("materialized", "WITH a AS MATERIALIZED (SELECT * FROM {secret}) SELECT * FROM a"),
    ("a delete inside", "WITH gone AS (DELETE FROM {secret} RETURNING *) SELECT * FROM gone"),
    ("an insert inside", "WITH new AS (INSERT INTO {secret} (body) VALUES ('x') RETURNING *) SELECT * FROM new"),
    ("before a delete", "WITH {own} AS (SELECT 1) DELETE FROM {secret}"),
    ("before an insert", "WITH a AS (SELECT body FROM {secret}) INSERT INTO {own} (body) SELECT body FROM a"),
    ("before an update", "WITH a AS (SELECT body FROM {secret}) UPDATE {own} SET body = (SELECT max(body) FROM a)"),
)
JOINS = _kind(
    "joins by unnamed columns",
    ("using", "SELECT 1 FROM {own} JOIN {secret} USING (id)"),
    ("using that reads", "WITH g(body) AS (SELECT '') SELECT body FROM g FULL JOIN {secret} USING (body)"),
    ("using in other case", "WITH g(body) AS (SELECT '') SELECT body FROM g FULL JOIN {secret} uSiNg(body)"),
    ("using behind a comment", "WITH g(body) AS (SELECT '') SELECT body FROM g FULL JOIN {secret} /**/USING/**/(body)"),
    ("natural", "SELECT 1 FROM {own} NATURAL JOIN {secret}"),
    ("natural full", "WITH g(body) AS (SELECT '') SELECT body FROM g natural/**/full join {secret}"),
    ("a guess", "WITH guess(body) AS (SELECT 'dear') SELECT 1 FROM guess JOIN {secret} USING (body)"),
    (
        "using in the where of a delete",
        "DELETE FROM {own} WHERE EXISTS (WITH g(body) AS (SELECT 'x') SELECT 1 FROM g NATURAL JOIN {secret})",
    ),
)
WRITING = _kind(
    "another's table, written",
    ("insert", "INSERT INTO {secret} (body) VALUES ('x')"),
    ("insert into the core", "INSERT INTO {core} (id, body) VALUES (9, 'x')"),
    ("insert into another project", "INSERT INTO {payroll} (body) VALUES ('x')"),
    ("insert from an own table", "INSERT INTO {secret} (body) SELECT body FROM {own}"),
    ("insert defaults", "INSERT INTO {secret} DEFAULT VALUES"),
    ("insert or replace", "INSERT OR REPLACE INTO {secret} (id, body) VALUES (1, 'x')"),
    ("replace", "REPLACE INTO {secret} (id, body) VALUES (1, 'x')"),
    ("upsert", "INSERT INTO {secret} (id, body) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET body = excluded.body"),
    ("upsert that does nothing", "INSERT INTO {secret} (id, body) VALUES (1, 'x') ON CONFLICT DO NOTHING"),
    ("update", "UPDATE {secret} SET body = 'x'"),
    ("update of nothing", "UPDATE {secret} SET body = 'x' WHERE 1 = 0"),
    ("update that returns", "UPDATE {secret} SET body = body RETURNING body"),
    ("update of an own alias", "UPDATE {secret} AS {own} SET body = 'x'"),
    ("delete", "DELETE FROM {secret}"),
    ("delete that returns", "DELETE FROM {secret} RETURNING *"),
    ("delete of nothing", "DELETE FROM {secret} WHERE 1 = 0"),
    ("the keeper of tables", "UPDATE table_metadata SET owner_id = 'plugin:quotes'"),
    ("the grants", "INSERT INTO table_grants (id, grantee) VALUES ('x', 'plugin:quotes')"),
    ("the event log", "INSERT INTO event_log (id, topic) VALUES ('x', 'x')"),
    ("the version of the schema", "UPDATE alembic_version SET version_num = '9999'"),
    ("truncate", "TRUNCATE {secret}"),
    ("merge", "MERGE INTO {secret} USING {own} ON false WHEN NOT MATCHED THEN INSERT (body) VALUES ('x')"),
)
NAMES = _kind(
    "names in disguise",
    ("double quotes", 'SELECT * FROM "{secret}"'),
    ("brackets", "SELECT * FROM [{secret}]"),
    ("backticks", "SELECT * FROM `{secret}`"),
    ("single quotes", "SELECT * FROM '{secret}'"),
    ("of the main schema", "SELECT * FROM main.{secret}"),
    ("of the main schema, quoted", 'SELECT * FROM "main"."{secret}"'),
    ("of the temp schema", "SELECT * FROM temp.{secret}"),
    ("of the house's schema", "SELECT * FROM vivesphere.{secret}"),
    ("of the public schema", "SELECT * FROM public.{secret}"),
    ("of a catalog", "SELECT * FROM vivesphere.public.{secret}"),
    ("escaped in unicode", 'SELECT * FROM U&"\\0065xt_dice__rolls"'),
    ("escaped with another sign", "SELECT * FROM U&\"!0065xt_dice__rolls\" UESCAPE '!'"),
    ("a look-alike letter", "SELECT * FROM \N{CYRILLIC SMALL LETTER IE}xt_dice__rolls"),
    ("full-width letters", "SELECT * FROM \uff45\uff58\uff54_dice__rolls"),
    ("a zero-width space", "SELECT * FROM ext_dice\u200b__rolls"),
    ("a comment inside", "SELECT * FROM/**/{secret}/* */"),
    ("a line comment", "SELECT * FROM -- {own}\n{secret}"),
    ("a nested comment", "SELECT * FROM {secret} /* a /* b */ */"),
    ("an open comment", "SELECT * FROM {secret} /*"),
    ("a comment that MySQL runs", "SELECT * FROM /*! {own} */ {secret}"),
    ("strange spaces", "SELECT\u00a0*\u2003FROM\x0b{secret}"),
    ("a null byte", "SELECT * FROM {own}\x00; DELETE FROM {secret}"),
    ("a case of its own", "sElEcT * fRoM Ext_Dice__Rolls"),
    ("a name that PostgreSQL would cut", "SELECT * FROM {secret}" + "_" * 60),
)
CATALOGUES = _kind(
    "catalogues",
    ("the schema of SQLite", "SELECT * FROM sqlite_master"),
    ("the schema by its other name", "SELECT sql FROM sqlite_schema"),
    ("the schema of main", "SELECT sql FROM main.sqlite_master"),
    ("the temp schema", "SELECT * FROM sqlite_temp_master"),
    ("a count of the schema", "SELECT count(*) FROM sqlite_master"),
    ("the sequences", "SELECT * FROM sqlite_sequence"),
    ("the statistics", "SELECT * FROM sqlite_stat1"),
    ("the pages", "SELECT * FROM dbstat"),
    ("a pragma as a table", "SELECT * FROM pragma_table_info('{secret}')"),
    ("the databases as a table", "SELECT count(*) FROM pragma_database_list"),
    ("the functions as a table", "SELECT * FROM pragma_function_list"),
    ("the tables as a table", "SELECT * FROM pragma_table_list"),
    ("a table-valued function", "SELECT * FROM json_each('[1]')"),
    ("a tree of JSON", "SELECT * FROM json_tree('[1]')"),
    ("the schema, written", "UPDATE sqlite_master SET sql = ''"),
    ("the schema, emptied", "DELETE FROM sqlite_master"),
    ("passwords", "SELECT rolname, rolpassword FROM pg_catalog.pg_authid"),
    ("passwords in the shadow", "SELECT passwd FROM pg_shadow"),
    ("user mappings", "SELECT * FROM pg_user_mappings"),
    ("files of the server", "SELECT pg_read_file('postgresql.conf')"),
    ("a folder of the server", "SELECT pg_ls_dir('.')"),
    ("the log", "SELECT pg_current_logfile()"),
    ("the samples of a column", "SELECT most_common_vals FROM pg_stats WHERE tablename = '{secret}'"),
    ("the samples behind it", "SELECT * FROM pg_statistic"),
    ("a cast to a class", "SELECT '{secret}'::regclass::oid"),
)
CATALOGUES_ON_POSTGRESQL = _only_the_gate(
    "catalogues",
    ("tables of PostgreSQL", "SELECT relname FROM pg_catalog.pg_class", "names of tables, not what is in them"),
    ("tables of the standard", "SELECT table_name FROM information_schema.tables", "names of tables it may use"),
    ("columns of the standard", "SELECT column_name FROM information_schema.columns", "names of columns it may use"),
    ("roles", "SELECT rolname FROM pg_roles", "names of roles"),
    ("databases", "SELECT datname FROM pg_database", "names of databases"),
    ("settings", "SELECT name, setting FROM pg_settings", "the server's ordinary settings"),
    ("activity", "SELECT usename, query FROM pg_stat_activity", "that others are there; their statements are hidden"),
    ("the version", "SELECT version()", "PostgreSQL's version"),
    ("who is who", "SELECT current_user, session_user, current_database()", "the name of its own role"),
    ("a view's source", "SELECT definition FROM pg_views", "the sources of system views"),
)
PRAGMAS = _kind(
    "pragmas",
    ("leave to write", "PRAGMA query_only=OFF"),
    ("a writable schema", "PRAGMA writable_schema=ON"),
    ("a table's columns", "PRAGMA table_info('{secret}')"),
    ("the databases", "PRAGMA database_list"),
    ("another journal", "PRAGMA journal_mode=DELETE"),
    ("no syncs", "PRAGMA synchronous=OFF"),
    ("no foreign keys", "PRAGMA foreign_keys=OFF"),
    ("a trusted schema", "PRAGMA trusted_schema=ON"),
    ("no limit of time", "PRAGMA busy_timeout=2147483647"),
    ("a place for temporary files", "PRAGMA temp_store_directory='/tmp'"),
    ("case for LIKE", "PRAGMA case_sensitive_like=ON"),
    ("checks", "PRAGMA integrity_check"),
    ("a check-point", "PRAGMA wal_checkpoint(TRUNCATE)"),
    ("the limit of the file", "PRAGMA max_page_count=1"),
)
FILES = _kind(
    "files and code",
    ("attach", "ATTACH ':memory:' AS other"),
    ("attach the file itself", "ATTACH 'vivesphere.db' AS other"),
    ("detach", "DETACH main"),
    ("vacuum", "VACUUM"),
    ("vacuum into a file", "VACUUM INTO 'copy.db'"),
    ("an extension", "SELECT load_extension('evil')"),
    ("a tokenizer", "SELECT fts3_tokenizer('simple')"),
    ("a regular expression that never ends", "SELECT 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!' REGEXP '(a+)+$'"),
    ("read a file", "SELECT readfile('/etc/passwd')"),
    ("write a file", "SELECT writefile('/tmp/x', 'x')"),
    ("edit a file", "SELECT edit('x')"),
    ("copy to a program", "COPY {own} TO PROGRAM 'id'"),
    ("copy to a file", "COPY {own} TO '/tmp/x'"),
    ("copy from a file", "COPY {own} FROM '/etc/passwd'"),
    ("copy another's out", "COPY {secret} TO STDOUT"),
    ("a large object from a file", "SELECT lo_import('/etc/passwd')"),
    ("a large object to a file", "SELECT lo_export(1, '/tmp/x')"),
    ("another database", "SELECT dblink('dbname=postgres', 'SELECT 1')"),
    ("load a library", "LOAD 'auto_explain'"),
    ("an extension of PostgreSQL", "CREATE EXTENSION dblink"),
    ("a foreign server", "CREATE SERVER evil FOREIGN DATA WRAPPER postgres_fdw"),
    ("a query from a text", "SELECT query_to_xml('SELECT * FROM {secret}', true, false, '')"),
    ("a table as XML", "SELECT table_to_xml('{secret}', true, false, '')"),
)
LARGE_OBJECTS = _only_the_gate(
    "files and code",
    ("a large object", "SELECT lo_from_bytea(0, 'x')", "keeps bytes of its own outside its tables"),
    ("a large object's handle", "SELECT lo_creat(-1)", "the same"),
)
DEFINING = _kind(
    "definitions",
    ("a table", "CREATE TABLE mine (id INTEGER)"),
    ("a table of another's rows", "CREATE TABLE mine AS SELECT * FROM {secret}"),
    ("a view", "CREATE VIEW mine AS SELECT * FROM {secret}"),
    ("an index", "CREATE INDEX mine ON {own} (body)"),
    ("an index on another's", "CREATE INDEX mine ON {secret} (body)"),
    ("a virtual table", "CREATE VIRTUAL TABLE mine USING fts5(body)"),
    ("a trigger", "CREATE TRIGGER mine AFTER INSERT ON {own} BEGIN DELETE FROM {secret}; END"),
    ("a trigger of PostgreSQL", "CREATE TRIGGER mine AFTER INSERT ON {own} EXECUTE FUNCTION evil()"),
    ("a rule", "CREATE RULE mine AS ON INSERT TO {own} DO ALSO DELETE FROM {secret}"),
    ("a function", "CREATE FUNCTION evil() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
    ("a function with its owner's rights", "CREATE FUNCTION e() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'"),
    ("a schema", "CREATE SCHEMA mine"),
    ("a role", "CREATE ROLE evil SUPERUSER"),
    ("a policy", "CREATE POLICY mine ON {secret} USING (true)"),
    ("an own table, dropped", "DROP TABLE {own}"),
    ("another's table, dropped", "DROP TABLE {secret}"),
    ("a column", "ALTER TABLE {own} ADD COLUMN more TEXT"),
    ("another name", "ALTER TABLE {own} RENAME TO mine"),
    ("another's name", "ALTER TABLE {secret} RENAME TO mine"),
    ("another owner", "ALTER TABLE {secret} OWNER TO CURRENT_USER"),
    ("row security", "ALTER TABLE {own} ENABLE ROW LEVEL SECURITY"),
    ("a foreign key to another's", "ALTER TABLE {own} ADD COLUMN s INTEGER REFERENCES {secret} (id)"),
    ("a grant", "GRANT ALL ON {secret} TO PUBLIC"),
    ("a comment on another's", "COMMENT ON TABLE {secret} IS 'x'"),
    ("a reindex", "REINDEX"),
    ("an analysis", "ANALYZE"),
    ("select into", "SELECT * INTO mine FROM {secret}"),
)
TEMPORARY = _kind(
    "temporary things",
    ("a table", "CREATE TEMP TABLE mine (id INTEGER)"),
    ("a table of the victim's name", "CREATE TEMP TABLE {secret} (id INTEGER, body TEXT)"),
    ("a table of rows", "CREATE TEMPORARY TABLE mine AS SELECT * FROM {own}"),
    ("a view", "CREATE TEMP VIEW {secret} AS SELECT 1"),
    ("a trigger on another's", "CREATE TEMP TRIGGER mine AFTER INSERT ON main.{secret} BEGIN SELECT 1; END"),
    ("a table in pg_temp", "CREATE TABLE pg_temp.mine (id INTEGER)"),
    ("a function in pg_temp", "CREATE FUNCTION pg_temp.evil() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
)
ROLES = _kind(
    "another role",
    ("set role", "SET ROLE postgres"),
    ("set a session's authority", "SET SESSION AUTHORIZATION postgres"),
    ("an anonymous block", "DO $$ BEGIN EXECUTE 'SET ROLE postgres'; END $$"),
    ("a block that reads", "DO $$ BEGIN PERFORM 1 FROM {secret}; END $$"),
    ("set by function", "SELECT set_config('role', 'postgres', false)"),
    ("set the session by function", "SELECT set_config('session_authorization', 'postgres', false)"),
    ("end another's work", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'"),
    ("read the configuration anew", "SELECT pg_reload_conf()"),
    ("alter the system", "ALTER SYSTEM SET log_statement = 'all'"),
    ("alter its own role", "ALTER ROLE CURRENT_USER SUPERUSER"),
    ("a security label", "SECURITY LABEL ON TABLE {secret} IS 'x'"),
)
ROLES_ON_POSTGRESQL = _only_the_gate(
    "another role",
    ("reset role", "RESET ROLE", "nothing: its login is its role"),
    ("set no role", "SET ROLE NONE", "nothing: its login is its role"),
    ("reset everything", "RESET ALL", "the session's settings are set anew with each unit"),
    ("discard everything", "DISCARD TEMP", "nothing: it has nothing temporary"),
    ("set the search path", "SET search_path = pg_catalog", "it lasts no longer than the unit"),
    ("set by function, harmlessly", "SELECT set_config('search_path', 'pg_catalog', false)", "the same"),
    ("set no limit of time", "SET statement_timeout = 0", "the host's own timer still ends it"),
    ("set a huge memory", "SET work_mem = '2GB'", "it lasts no longer than the unit"),
)
STACKED = _kind(
    "several statements",
    ("two reads", "SELECT 1; SELECT * FROM {secret}"),
    ("a read and a delete", "SELECT 1; DELETE FROM {secret}"),
    ("behind a comment", "SELECT 1 /*; */; DELETE FROM {secret} --"),
    ("behind a text", "SELECT ';'; DELETE FROM {secret}"),
    ("a commit between", "SELECT 1; COMMIT; DELETE FROM {secret}"),
    ("a prepared one", "PREPARE evil AS SELECT * FROM {secret}"),
    ("an executed one", "EXECUTE evil"),
    ("a cursor", "DECLARE evil CURSOR FOR SELECT * FROM {secret}"),
    ("a plan", "EXPLAIN SELECT * FROM {secret}"),
    ("a plan that runs", "EXPLAIN ANALYZE DELETE FROM {secret}"),
    ("a query plan", "EXPLAIN QUERY PLAN SELECT * FROM {secret}"),
)
TRANSACTIONS = _kind(
    "transactions",
    ("the kernel's savepoint", "SAVEPOINT vivesphere_unit"),
    ("the kernel's savepoint in other case", "SAVEPOINT ViveSphere_Unit_x"),
    ("the kernel's release", "RELEASE vivesphere_unit"),
    ("the kernel's way back", "ROLLBACK TO vivesphere_unit"),
    ("a way back that is not there", "ROLLBACK TO nowhere"),
    ("a release that is not there", "RELEASE nowhere"),
    ("another snapshot", "SET TRANSACTION SNAPSHOT '00000003-0000001B-1'"),
    ("a prepared commit", "COMMIT PREPARED 'x'"),
    ("a lock on another's", "LOCK TABLE {secret} IN ACCESS EXCLUSIVE MODE"),
    ("or rollback", "INSERT OR ROLLBACK INTO {own} (id, body) VALUES (1, 'x')"),
    ("update or rollback", "UPDATE OR ROLLBACK {own} SET id = 'x'"),
    ("raise", "SELECT RAISE(ROLLBACK, 'x')"),
)
TRANSACTION_ENDS = tuple(
    Hostile(name, "transactions", sql, only_the_gate=frozenset({"postgresql"}), why=f"{why}, which the engine notices")
    for name, sql, why in (
        ("begin", "BEGIN", "a warning"),
        ("begin at once", "BEGIN IMMEDIATE", "no SQL there"),
        ("commit", "COMMIT", "the unit's transaction ends"),
        ("end", "END", "the unit's transaction ends"),
        ("rollback", "ROLLBACK", "the unit's transaction ends"),
        ("abort", "ABORT", "the unit's transaction ends"),
    )
)
SAVEPOINTS = _kind(
    "transactions",
    ("a savepoint of its own", "SAVEPOINT mine"),
    open_fate="harmless",
)
SIGNALS = _only_the_gate(
    "signals and locks",
    ("listen", "LISTEN vivesphere", "the connection would hear; the host never listens for secrets"),
    ("notify", "NOTIFY vivesphere, 'x'", "whoever listens would hear it; nobody of ours trusts it"),
    ("notify by function", "SELECT pg_notify('vivesphere', 'x')", "the same"),
    ("unlisten", "UNLISTEN *", "nothing: it listens to nothing"),
    ("an advisory lock", "SELECT pg_try_advisory_lock(1)", "holds a number for itself until its connection ends"),
    ("an advisory lock of the unit", "SELECT pg_try_advisory_xact_lock(1)", "holds a number until its unit ends"),
    ("all locks given back", "SELECT pg_advisory_unlock_all()", "its own locks only"),
    ("a nap", "SELECT pg_sleep(30)", "its connection waits until the host's timer ends it"),
)
UP: Final = "WITH RECURSIVE up(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up"
"""What `{up}` stands for."""

RUNAWAY = _kind(
    "runaway work",
    ("endless recursion", "{up}) SELECT count(n) FROM up"),
    ("endless recursion that is written", "INSERT INTO {own} (body) SELECT * FROM ({up}) SELECT n FROM up)"),
    (
        "a text that grows",
        "WITH RECURSIVE t(x) AS (SELECT 'a' UNION ALL SELECT x || x FROM t) SELECT max(length(x)) FROM t",
    ),
    ("a product of products", "{up} WHERE n < 3000) SELECT count(*) FROM up a, up b, up c WHERE a.n + b.n + c.n = -1"),
    ("a gigabyte of nothing", "SELECT zeroblob(1073741824)"),
    ("a gigabyte of chance", "SELECT length(randomblob(1000000000))"),
    ("a gigabyte of text", "SELECT replace(hex(zeroblob(1000)), '0', hex(zeroblob(500000)))"),
    ("a text for each digit", "SELECT hex(zeroblob(500000000))"),
    ("an aggregate without end", "{up}) SELECT group_concat(n, '....................') FROM up"),
    ("deep parentheses", "SELECT " + "(" * 3000 + "1" + ")" * 3000),
    ("deep negation", "SELECT " + "NOT " * 5000 + "1"),
    ("deep addition", "SELECT 1" + " + 1" * 5000),
    ("many parts of a union", "SELECT 1" + " UNION ALL SELECT 1" * 600),
    ("many joins", "SELECT 1 FROM {own}" + " JOIN {own}" * 70),
    ("a name for every table", "SELECT DATE(" * 30 + "1" + ")" * 30),
    ("a long text", "SELECT '" + "x" * 2_000_000 + "'"),
    ("many columns", "SELECT " + ", ".join(["1"] * 3000)),
    ("a series without end", "SELECT count(*) FROM generate_series(1, 1000000000) a, generate_series(1, 1000000000) b"),
)
MORE_THAN_ASKED = _kind(
    "more than the limits",
    ("many rows", "{up} WHERE n < 5000) SELECT n FROM up"),
    fate="harmless",
    open_fate="harmless",
)
GIGABYTES = _only_the_gate(
    "runaway work",
    ("a gigabyte by repetition", "SELECT repeat('x', 100000000)", "the text is made and sent before anybody can look at it"),
)

CORPUS: Final = (
    *(*READING, *SUBQUERIES, *CTES, *JOINS, *WRITING, *NAMES, *CATALOGUES, *CATALOGUES_ON_POSTGRESQL, *PRAGMAS, *FILES),
    *(*LARGE_OBJECTS, *DEFINING, *TEMPORARY, *ROLES, *ROLES_ON_POSTGRESQL, *STACKED, *TRANSACTIONS, *TRANSACTION_ENDS),
    *(*SAVEPOINTS, *SIGNALS, *RUNAWAY, *MORE_THAN_ASKED, *GIGABYTES),
)
