"""SQL of people on custom tables, under their own names."""

from collections.abc import Callable

from vivesphere.kernel.cause import cause_for
from vivesphere.kernel.db.broker.broker import SqlHandle
from vivesphere.kernel.db.errors import ConstraintViolated, ReadOnly, StatementFailed, StatementRefused
from vivesphere.kernel.principals import Principal
from vivesphere.modules.data.sql.errors import RowsContradict, StatementNotTaken, StatementWrong
from vivesphere.modules.data.sql.schemas import QueryInput, QueryResult
from vivesphere.modules.data.sql.settings import SqlSettings


class QueryService:
    """Whoever asks is the actor of the running cause; the engine knows which tables that is."""

    def __init__(self, principal: Principal, sql: Callable[[Principal], SqlHandle], settings: SqlSettings) -> None:
        self._principal = principal
        self._sql = sql
        self._settings = settings

    def change(self, settings: SqlSettings) -> None:
        """Other limits, from the next statement on."""
        self._settings = settings

    async def run(self, asked: QueryInput) -> QueryResult:
        """Raises StatementNotTaken, StatementWrong, RowsContradict, and AccessDenied for a table that is not the asker's."""
        speaker = self._sql(cause_for(self._principal).actor)
        try:
            rows = await speaker.run(asked.sql, asked.params, self._settings.limits(asked.limit))
        except StatementRefused as error:
            raise StatementNotTaken(str(error)) from error
        except (StatementFailed, ReadOnly) as error:
            raise StatementWrong(_sentence(error)) from error
        except ConstraintViolated as error:
            raise RowsContradict(_sentence(error)) from error
        return QueryResult(columns=rows.columns, rows=rows.rows, changed=rows.changed, truncated=rows.truncated)


def _sentence(error: Exception) -> str:
    told = str(error).strip().rstrip(".")
    return f"{told[:1].upper()}{told[1:]}."
