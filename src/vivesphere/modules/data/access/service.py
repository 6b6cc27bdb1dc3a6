"""Who may touch which table: shown as the engine decides it, and changed by deciding grants."""

import msgspec

from vivesphere.kernel.bus.log import EventHistory
from vivesphere.kernel.cause import cause_for
from vivesphere.kernel.db.access import USER_PREFIX, AccessLevel, Granted, TableCatalog, TableDescription
from vivesphere.kernel.db.event_log import HistoryQuery, RecordedEvent
from vivesphere.kernel.db.granting import TableGrants
from vivesphere.kernel.db.grants import Decision, Grant, GrantQuery, Status
from vivesphere.kernel.db.kept_replies import IdempotencyKey
from vivesphere.kernel.events import TableAccessDenied
from vivesphere.kernel.http.paging import Page, decode_cursor, encode_cursor, page
from vivesphere.kernel.principals import Principal
from vivesphere.modules.data.access.schemas import AccessRefusal, GrantInput, TableAccess, TableGrant


class AccessService:
    """Whoever asks is the actor of the running cause, in its project: another project's tables are not there."""

    def __init__(self, principal: Principal, catalog: TableCatalog, grants: TableGrants, history: EventHistory) -> None:
        self._principal = principal
        self._catalog = catalog
        self._grants = grants
        self._history = history

    def list_access(self, cursor: str | None, limit: int, level: AccessLevel | None) -> Page[TableAccess]:
        """Tables by the name the database knows. Raises InvalidInput for a cursor of another list."""
        after = decode_cursor(cursor, str) or ""
        project = self._project()
        found = [
            table
            for table in self._catalog.describe()
            if table.name > after and table.project in (None, project) and level in (None, table.access_level)
        ]
        tables = page(found[: limit + 1], limit, lambda table: table.name)
        return Page([self._access(table) for table in tables.items], tables.next_cursor)

    def every_access(self, name: str | None) -> list[TableAccess]:
        """For the operator: tables of all projects, or those of one name."""
        found = [self._access(table) for table in self._catalog.describe()]
        return [table for table in found if name in (None, table.name, table.stored_as)]

    async def list_grants(self, cursor: str | None, limit: int, status: Status | None) -> Page[TableGrant]:
        """Newest first. Raises InvalidInput for a cursor of another list."""
        query = GrantQuery(project=self._project(), status=status, before=decode_cursor(cursor, str))
        found = await self._grants.listed(query, limit + 1)
        return page([_shown(grant) for grant in found], limit, lambda grant: grant.id)

    async def grant(self, asked: GrantInput, once: IdempotencyKey[Grant] | None) -> TableGrant:
        """Raises TableNotThere or GrantDecided."""
        granted = Granted(Principal(asked.grantee), asked.action, USER_PREFIX + asked.table)
        return _shown(await self._grants.grant(granted, self._project(), once))

    async def decide(self, grant_id: str, decision: Decision, once: IdempotencyKey[Grant] | None) -> TableGrant:
        """Raises GrantUnknown, TableNotThere or GrantDecided."""
        return _shown(await self._grants.decide(grant_id, decision, self._project(), once))

    async def list_refusals(self, cursor: str | None, limit: int) -> Page[AccessRefusal]:
        """Newest first, as far back as the event log goes. Raises InvalidInput for a cursor of another list."""
        query = HistoryQuery(pattern=TableAccessDenied.topic, project=self._project(), before=decode_cursor(cursor, int))
        found = await self._history.read(query, limit)
        following = None if found.next_before is None else encode_cursor(found.next_before)
        return Page([_refusal(event) for event in found.items], following)

    def _project(self) -> str:
        return cause_for(self._principal).project

    def _access(self, table: TableDescription) -> TableAccess:
        return TableAccess(
            name=table.name.removeprefix(USER_PREFIX) if table.access_level == "user" else table.name,
            stored_as=table.name,
            access_level=table.access_level,
            owner=table.owner,
            project=table.project,
            read=self._catalog.who("read", table.name),
            write=self._catalog.who("write", table.name),
        )


def _shown(grant: Grant) -> TableGrant:
    fields = msgspec.structs.asdict(grant)
    return TableGrant(**{**fields, "table": grant.table.removeprefix(USER_PREFIX)})


def _refusal(event: RecordedEvent) -> AccessRefusal:
    denied = msgspec.convert(event.payload, TableAccessDenied)
    return AccessRefusal(
        id=event.id,
        time=event.time,
        principal=Principal(denied.principal),
        action=denied.action,
        table=denied.table,
        sql=denied.sql,
        refused=denied.refused,
    )
