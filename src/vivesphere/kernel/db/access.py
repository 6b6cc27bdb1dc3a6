"""Who may touch which table, and why: one immutable policy, replaced as a whole.

The matrix of design §5. Whoever is not in it has nothing.

| principal      | locked (the core's)           | protected (a plugin's)     | user (made by people)                  |
|----------------|-------------------------------|----------------------------|----------------------------------------|
| system         | read, write                   | read, write                | read, write                            |
| module         | its own: read, write          | nothing                    | `module:data`, their keeper: all of it |
| plugin         | nothing                       | its own: read, write       | what a person granted it               |
| user, API key  | nothing                       | nothing                    | by permission in the table's project   |
"""

from collections.abc import Iterable
from typing import Literal, Protocol

import msgspec

from vivesphere.kernel import principals
from vivesphere.kernel.permissions import PermissionSnapshot
from vivesphere.kernel.principals import SYSTEM, Principal

Action = Literal["read", "write"]
AccessLevel = Literal["locked", "protected", "user"]
Reason = Literal["owner", "keeper", "grant", "permission", "none"]

ACTIONS: tuple[Action, ...] = ("read", "write")
KEEPER = principals.module("data")
"""Who looks after the tables that people make."""

NEEDED: dict[Action, str] = {"read": "data.record.read", "write": "data.record.write"}
"""What a person needs in a table's project to touch its records."""

USER_PREFIX = "data_"
CACHED_DECISIONS = 8192


class ColumnDescription(msgspec.Struct, frozen=True):
    name: str
    type: str


class TableDescription(msgspec.Struct, frozen=True, kw_only=True):
    """One known table. `is_system`: it belongs to the core, not to a plugin or a user. `project`: whose people may use it."""

    name: str
    access_level: AccessLevel
    owner: Principal
    is_system: bool
    columns: tuple[ColumnDescription, ...] = ()
    project: str | None = None


class Granted(msgspec.Struct, frozen=True):
    """What a person has approved: the grantee may do this with a table that is not its own."""

    grantee: Principal
    action: Action
    table: str


class Holder(msgspec.Struct, frozen=True):
    """Someone who may do what was asked about, and what that rests on."""

    principal: Principal
    why: Reason


class TableCatalog(Protocol):
    """What there is in the database and who may touch it, for those who show it."""

    def describe(self) -> tuple[TableDescription, ...]:
        """All known tables, by name."""
        ...

    def can(self, principal: Principal, action: Action, table: str) -> bool:
        """Whether the engine would let the principal do it now."""
        ...

    def who(self, action: Action, table: str) -> tuple[Holder, ...]:
        """Everybody who may, by name; nobody for an unknown table."""
        ...


class AccessPolicy:
    """The matrix over the tables of `table_metadata`, the approved grants and what people may. Connections compare it by
    identity: one that was lent under another policy is authorized anew. `version` counts them."""

    def __init__(
        self,
        tables: Iterable[TableDescription],
        version: int = 1,
        *,
        granted: Iterable[Granted] = (),
        people: PermissionSnapshot | None = None,
    ) -> None:
        self.version = version
        self.granted = frozenset(granted)
        # Of this moment, not `Permissions`: what database threads decide while those change must not outlive the change.
        self.people = people or PermissionSnapshot()
        self._tables = {table.name: table for table in sorted(tables, key=lambda table: table.name)}
        self._decided: dict[tuple[Principal, Action, str], bool] = {}

    def can(self, principal: Principal, action: Action, table: str) -> bool:
        """Whether the principal's own connection may do it. A table nobody registered is refused to everyone."""
        key = (principal, action, table)
        decided = self._decided.get(key)
        return decided if decided is not None else self._decide(key)

    def why(self, principal: Principal, action: Action, table: str) -> Reason:
        """What the decision rests on; `none` for a refusal."""
        known = self._tables.get(table)
        return "none" if known is None else self._reason(principal, action, known)

    def who(self, action: Action, table: str) -> tuple[Holder, ...]:
        """Everybody who may, by name."""
        known = self._tables.get(table)
        if known is None:
            return ()
        asked = {SYSTEM, KEEPER, known.owner, *(grant.grantee for grant in self.granted), *self.people.grants}
        found = ((principal, self._reason(principal, action, known)) for principal in sorted(asked))
        return tuple(Holder(principal, why) for principal, why in found if why != "none")

    def describe(self) -> tuple[TableDescription, ...]:
        return tuple(self._tables.values())

    def _decide(self, key: tuple[Principal, Action, str]) -> bool:
        principal, action, name = key
        table = self._tables.get(name)
        if table is None:
            # Not kept: whoever writes the SQL decides how many unknown names there are.
            return False
        if len(self._decided) >= CACHED_DECISIONS:
            self._decided.clear()
        answer = self._decided[key] = self._reason(principal, action, table) != "none"
        return answer

    def _reason(self, principal: Principal, action: Action, table: TableDescription) -> Reason:
        if principal == SYSTEM:
            return "owner" if table.owner == SYSTEM else "keeper"
        match principals.kind(principal), table.access_level:
            case "module", "locked":
                return "owner" if table.owner == principal else "none"
            case "plugin", "protected":
                own = table.owner == principal and table.name.startswith(f"ext_{principals.name(principal)}__")
                return "owner" if own else "none"
            case kind, "user" if table.name.startswith(USER_PREFIX):
                return self._reason_for_user_table(kind, principal, action, table)
            case _:
                return "none"

    def _reason_for_user_table(self, kind: str, principal: Principal, action: Action, table: TableDescription) -> Reason:
        match kind:
            case "module":
                return "keeper" if principal == KEEPER else "none"
            case "plugin":
                return "grant" if Granted(principal, action, table.name) in self.granted else "none"
            case "user" | "apikey" if table.project is not None:
                return "permission" if self.people.allows(principal, NEEDED[action], table.project) else "none"
            case _:
                return "none"


class CurrentAccess:
    """The policy in force. Database threads read it while the loop replaces it; they see the old one or the new one whole."""

    def __init__(self, policy: AccessPolicy) -> None:
        self.policy = policy

    def replace(self, tables: Iterable[TableDescription], granted: Iterable[Granted] = ()) -> None:
        """Tables have come, gone or changed hands, or grants have."""
        old = self.policy
        self.policy = AccessPolicy(tables, old.version + 1, granted=granted, people=old.people)

    def permit(self, people: PermissionSnapshot) -> None:
        """What people may has changed."""
        old = self.policy
        self.policy = AccessPolicy(old.describe(), old.version + 1, granted=old.granted, people=people)

    def describe(self) -> tuple[TableDescription, ...]:
        return self.policy.describe()

    def can(self, principal: Principal, action: Action, table: str) -> bool:
        return self.policy.can(principal, action, table)

    def who(self, action: Action, table: str) -> tuple[Holder, ...]:
        return self.policy.who(action, table)
