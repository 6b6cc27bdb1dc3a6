"""Users and their passwords, the first user, signing in, and the permissions everybody holds."""

import contextlib
import hmac
import unicodedata
from collections import defaultdict

from vivesphere.kernel import principals, release
from vivesphere.kernel.cause import DEFAULT_PROJECT
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.kernel.errors import FieldError, TooManyRequests
from vivesphere.kernel.http.authentication import Session
from vivesphere.kernel.http.paging import Page, decode_cursor, page
from vivesphere.kernel.ids import new_id
from vivesphere.kernel.permissions import Patterns, Permissions, PermissionSnapshot
from vivesphere.kernel.principals import Principal
from vivesphere.modules.auth import rules
from vivesphere.modules.auth.errors import (
    CredentialsWrong,
    CurrentPasswordWrong,
    RoleUnknown,
    SetupDone,
    SetupRefused,
    UsernameRefused,
    UserUnknown,
)
from vivesphere.modules.auth.lockout import Lockout
from vivesphere.modules.auth.passwords import Passwords
from vivesphere.modules.auth.repository import UserRecord
from vivesphere.modules.auth.roles import CHAT, OWNER, ROLES, highest
from vivesphere.modules.auth.schemas import Project, Status, User, UserListing, Validated
from vivesphere.modules.auth.session_service import Client, Issued, SessionService
from vivesphere.modules.auth.settings import AuthSettings
from vivesphere.modules.auth.tokens import digest_of, new_opaque_token

LONGEST_USERNAME = 64


class AuthService:
    """`start` must have run before anything else is asked."""

    def __init__(
        self,
        db: DatabaseHandle,
        permissions: Permissions,
        clock: Clock,
        settings: AuthSettings,
        sessions: SessionService,
    ) -> None:
        self._db = db
        self._permissions = permissions
        self._clock = clock
        self._sessions = sessions
        self._passwords = Passwords(settings)
        self._lockout = Lockout(settings, clock)
        self._roles: dict[Principal, set[str]] = {}
        self._setup_required = False
        self._setup_digest = ""

    async def start(self, admin_password: str | None) -> None:
        """Load what is kept. `admin_password` makes the user `admin` if there is no user. Raises PasswordRefused."""
        await self._db.write(rules.furnish)
        self._setup_required = not await self._db.read(rules.has_users)
        await self._install()
        if self._setup_required and admin_password is not None:
            await self._add_first("admin", admin_password)

    async def stop(self) -> None:
        self._passwords.close()

    def status(self) -> Status:
        return Status(setup_required=self._setup_required, version=release.version())

    def setup_link(self) -> str | None:
        """A new one-time link's path, which makes the one before it worthless; None once there is a user."""
        if not self._setup_required:
            return None
        token = new_opaque_token()
        self._setup_digest = digest_of(token)
        return f"/setup?token={token}"

    async def set_up(self, token: str, username: str, password: str, client: Client) -> Issued:
        """Make the first user, the owner, and sign them in. Raises SetupDone, SetupRefused or what `add_user` raises."""
        if not self._setup_required:
            raise SetupDone("This server is set up already; sign in instead.")
        if not hmac.compare_digest(digest_of(token), self._setup_digest):
            raise SetupRefused("This set-up link is not valid (any more); take the one the server printed last.")
        user = await self._add_first(username, password)
        return await self._sessions.begin(user, client)

    async def login(self, username: str, password: str, client: Client) -> Issued:
        """Raises CredentialsWrong, or TooManyRequests after some wrong passwords."""
        user = await self._proved(username, password, client.address)
        if user is None:
            raise CredentialsWrong
        issued = await self._sessions.begin(user, client)
        if self._passwords.outdated(user.password_hash):
            # While too many wait the hash stays as it is until the next sign-in; this one is done.
            with contextlib.suppress(TooManyRequests):
                await self._db.write(rules.renew_hash, user, await self._passwords.renew(password))
        return issued

    async def change_own_password(self, session: Session, current: str, new: str, address: str) -> None:
        """Ends every other sign-in of the user. Raises CurrentPasswordWrong, PasswordRefused, or TooManyRequests after some
        wrong passwords: whoever finds a page left open must not be able to guess on."""
        user = await self._proved(session.username, current, address)
        if user is None or user.id != principals.name(session.principal):
            raise CurrentPasswordWrong
        hashed = await self._passwords.hash(new, user.username, pointer="/new_password")
        known = user.password_changed_at
        ended = await self._db.write(rules.change_password, user.id, hashed, known=known, keep=session.id)
        self._sessions.refuse(ended)

    async def set_password(self, username: str, password: str) -> None:
        """Ends every sign-in of that user. Raises UserUnknown or PasswordRefused."""
        user = await self._find(username)
        hashed = await self._passwords.hash(password, user.username)
        self._sessions.refuse(await self._db.write(rules.change_password, user.id, hashed))
        self._lockout.forgive(user.username_key)

    async def user_id_of(self, username: str) -> str:
        """Raises UserUnknown."""
        return (await self._find(username)).id

    async def check_user(self, user_id: str) -> None:
        """Raises UserUnknown."""
        if await self._db.read(rules.user_of, user_id) is None:
            raise UserUnknown("There is no such user.")

    def validate(self, session: Session) -> Validated:
        """Who the session is and what they may do in the project."""
        return Validated(
            user=User(id=principals.name(session.principal), username=session.username, role=self._role(session.principal)),
            permissions=sorted(self._permissions.held(session.principal, DEFAULT_PROJECT)),
            expires_at=session.expires_at,
        )

    async def add_user(self, username: str, password: str, role: str) -> UserRecord:
        """Raises UsernameRefused, PasswordRefused, RoleUnknown or UsernameTaken."""
        return await self._add(username, password, role, first=False)

    async def list_users(self, cursor: str | None, limit: int) -> Page[UserListing]:
        """Everybody, the oldest first."""
        found = await self._db.read(rules.list_users, decode_cursor(cursor, str) or "", limit + 1)
        listed = [
            UserListing(
                id=each.id, username=each.username, role=self._role(principals.user(each.id)), created_at=each.created_at
            )
            for each in found
        ]
        return page(listed, limit, lambda user: user.id)

    async def list_projects(self, cursor: str | None, limit: int) -> Page[Project]:
        found = await self._db.read(rules.list_projects, decode_cursor(cursor, str) or "", limit + 1)
        return page(found, limit, lambda project: project.id)

    async def _proved(self, username: str, password: str, address: str) -> UserRecord | None:
        """The user whose password it is; None for a wrong one, which is told and counted. Raises TooManyRequests."""
        name = name_key(username)
        locks = self._lockout.begin(name, address)
        user = await self._db.read(rules.find_user, name)
        try:
            fits = await self._passwords.verify(password, user.password_hash if user else None)
        except TooManyRequests:
            self._lockout.not_tried(name, address)
            raise
        if user is None or not fits:
            await self._db.write(rules.login_failed, username[:LONGEST_USERNAME], address, locks)
            return None
        self._lockout.succeeded(name, address)
        return user

    async def _find(self, username: str) -> UserRecord:
        user = await self._db.read(rules.find_user, name_key(username))
        if user is None:
            raise UserUnknown(f"There is no user {username[:LONGEST_USERNAME]!r}.")
        return user

    async def _add_first(self, username: str, password: str) -> UserRecord:
        user = await self._add(username, password, OWNER, first=True)
        self._setup_digest = ""
        return user

    async def _add(self, username: str, password: str, role: str, *, first: bool) -> UserRecord:
        name = check_username(username)
        if role not in ROLES:
            raise RoleUnknown(f"There is no role {role[:40]!r}; there are {', '.join(ROLES)}.")
        hashed = await self._passwords.hash(password, name)
        now = self._clock.now()
        user = UserRecord(
            id=new_id(),
            username=name,
            username_key=name_key(name),
            password_hash=hashed,
            password_changed_at=now,
            created_at=now,
        )
        await self._db.write(rules.add_user, user, role, first=first)
        self._setup_required = False
        await self._install()
        return user

    def _role(self, principal: Principal) -> str:
        return highest(self._roles.get(principal, set()))

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
