"""What the table ACL costs: one decision, warm and cold; a statement that SQLite meets for the first time; a new policy.

On the core's tables and a thousand of people's, with as many people and grants, beside the same statement under no authorizer.
"""

import itertools
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from benchmarks.harness import Result, median, result
from vivesphere import tables
from vivesphere.kernel import principals
from vivesphere.kernel.db.access import KEEPER, AccessPolicy, CurrentAccess, Granted, TableDescription
from vivesphere.kernel.db.schema import Model
from vivesphere.kernel.db.sqlite.connection import Connection, make_engine
from vivesphere.kernel.db.table_records import describe_core
from vivesphere.kernel.permissions import PermissionSnapshot
from vivesphere.kernel.principals import Principal

MANY = 1_000
WARM, COLD, STATEMENTS = 500_000, 20_000, 3_000

PEOPLE = tuple(principals.user(f"{number:04}") for number in range(MANY))
PLUGINS = tuple(principals.plugin(f"p{number}") for number in range(MANY))
USER_TABLES = tuple(f"data_t{number}" for number in range(MANY))
STATEMENT = "SELECT t0.body, t1.body FROM data_t0 AS t0 JOIN data_t1 AS t1 ON t0.id = t1.id WHERE t0.id = ? /* {} */"

_fresh = itertools.count()


def measure() -> list[Result]:
    policy = a_policy()
    bare, guarded = statement_costs(policy)
    return [
        result("access", "decision, warm", median(lambda: warm(policy)), "µs", target=1.0, better="less"),
        result("access", "decision, cold: permission", median(lambda: cold(PEOPLE)), "µs", target=25.0, better="less"),
        result("access", "decision, cold: grant", median(lambda: cold(PLUGINS)), "µs", target=25.0, better="less"),
        result(
            "access",
            "statement never seen, what the ACL adds",
            guarded - bare,
            "µs",
            target=100.0,
            better="less",
            peer="the whole statement without the ACL",
            peer_value=bare,
        ),
        result("access", "a new policy, when anything changes", median(replaced), "ms"),
    ]


def a_policy() -> AccessPolicy:
    core = describe_core(Model.metadata, tables.owners())
    users = (
        TableDescription(name=name, access_level="user", owner=KEEPER, is_system=False, project=f"project{number % 10}")
        for number, name in enumerate(USER_TABLES)
    )
    editor = frozenset({"bots.message.send", "plans.>", "triggers.>", "data.record.>"})
    people = PermissionSnapshot(grants={person: {"*": editor} for person in PEOPLE})
    granted = (Granted(plugin, "read", table) for plugin, table in zip(PLUGINS, USER_TABLES, strict=True))
    return AccessPolicy((*core, *users), granted=granted, people=people)


def warm(policy: AccessPolicy) -> float:
    can, person = policy.can, PEOPLE[0]
    return microseconds(lambda: can(person, "read", "data_t0"), WARM)


def cold(principals: tuple[Principal, ...]) -> float:
    """Every question is asked of the policy for the first time."""
    can = a_policy().can
    asked = iter(list(itertools.islice(itertools.product(principals, USER_TABLES), COLD)))

    def ask() -> None:
        who, table = next(asked)
        can(who, "read", table)

    return microseconds(ask, COLD)


def replaced() -> float:
    current = CurrentAccess(a_policy())
    people = current.policy.people
    return microseconds(lambda: current.permit(people), 20) / 1000


def statement_costs(policy: AccessPolicy) -> tuple[float, float]:
    """Of a join of two tables: without an authorizer, and under that of a person who may read them."""
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(Path(folder) / "access.db")
        with closing(Connection(engine)) as connection:
            for name in USER_TABLES[:2]:
                connection.core.execute(sa.text(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, body TEXT)"))
            bare = median(lambda: never_seen(connection))
            connection.serve(PEOPLE[0], policy)
            return bare, median(lambda: never_seen(connection))


def never_seen(connection: Connection) -> float:
    execute = connection.raw.execute
    return microseconds(lambda: execute(STATEMENT.format(next(_fresh)), (1,)).fetchall(), STATEMENTS)


def microseconds(work: Callable[[], object], times: int) -> float:
    """Of one call."""
    began = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - began) / times * 1e6
