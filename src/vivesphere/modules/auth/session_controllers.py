"""The HTTP edge of sign-ins: those of a browser, whose tokens are in cookies, and the list of one's own."""

from typing import Any

from litestar import Controller, Response, get, post

from vivesphere.kernel.http.authentication import public, session_of, signed_in
from vivesphere.kernel.http.browsers import CSRF, REFRESH, Browsers, SignInCookies
from vivesphere.kernel.http.paging import DEFAULT_LIMIT, Page, PageCursor, PageLimit
from vivesphere.kernel.principals import name
from vivesphere.modules.auth.controllers import Asked, SessionId, client_of
from vivesphere.modules.auth.errors import TokenRefused
from vivesphere.modules.auth.schemas import BrowserSignIn, Credentials, Ended, Setup, SignInListing
from vivesphere.modules.auth.service import AuthService
from vivesphere.modules.auth.session_service import Issued, SessionService


class BrowserController(Controller):
    """Only our own pages may ask here: each route looks at the Origin itself, since its door is open."""

    path = "/api/v1/auth/browser"

    @post("/setup", guards=[public])
    async def set_up_in_browser(
        self, auth: AuthService, browsers: Browsers, request: Asked, data: Setup
    ) -> Response[BrowserSignIn]:
        """Make the first user, who owns the server, and sign them in by cookie. Works once, with the server's link."""
        browsers.check_origin(request.scope)
        issued = await auth.set_up(data.token, data.username, data.password, client_of(request, browser=True))
        return _given(browsers, request, issued)

    @post("/login", guards=[public], status_code=200)
    async def log_in_browser(
        self, auth: AuthService, sessions: SessionService, browsers: Browsers, request: Asked, data: Credentials
    ) -> Response[BrowserSignIn]:
        """Sign in by cookie. The sign-in that the cookies were of ends; no session of before becomes this one."""
        browsers.check_origin(request.scope)
        issued = await auth.login(data.username, data.password, client_of(request, browser=True))
        await sessions.forget_browser(*_held(browsers, request))
        return _given(browsers, request, issued)

    @post("/refresh", guards=[public], status_code=200)
    async def refresh_browser(self, sessions: SessionService, browsers: Browsers, request: Asked) -> Response[BrowserSignIn]:
        """New tokens for the refresh token in the cookie. Needs the header `X-CSRF-Token`."""
        token, csrf = _asked_with(browsers, request)
        if not token:
            raise TokenRefused("This browser is not signed in.")
        return _given(browsers, request, await sessions.refresh(token, client_of(request, browser=True), csrf))

    @post("/logout", guards=[public], status_code=204)
    async def log_out_browser(self, sessions: SessionService, browsers: Browsers, request: Asked) -> Response[None]:
        """Sign out, also when the access token is over already. Needs the header `X-CSRF-Token`."""
        await sessions.forget_browser(*_asked_with(browsers, request))
        return Response(None, status_code=204, cookies=browsers.forget(request.scope))


class SessionController(Controller):
    path = "/api/v1/auth/sessions"

    @get(guards=[signed_in])
    async def list_sessions(
        self, sessions: SessionService, request: Asked, limit: PageLimit = DEFAULT_LIMIT, cursor: PageCursor = None
    ) -> Page[SignInListing]:
        """Where you are signed in, the newest first."""
        session = session_of(request)
        return await sessions.list_sign_ins(name(session.principal), cursor, limit, current=session.id)

    @post("/revoke-others", guards=[signed_in], status_code=200)
    async def revoke_other_sessions(self, sessions: SessionService, request: Asked) -> Ended:
        """End all your sign-ins but this one. Their access tokens are refused at once."""
        session = session_of(request)
        return Ended(await sessions.revoke_all(name(session.principal), keep=session.id))

    @post("/{session_id:str}/revoke", guards=[signed_in], status_code=204)
    async def revoke_session(self, sessions: SessionService, request: Asked, session_id: SessionId) -> None:
        """End one of your sign-ins. Its access tokens are refused at once."""
        await sessions.revoke(name(session_of(request).principal), session_id)


def _held(browsers: Browsers, request: Asked) -> tuple[str, str]:
    """The refresh token and the CSRF token in the cookies; empty where there is none."""
    return browsers.cookie(request.scope, REFRESH) or "", browsers.cookie(request.scope, CSRF) or ""


def _asked_with(browsers: Browsers, request: Asked) -> tuple[str, str]:
    """The same, of a request of our own page. Raises CrossSite."""
    browsers.check_origin(request.scope)
    token, csrf = _held(browsers, request)
    if token:
        browsers.check_csrf(request.scope, csrf)
    return token, csrf


def _given(browsers: Browsers, request: Asked, issued: Issued) -> Response[Any]:
    cookies = SignInCookies(
        access=issued.access_token,
        access_lasts=issued.access_lasts,
        refresh=issued.refresh_token,
        refresh_lasts=issued.refresh_lasts,
        csrf=issued.csrf,
    )
    body = BrowserSignIn(expires_in=issued.access_lasts, csrf_token=issued.csrf)
    return Response(body, cookies=browsers.keep(request.scope, cookies))
