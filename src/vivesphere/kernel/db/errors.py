"""What the database refuses or fails at, drawn once.

ViveSphereError
└── DatabaseError
    ├── AccessDenied          the principal asked for a table, or a kind of statement, that is not its own
    ├── IdempotencyKeyReused  the key already stands for another act
    ├── ConstraintViolated    a unique, foreign-key, check or not-null constraint; repositories turn it into their own Conflict
    ├── ReadOnly              a read unit tried to write or to emit
    ├── StatementRefused      the broker takes no such statement; the sentence says what to write instead
    ├── StatementFailed       the statement is wrong, too large, or was stopped for taking too long
    ├── TransactionLost       a statement ended the whole transaction, so nothing of the unit was kept
    ├── UnitClosed            `tx` was used after its rule had returned
    ├── OutcomeUnknown        the connection was lost during the commit: look before you do it again
    └── DatabaseUnavailable   the database cannot be written or read now, or is closed
        └── DiskFull          nothing can be written until there is space again; reading goes on
"""

from vivesphere.kernel.errors import ViveSphereError
from vivesphere.kernel.principals import Principal


class DatabaseError(ViveSphereError):
    """The root of what the database raises."""


class AccessDenied(DatabaseError):
    """`action` is `read`, `write` or the statement's kind (`pragma`, `attach`, …); `table` is empty where there is none."""

    def __init__(self, principal: Principal, action: str, table: str) -> None:
        super().__init__(f"{principal} may not {action} {table}".rstrip())
        self.principal = principal
        self.action = action
        self.table = table


class ConstraintViolated(DatabaseError):
    pass


class IdempotencyKeyReused(DatabaseError):
    pass


class ReadOnly(DatabaseError):
    pass


class StatementRefused(DatabaseError):
    """`construct` is what was refused, short and printable: `PRAGMA`, `json_each(`, `FOR`."""

    def __init__(self, construct: str, sentence: str) -> None:
        super().__init__(f"{construct} {sentence}.")
        self.construct = construct


class StatementFailed(DatabaseError):
    pass


class TransactionLost(DatabaseError):
    pass


class UnitClosed(DatabaseError):
    pass


class DatabaseUnavailable(DatabaseError):
    pass


class OutcomeUnknown(DatabaseError):
    pass


class DiskFull(DatabaseUnavailable):
    pass
