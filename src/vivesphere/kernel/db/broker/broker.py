"""The way of strangers' SQL to the database: through the gate, under their own names, within limits.

The engine decides what a statement may touch; what the gate refuses is told as clearly as what the engine does.
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from vivesphere.kernel import principals
from vivesphere.kernel.db.broker.gate import Gate
from vivesphere.kernel.db.broker.statement import Dialect, Statement
from vivesphere.kernel.db.broker.values import bound, fetched
from vivesphere.kernel.db.errors import AccessDenied, ConstraintViolated, ReadOnly, StatementRefused
from vivesphere.kernel.db.fingerprint import fingerprint
from vivesphere.kernel.db.handle import DatabaseHandle, Unit
from vivesphere.kernel.events import TableAccessDenied
from vivesphere.kernel.principals import Principal
from vivesphere.kernel.sql import Parameters, QueryLimits, Rows

STANDARD_LIMITS = QueryLimits()


class SqlHandle:
    """SQL under one principal's name, which is a plugin's or a person's."""

    __slots__ = ("_broker", "_db", "_prefix", "principal")

    def __init__(self, broker: "Broker", db: DatabaseHandle, prefix: str) -> None:
        self.principal = db.principal
        self._broker = broker
        self._db = db
        self._prefix = prefix

    async def query(self, text: str, parameters: Parameters = (), limits: QueryLimits = STANDARD_LIMITS) -> Rows:
        """What a SELECT gives, on one snapshot.

        Raises StatementRefused for what the gate takes from nobody, AccessDenied for what is not the principal's,
        StatementFailed for what is wrong, too large or too slow, ReadOnly for what changes rows, or DatabaseUnavailable.
        """
        return await self._db.read(self._read, text, parameters, limits)

    async def execute(self, text: str, parameters: Parameters = (), limits: QueryLimits = STANDARD_LIMITS) -> Rows:
        """Run a statement that changes rows, in a unit of work of its own; the rows are those of its RETURNING.

        Raises what `query` does, and ConstraintViolated.
        """
        gate = self._broker.gate
        if gate is not None and not gate.knows(text, self._prefix, self._broker.dialect):
            # Reading a text takes its time, and the writer has none for it: everybody waits there.
            await self._db.read(self._admitted, text)
        return await self._db.write(self._write, text, parameters, limits)

    async def run(self, text: str, parameters: Parameters = (), limits: QueryLimits = STANDARD_LIMITS) -> Rows:
        """Whichever of both the statement needs. Without a gate nobody knows, so it is run as one that changes rows."""
        if self._broker.gate is None or (await self._db.read(self._admitted, text)).writes:
            return await self.execute(text, parameters, limits)
        return await self.query(text, parameters, limits)

    def _read(self, tx: Unit, text: str, parameters: Parameters, limits: QueryLimits) -> Rows:
        statement = self._admitted(tx, text)
        if statement.writes:
            raise ReadOnly("the statement changes rows, and this only reads: use execute")
        return self._perform(tx, statement, parameters, limits)

    def _write(self, tx: Unit, text: str, parameters: Parameters, limits: QueryLimits) -> Rows:
        return self._perform(tx, self._admitted(tx, text), parameters, limits)

    def _admitted(self, tx: Unit, text: str) -> Statement:
        gate = self._broker.gate
        if gate is None:
            return Statement(text=text, writes=tx.writable)
        try:
            return gate.admit(text, self._prefix, self._broker.dialect)
        except StatementRefused as refusal:
            known_by = fingerprint(text[:LONGEST_REPORTED])
            tx.reports.append(
                TableAccessDenied(principal=self.principal, action="statement", table=refusal.construct, sql=known_by)
            )
            raise

    @staticmethod
    def _perform(tx: Unit, statement: Statement, parameters: Parameters, limits: QueryLimits) -> Rows:
        tx.hurry(limits.seconds)
        try:
            result = tx.execute(_Written(statement.text), bound(statement, parameters))
        except sa.exc.IntegrityError as error:
            raise ConstraintViolated(str(error.orig)) from error
        return fetched(result, limits, writes=statement.writes)


LONGEST_REPORTED = 100_000
"""Characters of a refused text that its fingerprint is taken of."""


class Broker:
    """Gives out handles. `handle` leads to the database, whose dialect is `dialect`. Without a gate (for tests of the engine) a
    text goes to the database as it is."""

    def __init__(self, handle: Callable[[Principal], DatabaseHandle], dialect: Dialect, gate: Gate | None) -> None:
        self.dialect = dialect
        self.gate = gate
        self._handle = handle

    def handle(self, principal: Principal) -> SqlHandle:
        """Raises AccessDenied for a principal that has no tables of its own to speak of: the core has its repositories."""
        return SqlHandle(self, self._handle(principal), _prefix(principal))


def _prefix(principal: Principal) -> str:
    """What the bare names of the principal's tables stand for."""
    match principals.kind(principal):
        case "plugin":
            return f"ext_{principals.name(principal)}__"
        case "user" | "apikey":
            return "data_"
        case _:
            raise AccessDenied(principal, "run SQL of its own", "")


class _Written(sa.Executable):
    """A text for the driver as it stands. SQLAlchemy's own `text` would look for parameters in it once more."""

    def __init__(self, text: str) -> None:
        self._text = text

    def _execute_on_connection(self, connection: sa.Connection, parameters: Any, options: Any) -> sa.CursorResult[Any]:
        """What SQLAlchemy calls on everything that is executed."""
        if not any(parameters):
            # The driver must not look for parameters in a text that has none.
            options = {**options, "no_parameters": True}
        return connection.exec_driver_sql(self._text, parameters[0] if any(parameters) else None, options)
