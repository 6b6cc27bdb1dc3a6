"""The HTTP edge of auth."""

from typing import Any

from litestar import Controller, Request, get, post

from vivesphere.kernel.http.authentication import public, requires, session_of, signed_in
from vivesphere.kernel.http.paging import DEFAULT_LIMIT, Page, PageCursor, PageLimit
from vivesphere.modules.auth.schemas import Credentials, Project, Refresh, Setup, Status, Tokens, Validated
from vivesphere.modules.auth.service import AuthService

Asked = Request[Any, Any, Any]


class AuthController(Controller):
    path = "/api/v1/auth"

    @get("/status", guards=[public], sync_to_thread=False)
    def status(self, auth: AuthService) -> Status:
        """Whether this server waits for its first user."""
        return auth.status()

    @post("/setup", guards=[public])
    async def set_up(self, auth: AuthService, request: Asked, data: Setup) -> Tokens:
        """Make the first user, who owns the server, and sign them in. Works once, with the link that the server printed."""
        return await auth.set_up(data.token, data.username, data.password, _address(request))

    @post("/login", guards=[public], status_code=200)
    async def login(self, auth: AuthService, request: Asked, data: Credentials) -> Tokens:
        """Sign in. After some wrong passwords the next tries must wait, longer each time."""
        return await auth.login(data.username, data.password, _address(request))

    @post("/refresh", guards=[public], status_code=200)
    async def refresh(self, auth: AuthService, data: Refresh) -> Tokens:
        """Trade a refresh token for new tokens. Each one works once: one that comes back ends the whole sign-in."""
        return await auth.refresh(data.refresh_token)

    @post("/logout", guards=[signed_in], status_code=204)
    async def logout(self, auth: AuthService, request: Asked, data: Refresh) -> None:
        """Sign out. The access tokens of this sign-in are refused at once."""
        await auth.logout(session_of(request), data.refresh_token)

    @get("/validate", guards=[requires("auth.session.read")], sync_to_thread=False)
    def validate(self, auth: AuthService, request: Asked) -> Validated:
        """Who the access token speaks for, and what they may do."""
        return auth.validate(session_of(request))


class ProjectController(Controller):
    path = "/api/v1/projects"

    @get(guards=[requires("auth.project.read")])
    async def list_projects(
        self, auth: AuthService, limit: PageLimit = DEFAULT_LIMIT, cursor: PageCursor = None
    ) -> Page[Project]:
        """Every project."""
        return await auth.list_projects(cursor, limit)


def _address(request: Asked) -> str:
    return request.client.host if request.client else ""
