"""The HTTP edge of table access: who may touch what, grants, and what was refused."""

from typing import Annotated

from litestar import Controller, get, post
from litestar.params import Parameter, QueryParameter

from vivesphere.kernel.db.access import AccessLevel
from vivesphere.kernel.db.grants import Grant, Status
from vivesphere.kernel.http.authentication import requires
from vivesphere.kernel.http.idempotency import Asking
from vivesphere.kernel.http.paging import DEFAULT_LIMIT, Page, PageCursor, PageLimit
from vivesphere.modules.data.access.schemas import AccessRefusal, GrantInput, TableAccess, TableGrant
from vivesphere.modules.data.access.service import AccessService

GrantId = Annotated[str, Parameter(max_length=100, description="The id of a grant, as the list has it.")]
Level = Annotated[AccessLevel | None, QueryParameter(description="Only tables of this level.")]
OfStatus = Annotated[Status | None, QueryParameter(description="Only grants that stand like this.")]


class AccessController(Controller):
    path = "/api/v1/data/access"

    @get(guards=[requires("data.access.read")], sync_to_thread=False)
    def list_access(
        self,
        table_access: AccessService,
        level: Level = None,
        limit: PageLimit = DEFAULT_LIMIT,
        cursor: PageCursor = None,
    ) -> Page[TableAccess]:
        """Every table of the server and of your project, and who may read and write it, and why."""
        return table_access.list_access(cursor, limit, level)

    @get("/grants", guards=[requires("data.access.read")])
    async def list_grants(
        self,
        table_access: AccessService,
        status: OfStatus = None,
        limit: PageLimit = DEFAULT_LIMIT,
        cursor: PageCursor = None,
    ) -> Page[TableGrant]:
        """What plugins asked for and what was decided, newest first: of your project's tables, and of those nobody made yet."""
        return await table_access.list_grants(cursor, limit, status)

    @post("/grants", guards=[requires("data.access.approve")])
    async def grant_access(self, table_access: AccessService, data: GrantInput, asking: Asking) -> TableGrant:
        """Let a plugin read or write a table that people made, from now on, whether it asked or not."""
        return await table_access.grant(data, asking.once(Grant))

    @post("/grants/{grant_id:str}/approve", guards=[requires("data.access.approve")], status_code=200)
    async def approve_grant(self, table_access: AccessService, grant_id: GrantId, asking: Asking) -> TableGrant:
        """Give what was asked for, from now on; also what was refused or taken back before."""
        return await table_access.decide(grant_id, "approved", asking.once(Grant))

    @post("/grants/{grant_id:str}/revoke", guards=[requires("data.access.approve")], status_code=200)
    async def revoke_grant(self, table_access: AccessService, grant_id: GrantId, asking: Asking) -> TableGrant:
        """Refuse what was asked for, or take back what was given: the plugin's next statement fails."""
        return await table_access.decide(grant_id, "revoked", asking.once(Grant))

    @get("/refusals", guards=[requires("data.access.read")])
    async def list_refusals(
        self, table_access: AccessService, limit: PageLimit = DEFAULT_LIMIT, cursor: PageCursor = None
    ) -> Page[AccessRefusal]:
        """What the database refused, newest first."""
        return await table_access.list_refusals(cursor, limit)
