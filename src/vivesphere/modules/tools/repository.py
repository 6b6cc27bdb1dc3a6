"""Every query of this module."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa

from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.db.schema import table_of
from vivesphere.modules.tools.models import ExecutionRow
from vivesphere.modules.tools.schemas import Execution

_executions = table_of(ExecutionRow)
_COLUMNS = [_executions.c[field] for field in Execution.__struct_fields__]

_INSERT = sa.insert(_executions)
_FORGET = sa.delete(_executions).where(_executions.c.at < sa.bindparam("before", type_=_executions.c.at.type))
_OF_TOOL = (
    sa.select(*_COLUMNS)
    .where(
        _executions.c.project == sa.bindparam("project"),
        _executions.c.tool == sa.bindparam("tool"),
        _executions.c.id < sa.bindparam("before"),
    )
    .order_by(_executions.c.id.desc())
    .limit(sa.bindparam("limit"))
)


def insert_executions(tx: Unit, executions: Sequence[Execution]) -> None:
    tx.execute(_INSERT, [msgspec.structs.asdict(each) for each in executions])


def forget_executions(tx: Unit, before: datetime) -> int:
    return tx.execute(_FORGET, {"before": before}).rowcount


def executions_of(tx: Unit, project: str, tool: str, before: str, limit: int) -> list[Execution]:
    """Newest first, older than the execution `before`."""
    found = tx.execute(_OF_TOOL, {"project": project, "tool": tool, "before": before, "limit": limit})
    return [Execution(**row._mapping) for row in found]
