"""SQL over HTTP."""

from litestar import Controller, post

from vivesphere.kernel.http.authentication import requires
from vivesphere.modules.data.sql.schemas import QueryInput, QueryResult
from vivesphere.modules.data.sql.service import QueryService


class QueryController(Controller):
    path = "/api/v1/data/query"

    @post(status_code=200, guards=[requires("data.sql.run")])
    async def run_query(self, data: QueryInput, queries: QueryService) -> QueryResult:
        """Run one statement on custom tables, with the rights of whoever asks."""
        return await queries.run(data)
