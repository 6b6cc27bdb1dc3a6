"""Rules over `tx`: the log of executions."""

from collections.abc import Sequence
from datetime import timedelta

from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.ids import AFTER_EVERY_ID
from vivesphere.modules.tools import repository
from vivesphere.modules.tools.schemas import Execution


def record_executions(tx: Unit, executions: Sequence[Execution]) -> None:
    repository.insert_executions(tx, executions)


def forget_executions(tx: Unit, older_than: timedelta) -> int:
    """How many were forgotten."""
    return repository.forget_executions(tx, tx.now() - older_than)


def executions_of(tx: Unit, project: str, tool: str, before: str | None, limit: int) -> list[Execution]:
    return repository.executions_of(tx, project, tool, before or AFTER_EVERY_ID, limit)
