"""Grants: what principals asked to be allowed with tables that people made, and what a person decided. Rules over `tx`.

A request opens nothing. Only what is `approved` comes into the policy, at once: `granting.py` sees to that. For `system`, whose
table this is.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from vivesphere.kernel.db.access import USER_PREFIX, Action, Granted, TableDescription
from vivesphere.kernel.db.grant_errors import GrantDecided, GrantUnknown, TableNotThere
from vivesphere.kernel.db.models import TableGrant, TableMetadata
from vivesphere.kernel.db.schema import table_of
from vivesphere.kernel.db.table_records import Executes, find_table, known_tables
from vivesphere.kernel.db.unit import Unit
from vivesphere.kernel.events import TableGrantApproved, TableGrantRequested, TableGrantRevoked
from vivesphere.kernel.ids import new_id
from vivesphere.kernel.principals import Principal

Status = Literal["requested", "approved", "revoked"]
Decision = Literal["approved", "revoked"]


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """`table` is the name the database knows. Nobody has decided while `decided_at` is null."""

    id: str
    grantee: Principal
    table: str
    action: Action
    status: Status
    requested_at: datetime
    decided_by: Principal | None
    decided_at: datetime | None

    @property
    def granted(self) -> Granted:
        return Granted(self.grantee, self.action, self.table)


class GrantQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Grants on tables of the project, and on tables that nobody made yet, newest first. `before` is the cursor: the id of the
    last one seen."""

    project: str
    status: Status | None = None
    before: str | None = None


_grants, _tables = table_of(TableGrant), table_of(TableMetadata)
_HAS_TABLE = _grants.outerjoin(_tables, _grants.c.table_name == _tables.c.table_name)
_OF_PROJECT = sa.or_(_tables.c.table_name.is_(None), _tables.c.project == sa.bindparam("project"))

_APPROVED = sa.select(_grants.c.grantee, _grants.c.action, _grants.c.table_name).where(_grants.c.status == "approved")
_FIND = sa.select(_grants).select_from(_HAS_TABLE).where(_grants.c.id == sa.bindparam("grant_id")).where(_OF_PROJECT)
_OF_GRANTEE = sa.select(_grants).where(_grants.c.grantee == sa.bindparam("who"))
_INSERT = sa.insert(_grants)
_DECIDE = sa.update(_grants).where(_grants.c.id == sa.bindparam("grant_id"))
_DELETE = sa.delete(_grants).where(_grants.c.id == sa.bindparam("grant_id"))
_FORGET_TABLE = sa.delete(_grants).where(_grants.c.table_name == sa.bindparam("table"))


def known_access(tx: Executes) -> tuple[tuple[TableDescription, ...], frozenset[Granted]]:
    """All that the policy takes from the database: the tables, and what is granted of them."""
    granted = frozenset(Granted(row.grantee, row.action, row.table_name) for row in tx.execute(_APPROVED))
    return known_tables(tx), granted


def listed(tx: Unit, query: GrantQuery, limit: int) -> list[Grant]:
    statement = sa.select(_grants).select_from(_HAS_TABLE).where(_OF_PROJECT).order_by(_grants.c.id.desc()).limit(limit)
    if query.status is not None:
        statement = statement.where(_grants.c.status == query.status)
    if query.before is not None:
        statement = statement.where(_grants.c.id < query.before)
    return [_grant(row) for row in tx.execute(statement, {"project": query.project})]


def ask(tx: Unit, grantee: Principal, wanted: Collection[Granted]) -> None:
    """Make what waits for a decision say exactly `wanted`, all for this grantee. What a person has decided stays as it is."""
    known = {grant.granted: grant for grant in _of(tx, grantee)}
    for granted in sorted(set(wanted) - known.keys(), key=lambda each: (each.table, each.action)):
        tx.execute(_INSERT, _row(_requested(granted, tx.now())))
        tx.emit(TableGrantRequested(grantee=grantee, table=granted.table, action=granted.action))
    for granted, grant in known.items():
        if grant.status == "requested" and granted not in wanted:
            tx.execute(_DELETE, {"grant_id": grant.id})


def grant(tx: Unit, granted: Granted, project: str) -> Grant:
    """Approve without having been asked, or what was asked for. Raises TableNotThere, or GrantDecided if it stands."""
    known = next((each for each in _of(tx, granted.grantee) if each.granted == granted), None)
    if known is None:
        known = _requested(granted, tx.now())
        tx.execute(_INSERT, _row(known))
    return _decide(tx, known, "approved", project)


def decide(tx: Unit, grant_id: str, decision: Decision, project: str) -> Grant:
    """Approve or revoke, also what was decided otherwise before. Raises GrantUnknown, TableNotThere or GrantDecided."""
    row = tx.execute(_FIND, {"grant_id": grant_id, "project": project}).one_or_none()
    if row is None:
        raise GrantUnknown(grant_id)
    return _decide(tx, _grant(row), decision, project)


def forget_table(tx: Executes, table: str) -> None:
    """A dropped table takes its grants with it: another one of its name is another table. With the host's rights, in the unit
    that drops it."""
    tx.execute(_FORGET_TABLE, {"table": table})


def forget_others(tx: Unit, kind: str, remaining: Collection[Principal]) -> bool:
    """Delete the grants of principals of this kind that are gone; True if any of them stood approved."""
    named = sa.select(_grants).where(_grants.c.grantee.startswith(f"{kind}:", autoescape=True))
    gone = [grant for grant in map(_grant, tx.execute(named)) if grant.grantee not in remaining]
    for grant in gone:
        tx.execute(_DELETE, {"grant_id": grant.id})
    return any(grant.status == "approved" for grant in gone)


def _decide(tx: Unit, known: Grant, decision: Decision, project: str) -> Grant:
    name = known.table.removeprefix(USER_PREFIX)
    if known.status == decision:
        raise GrantDecided(known.grantee, known.action, name, decision)
    if decision == "approved" and not _can_be_granted(find_table(tx, known.table), project):
        raise TableNotThere(name)
    decided = msgspec.structs.replace(known, status=decision, decided_by=tx.cause.actor, decided_at=tx.now())
    tx.execute(
        _DECIDE,
        {"grant_id": known.id, "status": decision, "decided_by": decided.decided_by, "decided_at": decided.decided_at},
    )
    event = TableGrantApproved if decision == "approved" else TableGrantRevoked
    tx.emit(event(grantee=known.grantee, table=known.table, action=known.action))
    return decided


def _can_be_granted(table: TableDescription | None, project: str) -> bool:
    return table is not None and table.access_level == "user" and table.project == project


def _requested(granted: Granted, now: datetime) -> Grant:
    return Grant(
        id=new_id(),
        grantee=granted.grantee,
        table=granted.table,
        action=granted.action,
        status="requested",
        requested_at=now,
        decided_by=None,
        decided_at=None,
    )


def _of(tx: Unit, grantee: Principal) -> Iterable[Grant]:
    return [_grant(row) for row in tx.execute(_OF_GRANTEE, {"who": grantee})]


def _grant(row: sa.Row[Any]) -> Grant:
    fields = dict(row._mapping)
    return Grant(table=fields.pop("table_name"), **fields)


def _row(grant: Grant) -> dict[str, Any]:
    fields = msgspec.structs.asdict(grant)
    return {"table_name": fields.pop("table"), **fields}
