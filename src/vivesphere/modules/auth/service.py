"""Signing in and out, the first user, and the permissions everybody holds."""

import hmac
import unicodedata
from collections import defaultdict
from datetime import timedelta

from vivesphere.kernel import principals, release
from vivesphere.kernel.cause import DEFAULT_PROJECT
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.kernel.errors import FieldError
from vivesphere.kernel.http.authentication import Session
from vivesphere.kernel.http.paging import Page, decode_cursor, page
from vivesphere.kernel.ids import new_id
from vivesphere.kernel.permissions import Patterns, Permissions, PermissionSnapshot
from vivesphere.kernel.principals import Principal
from vivesphere.modules.auth import rules
from vivesphere.modules.auth.errors import (
    CredentialsWrong,
    RoleUnknown,
    SetupDone,
    SetupRefused,
    TokenRefused,
    UsernameRefused,
    UserUnknown,
)
from vivesphere.modules.auth.keyring import Keyring
from vivesphere.modules.auth.lockout import Lockout
from vivesphere.modules.auth.passwords import Passwords
from vivesphere.modules.auth.repository import UserRecord
from vivesphere.modules.auth.roles import CHAT, OWNER, ROLES, highest
from vivesphere.modules.auth.schemas import Project, Status, Tokens, User, Validated
from vivesphere.modules.auth.settings import AuthSettings
from vivesphere.modules.auth.tokens import AccessTokens, digest_of, new_opaque_token

LONGEST_USERNAME = 64
PRUNED_EVERY = 6 * 3600.0


class AuthService:
    """Also the server's Authenticator. `start` must have run before anything else is asked."""

    def __init__(
        self, db: DatabaseHandle, permissions: Permissions, clock: Clock, settings: AuthSettings, keyring: Keyring
    ) -> None:
        self._db = db
        self._permissions = permissions
        self._clock = clock
        self._keyring = keyring
        self._passwords = Passwords(settings)
        self._lockout = Lockout(settings.free_attempts, clock)
        self._access = AccessTokens(clock, timedelta(minutes=settings.access_minutes))
        self._refresh_lasts = timedelta(days=settings.refresh_days)
        self._roles: dict[Principal, set[str]] = {}
        self._setup_required = False
        self._setup_digest = ""

    async def start(self, admin_password: str | None) -> None:
        """Load what is kept. `admin_password` makes the user `admin` if there is no user. Raises PasswordRefused."""
        await self._db.write(rules.furnish)
        self._access.sign_with(await self._keyring.key())
        self._access.revoke(await self._db.read(rules.revoked_since, self._clock.now() - self._access.lasts))
        self._setup_required = not await self._db.read(rules.has_users)
        await self._install()
        if self._setup_required and admin_password is not None:
            await self._add_first("admin", admin_password)

    async def authenticate(self, token: str) -> Session:
        """The session behind an access token. Raises TokenRefused."""
        return self._access.verify(token)

    def status(self) -> Status:
        return Status(setup_required=self._setup_required, version=release.version())

    def setup_link(self) -> str | None:
        """A new one-time link's path, which makes the one before it worthless; None once there is a user."""
        if not self._setup_required:
            return None
        token = new_opaque_token()
        self._setup_digest = digest_of(token)
        return f"/setup?token={token}"

    async def set_up(self, token: str, username: str, password: str, address: str) -> Tokens:
        """Make the first user, the owner, and sign them in. Raises SetupDone, SetupRefused or what `add_user` raises."""
        if not self._setup_required:
            raise SetupDone("This server is set up already; sign in instead.")
        if not hmac.compare_digest(digest_of(token), self._setup_digest):
            raise SetupRefused("This set-up link is not valid (any more); take the one the server printed last.")
        user = await self._add_first(username, password)
        return await self._begin(user, address)

    async def login(self, username: str, password: str, address: str) -> Tokens:
        """Raises CredentialsWrong, or TooManyRequests after some wrong passwords."""
        name = name_key(username)
        self._lockout.begin(name, address)
        user = await self._db.read(rules.find_user, name)
        fits = await self._passwords.verify(password, user.password_hash if user else None)
        if user is None or not fits:
            await self._db.write(rules.login_failed, username[:LONGEST_USERNAME], address)
            raise CredentialsWrong
        self._lockout.succeeded(name, address)
        if self._passwords.outdated(user.password_hash):
            await self._db.write(rules.renew_hash, user.id, await self._passwords.renew(password))
        return await self._begin(user, address)

    async def refresh(self, refresh_token: str) -> Tokens:
        """New tokens for a refresh token, which is then used up. Raises TokenRefused; one that comes again ends the sign-in."""
        renewed = new_opaque_token()
        rotation = await self._db.write(rules.rotate, digest_of(refresh_token), digest_of(renewed), self._refresh_lasts)
        sign_in = rotation.sign_in
        if sign_in is None:
            raise TokenRefused("The refresh token is unknown or has expired; sign in again.")
        if rotation.reused:
            self._access.revoke({sign_in.session_id})
            raise TokenRefused("This refresh token was used before, so the whole sign-in was ended; sign in again.")
        return self._tokens(sign_in.user_id, sign_in.username, sign_in.session_id, renewed)

    async def logout(self, session: Session, refresh_token: str) -> None:
        """End the session, and the one the refresh token belongs to. Their access tokens are refused from now on."""
        user_id = principals.name(session.principal)
        ended = await self._db.write(rules.end_sessions, user_id, session.id, digest_of(refresh_token))
        self._access.revoke(ended)

    def validate(self, session: Session) -> Validated:
        """Who the session is and what they may do in the project."""
        role = highest(self._roles.get(session.principal, set()))
        return Validated(
            user=User(id=principals.name(session.principal), username=session.username, role=role),
            permissions=sorted(self._permissions.held(session.principal, DEFAULT_PROJECT)),
            expires_at=session.expires_at,
        )

    async def add_user(self, username: str, password: str, role: str) -> UserRecord:
        """Raises UsernameRefused, PasswordRefused, RoleUnknown or UsernameTaken."""
        return await self._add(username, password, role, first=False)

    async def change_password(self, username: str, password: str) -> None:
        """Ends every sign-in of that user. Raises UserUnknown or PasswordRefused."""
        user = await self._db.read(rules.find_user, name_key(username))
        if user is None:
            raise UserUnknown(f"There is no user {username[:LONGEST_USERNAME]!r}.")
        hashed = await self._passwords.hash(password)
        self._access.revoke(set(await self._db.write(rules.change_password, user.id, hashed)))

    async def list_projects(self, cursor: str | None, limit: int) -> Page[Project]:
        found = await self._db.read(rules.list_projects, decode_cursor(cursor, str) or "", limit + 1)
        return page(found, limit, lambda project: project.id)

    async def prune(self) -> None:
        """A job: deletes sign-ins that are over, from time to time."""
        while True:
            await self._clock.sleep(PRUNED_EVERY)
            await self._db.write(rules.prune)

    async def _add_first(self, username: str, password: str) -> UserRecord:
        user = await self._add(username, password, OWNER, first=True)
        self._setup_digest = ""
        return user

    async def _add(self, username: str, password: str, role: str, *, first: bool) -> UserRecord:
        name = check_username(username)
        if role not in ROLES:
            raise RoleUnknown(f"There is no role {role[:40]!r}; there are {', '.join(ROLES)}.")
        user = UserRecord(
            id=new_id(),
            username=name,
            username_key=name_key(name),
            password_hash=await self._passwords.hash(password),
            created_at=self._clock.now(),
        )
        await self._db.write(rules.add_user, user, role, first=first)
        self._setup_required = False
        await self._install()
        return user

    async def _begin(self, user: UserRecord, address: str) -> Tokens:
        session_id, refresh_token = new_id(), new_opaque_token()
        digest = digest_of(refresh_token)
        await self._db.write(rules.begin_session, session_id, user.id, digest, lasts=self._refresh_lasts, address=address)
        return self._tokens(user.id, user.username, session_id, refresh_token)

    def _tokens(self, user_id: str, username: str, session_id: str, refresh_token: str) -> Tokens:
        return Tokens(
            access_token=self._access.issue(user_id, username, session_id),
            expires_in=int(self._access.lasts.total_seconds()),
            refresh_token=refresh_token,
        )

    async def _install(self) -> None:
        """Put everybody's permissions in force. Called before a change is answered, so that the answer is already true."""
        grants: dict[Principal, dict[str, Patterns]] = defaultdict(dict)
        roles: dict[Principal, set[str]] = defaultdict(set)
        for each in await self._db.read(rules.memberships):
            principal = principals.user(each.user_id)
            grants[principal][each.project] = ROLES.get(each.role, frozenset())
            roles[principal].add(each.role)
        self._roles = roles
        self._permissions.install(PermissionSnapshot(grants=grants, members=CHAT, bots=CHAT))


def name_key(username: str) -> str:
    """What a user is found by: whatever the case, and however the letters were composed."""
    return unicodedata.normalize("NFKC", username).casefold()[:200]


def check_username(username: str) -> str:
    """The name as it is kept. Raises UsernameRefused, saying why."""
    name = unicodedata.normalize("NFKC", username)
    if 0 < len(name) <= LONGEST_USERNAME and name.isprintable() and not any(letter.isspace() for letter in name):
        return name
    detail = f"must have 1 to {LONGEST_USERNAME} visible characters and no spaces"
    raise UsernameRefused(f"The user name {detail}.", [FieldError("/username", detail)])
