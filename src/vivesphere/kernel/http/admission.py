"""The door: signs each request in, checks what its route requires, and lets the handler run under the caller's cause."""

import time

import msgspec
import structlog
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from vivesphere.kernel import principals
from vivesphere.kernel.cause import DEFAULT_PROJECT, Cause, acting_under
from vivesphere.kernel.errors import NotSignedIn, PermissionMissing, Refusal
from vivesphere.kernel.http.authentication import (
    SESSION_KEY,
    SIGN_IN_FIRST,
    TOKEN_KEY,
    Authenticator,
    Public,
    Requirement,
    Session,
    offered_protocols,
    token_in,
)
from vivesphere.kernel.http.browsers import ACCESS, Browsers
from vivesphere.kernel.http.identity import request_id
from vivesphere.kernel.http.problems import as_refusal
from vivesphere.kernel.http.rate_limit import AnonymousLimit
from vivesphere.kernel.http.sockets import Handshake
from vivesphere.kernel.permissions import Permissions
from vivesphere.kernel.principals import SYSTEM, Principal

BEGAN_KEY = "vivesphere.began"
QUOTA_KEY = "vivesphere.quota"
MODULE_OPT = "module"
COUNTED = "/api/"

log = structlog.get_logger("vivesphere.http")


class Rule(msgspec.Struct, frozen=True):
    """What a route asks for, and whose it is. `permissions` is None where everybody may come in."""

    permissions: tuple[str, ...] | None
    source: Principal


class Nobody:
    """Stands in where no module can tell whose token it is: nobody is ever signed in."""

    async def authenticate(self, _token: str) -> Session:
        raise NotSignedIn("This server has no sign-in.")


def rule_of(handler: BaseRouteHandler) -> Rule | None:
    """The rule that a handler's guards state; None if they state none."""
    guards = [guard for layer in handler.ownership_layers for guard in (layer.guards or ())]
    required = tuple(guard.permission for guard in guards if isinstance(guard, Requirement))
    if not required and not any(isinstance(guard, Public) for guard in guards):
        return None
    name = handler.opt.get(MODULE_OPT)
    return Rule(required or None, principals.module(name) if name else SYSTEM)


class Admission(ASGIMiddleware):
    """Runs before guards and handler, and around them."""

    scopes = (ScopeType.HTTP, ScopeType.WEBSOCKET)

    def __init__(
        self, authenticator: Authenticator, permissions: Permissions, limit: AnonymousLimit, browsers: Browsers
    ) -> None:
        self._authenticator = authenticator
        self._browsers = browsers
        self._permissions = permissions
        self._limit = limit
        self._rules: dict[BaseRouteHandler, Rule] = {}

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Refusals on HTTP are raised for `problems.answer`; a WebSocket is closed with 4000 + the status."""
        if scope["type"] == ScopeType.HTTP:
            await self._run(scope, receive, send, next_app)
            return
        handshake = Handshake(scope, receive, send)
        try:
            await self._run(scope, handshake.receive, handshake.send, next_app)
            error = handshake.error
        except Refusal as refused:
            error = refused
        if error is None or handshake.ends_with(error):
            return
        refusal = as_refusal("GET", scope["path"], error)
        if not isinstance(refusal, Refusal):
            log.error("websocket_failed", path=scope["path"], request_id=request_id(scope), exc_info=error)
        await handshake.refuse(refusal)

    async def _run(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        scope["state"][BEGAN_KEY] = time.perf_counter()
        rule = self._rule(scope["route_handler"])
        session = await self._admit(scope, rule)
        if session is None:
            await next_app(scope, receive, send)
            return
        scope["state"][SESSION_KEY] = session
        with acting_under(Cause(source=rule.source, actor=session.principal, correlation_id=request_id(scope))):
            await next_app(scope, receive, send)

    async def _admit(self, scope: Scope, rule: Rule) -> Session | None:
        if rule.permissions is None:
            if scope["path"].startswith(COUNTED):
                self._count(scope)
            return None
        try:
            session = await self._sign_in(scope)
        except NotSignedIn:
            self._count(scope)
            raise
        for permission in rule.permissions:
            if not self._permissions.allows(session.principal, permission, DEFAULT_PROJECT):
                raise PermissionMissing(f"This needs the permission {permission}, which {session.username} does not have.")
        return session

    async def _sign_in(self, scope: Scope) -> Session:
        """By the token in the header or subprotocol; without one by the cookie, if one of our own pages asks."""
        token = token_in(scope["headers"], offered_protocols(scope))
        by_cookie = token is None and not _has_authorization(scope)
        if by_cookie:
            token = self._browsers.cookie(scope, ACCESS)
        if token is None:
            raise NotSignedIn(SIGN_IN_FIRST)
        session = await self._authenticator.authenticate(token)
        if by_cookie:
            self._browsers.check(scope, session.csrf)
        scope["state"][TOKEN_KEY] = token
        return session

    def _count(self, scope: Scope) -> None:
        client = scope.get("client")
        quota, refusal = self._limit.take(client[0] if client else "")
        scope["state"][QUOTA_KEY] = quota
        if refusal is not None:
            raise refusal

    def _rule(self, handler: BaseRouteHandler) -> Rule:
        known = self._rules.get(handler)
        if known is None:
            # `build_http` refuses handlers without a rule; what is left is Litestar's own answer to OPTIONS.
            known = self._rules[handler] = rule_of(handler) or Rule(None, SYSTEM)
        return known


def _has_authorization(scope: Scope) -> bool:
    """Whoever sends the header means it: a cookie beside one that is no bearer token signs nobody in."""
    return any(name == b"authorization" for name, _ in scope["headers"])
