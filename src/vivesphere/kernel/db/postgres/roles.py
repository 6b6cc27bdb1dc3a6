"""Roles: what PostgreSQL itself refuses each principal, made from the access policy.

Our own modules share the host's login and speak under a role in each unit: a seatbelt, since `RESET ROLE` would take it off. A
guest has a login of its own, which is a member of nothing, so that there is nothing to go back to. People who may the same
share one login. Names begin with the database's own number, since roles belong to the whole server.
"""

import hashlib
import random
import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, LiteralString, NamedTuple

import psycopg
import structlog
from psycopg import sql

from vivesphere.kernel import principals
from vivesphere.kernel.db.access import ACTIONS, KEEPER, AccessPolicy
from vivesphere.kernel.db.connection import is_guest
from vivesphere.kernel.db.location import PostgresPlace
from vivesphere.kernel.db.postgres.opening import SCHEMA, open_raw, sentence
from vivesphere.kernel.db.postgres.statements import RawConnection
from vivesphere.kernel.principals import SYSTEM, Principal

Privilege = Literal["SELECT", "INSERT", "UPDATE", "DELETE"]
PRIVILEGES: Mapping[str, tuple[Privilege, ...]] = {"read": ("SELECT",), "write": ("INSERT", "UPDATE", "DELETE")}

NO_ROLES = (
    "the database's login may not create roles, so PostgreSQL does not keep modules and plugins apart; "
    "let it: ALTER ROLE <login> CREATEROLE"
)
_MEMBER = " WITH INHERIT FALSE, SET TRUE"

LONGEST = 63
GUEST_CONNECTIONS = 8
MOST_PEOPLE = 32
"""Roles of people. Every table that comes makes new ones, and all that may read a table are noted in one row of PostgreSQL's,
which takes some hundreds."""
TRIES = 5
"""PostgreSQL refuses to change the rights of one table twice at once, and a unit that defines tables may be at it."""

_ABOUT_US = """
SELECT d.oid::bigint, r.rolsuper, r.rolcreaterole, current_setting('server_version_num')::int
FROM pg_database d, pg_roles r WHERE d.datname = current_database() AND r.rolname = current_user
"""
_TABLES = """
SELECT c.relname, coalesce(array_agg(s.relname::text) FILTER (WHERE s.relname IS NOT NULL), '{}')
FROM pg_class c
LEFT JOIN pg_depend d ON d.refobjid = c.oid AND d.deptype IN ('a', 'i') AND d.classid = 'pg_class'::regclass
LEFT JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
WHERE c.relnamespace = 'vivesphere'::regnamespace AND c.relkind = 'r' GROUP BY c.relname
"""
_GRANTED = """
SELECT r.rolname, c.relname, a.privilege_type
FROM pg_class c, aclexplode(c.relacl) a, pg_roles r
WHERE c.relnamespace = 'vivesphere'::regnamespace AND c.relkind = 'r' AND r.oid = a.grantee AND r.rolname LIKE %s
"""
_KNOWN = "SELECT rolname FROM pg_roles WHERE rolname LIKE %s"

log = structlog.get_logger("vivesphere.db")

Right = tuple[str, Privilege]
Rights = frozenset[Right]


class Wanted(NamedTuple):
    """A role as it is to be, and what has to be said for that. A guest's has a password."""

    role: str
    password: str | None
    rights: Rights
    statements: Sequence[sql.Composed]


class Login(NamedTuple):
    """A guest's own way in."""

    role: str
    password: str


class Roles:
    """Made and granted on one connection of the host's, one change at a time. Called by all database threads.

    `trouble` says why the database enforces nothing: the server's login may not create roles.
    """

    def __init__(self, place: PostgresPlace) -> None:
        self.trouble: str | None = None
        self._place = place
        self._lock = threading.Lock()
        self._raw = open_raw(place)
        found = self._raw.execute(_ABOUT_US).fetchone()
        assert found is not None  # noqa: S101 - narrows the type; the login and the database are there
        number, self._super, may_create, self._version = found
        self._prefix = f"vs_{number}_"
        self._passwords: dict[str, str | None] = {}
        self._tables: Mapping[str, Sequence[str]] = {}
        self._granted: dict[str, set[Right]] = {}
        self._found: dict[Principal, tuple[AccessPolicy, str]] = {}
        if not (self._super or may_create):
            self.trouble = NO_ROLES

    def begin(self, policy: AccessPolicy) -> None:
        """Drop what an earlier server left for guests that are gone, and put the policy in force."""
        if self.trouble is not None:
            return
        with self._lock:
            self._deny_temporary_tables()
            kept = {self._name(principal, frozenset()) for principal in _named(policy) if not _is_person(principal)}
            old = [name for (name,) in self._raw.execute(_KNOWN, (self._like(),)) if name not in kept]
            self._look()
            self._run([statement for name in old for statement in self._drop(name)])
        self.apply(policy)

    def apply(self, policy: AccessPolicy) -> None:
        """Grant and revoke until the database says what the policy does."""
        if self.trouble is not None:
            return
        with self._lock:
            self._look()
            asked = _named(policy) | {principal for principal in self._found if not _is_person(principal)}
            wanted = {self._name(each, frozenset()): (each, self._rights(each, policy)) for each in sorted(asked)}
            self._bring([self._wanted(name, whose, rights) for name, (whose, rights) in wanted.items()])
            # What a person may was decided by the tables that were known by then.
            self._found = {whose: (policy, name) for name, (whose, _) in wanted.items()}

    def role(self, principal: Principal, policy: AccessPolicy) -> str:
        """The role that may what the policy says; made if need be. Empty where no roles can be made."""
        if self.trouble is not None:
            return ""
        known = self._found.get(principal)
        if known is not None and known[0] is policy:
            return known[1]
        with self._lock:
            rights = self._rights(principal, policy)
            name = self._name(principal, rights)
            spare = self._spare(policy) if _is_person(principal) and name not in self._passwords else ()
            self._bring([self._wanted(name, principal, rights)], spare)
            self._found[principal] = (policy, name)
            return name

    def login(self, role: str) -> Login:
        """How a guest gets in. Its password is nowhere but in this process."""
        password = self._passwords[role]
        assert password is not None  # noqa: S101 - only guests' roles are asked about
        return Login(role, password)

    def close(self) -> None:
        self._raw.close()

    def _look(self) -> None:
        self._tables = dict(self._ask(_TABLES))
        self._granted = {}
        for role, table, privilege in self._ask(_GRANTED, self._like()):
            self._granted.setdefault(role, set()).add((table, privilege))

    def _rights(self, principal: Principal, policy: AccessPolicy) -> Rights:
        return frozenset(
            (table, privilege)
            for table in self._tables
            for action in ACTIONS
            if policy.can(principal, action, table)
            for privilege in PRIVILEGES[action]
        )

    def _name(self, principal: Principal, rights: Rights) -> str:
        """Of a person, whoever else may the same bears it too."""
        if _is_person(principal):
            whose = f"people_{hashlib.sha256(repr(sorted(rights)).encode()).hexdigest()[:16]}"
        else:
            whose = str(principal).replace(":", "_")
        name = self._prefix + whose
        return name if len(name) <= LONGEST else f"{name[: LONGEST - 17]}_{hashlib.sha256(name.encode()).hexdigest()[:16]}"

    def _wanted(self, name: str, whose: Principal, rights: Rights) -> Wanted:
        """What has to be said so that the role is there and may this and no more."""
        role = sql.Identifier(name)
        statements: list[sql.Composed] = []
        password = self._passwords.get(name)
        if name not in self._passwords:
            password = secrets.token_urlsafe(24) if is_guest(whose) else None
            statements += self._create(name, role, password)
        granted = frozenset(self._granted.get(name, ()))
        for verb, towards, changed in (("REVOKE", "FROM", granted - rights), ("GRANT", "TO", rights - granted)):
            for table in sorted({table for table, _ in changed}):
                statements += self._change(verb, towards, role, table, sorted(p for t, p in changed if t == table))
        return Wanted(name, password, rights, statements)

    def _spare(self, policy: AccessPolicy) -> Sequence[str]:
        """Roles of people, the oldest, that nobody bears under the policy, if there are many."""
        people = [name for name in self._passwords if name.startswith(f"{self._prefix}people_")]
        if len(people) < MOST_PEOPLE:
            return ()
        borne = {name for known, name in self._found.values() if known is policy}
        return [name for name in people if name not in borne][: MOST_PEOPLE // 2]

    def _bring(self, roles: Sequence[Wanted], spare: Sequence[str] = ()) -> None:
        """All of them or none, and without those that are to spare. Raises psycopg.Error."""
        dropped = [statement for name in spare for statement in self._drop(name)]
        self._run([*dropped, *(statement for role in roles for statement in role.statements)])
        for name in spare:
            del self._passwords[name]
            self._granted.pop(name, None)
        # Only now: of what was said in vain the next who asks has to say it again, above all a REVOKE.
        for role in roles:
            # To the end, so that the first is the one that was asked about longest ago.
            self._passwords.pop(role.role, None)
            self._passwords[role.role] = role.password
            self._granted[role.role] = set(role.rights)

    def _create(self, name: str, role: sql.Identifier, password: str | None) -> list[sql.Composed]:
        verb = sql.SQL("ALTER" if self._ask("SELECT 1 FROM pg_roles WHERE rolname = %s", name) else "CREATE")
        schema = sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(SCHEMA), role)
        if password is None:
            made = sql.SQL("{} ROLE {} NOLOGIN NOINHERIT").format(verb, role)
            member = sql.SQL("GRANT {} TO CURRENT_USER{}").format(role, sql.SQL(_MEMBER if self._version >= 160_000 else ""))
            return [made, schema] if self._super else [made, schema, member]
        # As the server keeps it, so that its log never shows the password.
        kept = self._connected().pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
        text = "{} ROLE {} LOGIN NOINHERIT CONNECTION LIMIT {} PASSWORD {}"
        return [sql.SQL(text).format(verb, role, sql.Literal(GUEST_CONNECTIONS), sql.Literal(kept)), schema]

    def _change(
        self, verb: str, towards: str, role: sql.Identifier, table: str, privileges: Sequence[Privilege]
    ) -> Iterator[sql.Composed]:
        said = sql.SQL(", ").join(map(sql.SQL, privileges))
        change = sql.SQL(f"{verb} {{}} ON {{}} {towards} {{}}")
        yield change.format(said, sql.Identifier(SCHEMA, table), role)
        if "INSERT" in privileges:
            for sequence in self._tables.get(table, ()):
                yield change.format(sql.SQL("USAGE"), sql.SQL("SEQUENCE {}").format(sql.Identifier(SCHEMA, sequence)), role)

    def _drop(self, name: str) -> list[sql.Composed]:
        role = sql.Identifier(name)
        inherit = sql.SQL(" WITH INHERIT TRUE" if self._version >= 160_000 else "")
        become = [] if self._super else [sql.SQL("GRANT {} TO CURRENT_USER{}").format(role, inherit)]
        # With its rights goes what it has made, such as large objects: PostgreSQL drops no role that owns anything.
        return [*become, sql.SQL("DROP OWNED BY {}").format(role), sql.SQL("DROP ROLE {}").format(role)]

    def _deny_temporary_tables(self) -> None:
        """Whoever may log in may make temporary tables, unless the database's owner says otherwise."""
        name = sql.Identifier(str(self._place.url.database))
        try:
            self._raw.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(name))
        except psycopg.Error as error:
            log.warning("guests_may_make_temporary_tables", reason=sentence(error))

    def _like(self) -> str:
        return self._prefix.replace("_", r"\_") + "%"

    def _connected(self) -> RawConnection:
        if self._raw.closed:
            self._raw = open_raw(self._place)
        return self._raw

    def _ask(self, question: LiteralString, *values: str) -> list[tuple[Any, ...]]:
        return self._connected().execute(question, values or None).fetchall()

    def _run(self, statements: Sequence[sql.Composed]) -> None:
        """All of them or none. Raises psycopg.Error."""
        if not statements:
            return
        whole = sql.SQL("; ").join(statements)
        for tries_left in reversed(range(TRIES)):
            try:
                self._connected().execute(whole)
            except psycopg.errors.InternalError_:
                if not tries_left:
                    raise
                time.sleep(random.uniform(0.001, 0.05))  # noqa: S311 - only to get out of step
            else:
                return


def _named(policy: AccessPolicy) -> set[Principal]:
    """Who is known to the policy by name, but for people, who come when they come."""
    known = {SYSTEM, KEEPER, *(table.owner for table in policy.describe()), *(grant.grantee for grant in policy.granted)}
    return {principal for principal in known if not _is_person(principal)}


def _is_person(principal: Principal) -> bool:
    return principals.kind(principal) in {"user", "apikey"}
