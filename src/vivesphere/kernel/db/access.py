"""Who may touch which table: one immutable policy, replaced as a whole."""

from collections.abc import Iterable
from typing import Literal, Protocol

import msgspec

from vivesphere.kernel import principals
from vivesphere.kernel.principals import SYSTEM, Principal

Action = Literal["read", "write"]
AccessLevel = Literal["locked", "protected", "user"]

CACHED_DECISIONS = 8192


class ColumnDescription(msgspec.Struct, frozen=True):
    name: str
    type: str


class TableDescription(msgspec.Struct, frozen=True, kw_only=True):
    """One known table. `is_system`: it belongs to the core, not to a plugin or a user."""

    name: str
    access_level: AccessLevel
    owner: Principal
    is_system: bool
    columns: tuple[ColumnDescription, ...] = ()


class TableCatalog(Protocol):
    """What there is in the database, for those who show it."""

    def describe(self) -> tuple[TableDescription, ...]:
        """All known tables, by name."""
        ...


class AccessPolicy:
    """The rules of design §5 over the tables of `table_metadata`. `version` tells connections that their checks are old."""

    def __init__(self, tables: Iterable[TableDescription], version: int = 1) -> None:
        self.version = version
        self._tables = {table.name: table for table in sorted(tables, key=lambda table: table.name)}
        self._decided: dict[tuple[Principal, Action, str], bool] = {}

    def can(self, principal: Principal, action: Action, table: str) -> bool:
        """Whether the principal's own connection may do it. A table nobody registered is refused to everyone."""
        key = (principal, action, table)
        decided = self._decided.get(key)
        return decided if decided is not None else self._decide(key)

    def describe(self) -> tuple[TableDescription, ...]:
        return tuple(self._tables.values())

    def _decide(self, key: tuple[Principal, Action, str]) -> bool:
        principal, _, name = key
        table = self._tables.get(name)
        if table is None:
            # Not kept: whoever writes the SQL decides how many unknown names there are.
            return False
        if len(self._decided) >= CACHED_DECISIONS:
            self._decided.clear()
        answer = self._decided[key] = _may(principal, table)
        return answer


class CurrentAccess:
    """The policy in force. Database threads read it while the loop replaces it; they see the old one or the new one whole."""

    def __init__(self, policy: AccessPolicy) -> None:
        self.policy = policy

    def replace(self, tables: Iterable[TableDescription]) -> None:
        self.policy = AccessPolicy(tables, self.policy.version + 1)

    def describe(self) -> tuple[TableDescription, ...]:
        return self.policy.describe()


def _may(principal: Principal, table: TableDescription) -> bool:
    """Reading and writing are one right here: an owner has both, everyone else neither. People come through the API."""
    if principal == SYSTEM:
        return True
    match principals.kind(principal):
        case "module":
            return table.owner == principal and table.access_level != "protected"
        case "plugin":
            prefix = f"ext_{principals.name(principal)}__"
            return table.owner == principal and table.access_level == "protected" and table.name.startswith(prefix)
        case _:
            return False
