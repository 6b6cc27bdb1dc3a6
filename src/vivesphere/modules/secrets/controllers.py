"""Secrets over HTTP: what there is, never what it says."""

from litestar import Controller, get

from vivesphere.kernel.http.authentication import requires
from vivesphere.kernel.http.paging import DEFAULT_LIMIT, Page, PageCursor, PageLimit
from vivesphere.modules.secrets.schemas import Secret
from vivesphere.modules.secrets.service import SecretService


class SecretController(Controller):
    path = "/api/v1/secrets"

    @get(guards=[requires("secrets.secret.read")])
    async def list_secrets(
        self, secrets: SecretService, limit: PageLimit = DEFAULT_LIMIT, cursor: PageCursor = None
    ) -> Page[Secret]:
        """Every secret of the project, oldest first, without its value."""
        return await secrets.list_secrets(cursor, limit)
