"""Structs of the access pages."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from vivesphere.kernel.db.access import AccessLevel, Action, Holder
from vivesphere.kernel.db.grants import Status
from vivesphere.kernel.principals import Principal

_A_PRINCIPAL = "plugin:quotes"
_A_USER = "user:0199c1f0-0000-7000-8000-000000000000"

Grantee = Annotated[
    str,
    Meta(
        pattern=r"^plugin:[a-z][a-z0-9]*(_[a-z0-9]+)*$",
        max_length=47,
        description="A plugin: people hold permissions, and modules ask one another.",
        examples=[_A_PRINCIPAL],
    ),
]
UserTable = Annotated[
    str, Meta(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=58, description="As people named it.", examples=["leads"])
]


class TableAccess(msgspec.Struct, frozen=True, kw_only=True):
    """Who may touch a table, and what that rests on: being its `owner` or the `keeper` of such tables, a `grant`, or a
    `permission` in the table's project. `name` is the one people gave, for tables of level `user`; `stored_as` is what the
    database calls it, in refusals too."""

    name: Annotated[str, Meta(examples=["leads"])]
    stored_as: Annotated[str, Meta(examples=["data_leads"])]
    access_level: AccessLevel
    owner: Annotated[Principal, Meta(examples=[_A_USER])]
    project: Annotated[str | None, Meta(examples=["default"])]
    read: Annotated[tuple[Holder, ...], Meta(examples=[[{"principal": _A_PRINCIPAL, "why": "grant"}]])]
    write: Annotated[tuple[Holder, ...], Meta(examples=[[{"principal": _A_USER, "why": "permission"}]])]


class GrantInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    grantee: Grantee
    table: UserTable
    action: Action


class TableGrant(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin asked to be allowed with a table that people made, and what was decided. `requested` opens nothing;
    `decided_by` and `decided_at` are null until somebody decides. The table may not be there yet."""

    id: Annotated[str, Meta(examples=["0199c1f0-0000-7000-8000-000000000000"])]
    grantee: Annotated[Principal, Meta(examples=[_A_PRINCIPAL])]
    table: Annotated[str, Meta(examples=["leads"])]
    action: Action
    status: Status
    requested_at: datetime
    decided_by: Annotated[Principal | None, Meta(examples=[_A_USER])]
    decided_at: datetime | None


class AccessRefusal(msgspec.Struct, frozen=True, kw_only=True):
    """The database refused somebody a table. `action` is `read`, `write` or the statement's kind; `table` is as the statement
    had it. `sql` is the statement's fingerprint, the same for statements that differ in their values only; empty where there
    was none. At most one a second for a principal and a table: `refused` counts those since the last one."""

    id: Annotated[str, Meta(examples=["0199c1f0-0000-7000-8000-000000000000"])]
    time: datetime
    principal: Annotated[Principal, Meta(examples=[_A_PRINCIPAL])]
    action: Annotated[str, Meta(examples=["read"])]
    table: Annotated[str, Meta(examples=["users"])]
    sql: Annotated[str, Meta(examples=["8d6f3a0c41b2e97f"])]
    refused: Annotated[int, Meta(examples=[1])]
