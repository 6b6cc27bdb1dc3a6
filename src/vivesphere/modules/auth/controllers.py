"""The HTTP edge of auth: users, set-up, and signing in by bearer token. Browsers' cookies are in `session_controllers.py`."""

from typing import Annotated, Any

from litestar import Controller, Request, Response, get, post
from litestar.params import Parameter

from vivesphere.kernel.http.authentication import public, requires, session_of, signed_in
from vivesphere.kernel.http.paging import DEFAULT_LIMIT, Page, PageCursor, PageLimit
from vivesphere.modules.auth.keyring import Keyring
from vivesphere.modules.auth.schemas import (
    Credentials,
    Ended,
    JsonWebKeys,
    PasswordChange,
    Project,
    Refresh,
    Setup,
    SignInListing,
    Status,
    Tokens,
    UserListing,
    Validated,
)
from vivesphere.modules.auth.service import AuthService
from vivesphere.modules.auth.session_service import Client, Issued, SessionService

Asked = Request[Any, Any, Any]
UserId = Annotated[str, Parameter(max_length=100, description="The id of a user, as the list has it.")]
SessionId = Annotated[str, Parameter(max_length=100, description="The id of a sign-in, as the list has it.")]

LONGEST_AGENT = 1000
KEYS_LAST = "public, max-age=300"


class AuthController(Controller):
    path = "/api/v1/auth"

    @get("/status", guards=[public], sync_to_thread=False)
    def status(self, auth: AuthService) -> Status:
        """Whether this server waits for its first user."""
        return auth.status()

    @post("/setup", guards=[public])
    async def set_up(self, auth: AuthService, request: Asked, data: Setup) -> Tokens:
        """Make the first user, who owns the server, and sign them in. Works once, with the link that the server printed."""
        return _tokens(await auth.set_up(data.token, data.username, data.password, client_of(request)))

    @post("/login", guards=[public], status_code=200)
    async def login(self, auth: AuthService, request: Asked, data: Credentials) -> Tokens:
        """Sign in. After some wrong passwords the next tries must wait, longer each time."""
        return _tokens(await auth.login(data.username, data.password, client_of(request)))

    @post("/refresh", guards=[public], status_code=200)
    async def refresh(self, sessions: SessionService, request: Asked, data: Refresh) -> Tokens:
        """Trade a refresh token for new tokens. Each one works once: one that comes back ends the whole sign-in.

        Only within some seconds of its use, and until the new one is used, it gives the same new one again, since an answer may
        have been lost.
        """
        return _tokens(await sessions.refresh(data.refresh_token, client_of(request)))

    @post("/logout", guards=[signed_in], status_code=204)
    async def logout(self, sessions: SessionService, request: Asked, data: Refresh) -> None:
        """Sign out. The access tokens of this sign-in are refused at once."""
        await sessions.logout(session_of(request), data.refresh_token)

    @get("/validate", guards=[requires("auth.session.read")], sync_to_thread=False)
    def validate(self, auth: AuthService, request: Asked) -> Validated:
        """Who the access token speaks for, and what they may do."""
        return auth.validate(session_of(request))

    @post("/password", guards=[signed_in], status_code=204)
    async def change_password(self, auth: AuthService, request: Asked, data: PasswordChange) -> None:
        """Change your own password. All your other sign-ins end."""
        session = session_of(request)
        await auth.change_own_password(session, data.current_password, data.new_password, client_of(request).address)


class UserController(Controller):
    path = "/api/v1/auth/users"

    @get(guards=[requires("auth.user.read")])
    async def list_users(
        self, auth: AuthService, limit: PageLimit = DEFAULT_LIMIT, cursor: PageCursor = None
    ) -> Page[UserListing]:
        """Everybody who may sign in, the oldest first."""
        return await auth.list_users(cursor, limit)

    @get("/{user_id:str}/sessions", guards=[requires("auth.user_session.read")])
    async def list_user_sessions(
        self,
        *,
        auth: AuthService,
        sessions: SessionService,
        request: Asked,
        user_id: UserId,
        limit: PageLimit = DEFAULT_LIMIT,
        cursor: PageCursor = None,
    ) -> Page[SignInListing]:
        """Where somebody is signed in, the newest first."""
        await auth.check_user(user_id)
        return await sessions.list_sign_ins(user_id, cursor, limit, current=session_of(request).id)

    @post("/{user_id:str}/sessions/revoke", guards=[requires("auth.user_session.revoke")], status_code=200)
    async def revoke_user_sessions(self, auth: AuthService, sessions: SessionService, user_id: UserId) -> Ended:
        """Sign somebody out everywhere. Their access tokens are refused at once."""
        await auth.check_user(user_id)
        return Ended(await sessions.revoke_all(user_id))

    @post("/{user_id:str}/sessions/{session_id:str}/revoke", guards=[requires("auth.user_session.revoke")], status_code=204)
    async def revoke_user_session(self, sessions: SessionService, user_id: UserId, session_id: SessionId) -> None:
        """End one sign-in of somebody. Its access tokens are refused at once."""
        await sessions.revoke(user_id, session_id)


class ProjectController(Controller):
    path = "/api/v1/projects"

    @get(guards=[requires("auth.project.read")])
    async def list_projects(
        self, auth: AuthService, limit: PageLimit = DEFAULT_LIMIT, cursor: PageCursor = None
    ) -> Page[Project]:
        """Every project."""
        return await auth.list_projects(cursor, limit)


@get("/.well-known/jwks.json", guards=[public], sync_to_thread=False)
def web_keys(keyring: Keyring) -> Response[JsonWebKeys]:
    """The public keys that verify our access tokens (RFC 7517).

    For programs that are handed one and want to know whose it is: the token's `kid` names the key, its `iss` is `vivesphere`,
    its `aud` is `vivesphere-api`. That a sign-in was ended before its tokens expire only this server knows.
    """
    return Response(JsonWebKeys(keys=keyring.public()), headers={"Cache-Control": KEYS_LAST})


def client_of(request: Asked, *, browser: bool = False) -> Client:
    address = request.client.host if request.client else ""
    return Client(address=address[:64], agent=request.headers.get("user-agent", "")[:LONGEST_AGENT], browser=browser)


def _tokens(issued: Issued) -> Tokens:
    return Tokens(access_token=issued.access_token, expires_in=issued.access_lasts, refresh_token=issued.refresh_token)
