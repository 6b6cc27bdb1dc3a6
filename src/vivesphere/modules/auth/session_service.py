"""Sign-ins: how one begins, is renewed, listed and ended.

The access token is short-lived and never looked up; the refresh token is looked up, used once, and replaced by its successor.
"""

from datetime import timedelta

import msgspec

from vivesphere.kernel import principals
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.kernel.http.authentication import Session
from vivesphere.kernel.http.paging import Page, decode_cursor, page
from vivesphere.kernel.ids import new_id
from vivesphere.kernel.principals import Principal
from vivesphere.kernel.vault import Vault, VaultError
from vivesphere.modules.auth import session_rules
from vivesphere.modules.auth.devices import device_name
from vivesphere.modules.auth.errors import TokenRefused
from vivesphere.modules.auth.repository import SessionRecord, UserRecord
from vivesphere.modules.auth.schemas import SignInListing
from vivesphere.modules.auth.session_rules import Caller, Successor
from vivesphere.modules.auth.settings import AuthSettings
from vivesphere.modules.auth.tokens import AccessTokens, Bearer, digest_of, new_opaque_token

PRUNED_EVERY = 6 * 3600.0


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: `agent` is its `User-Agent`; a `browser` keeps the tokens in cookies."""

    address: str
    agent: str = ""
    browser: bool = False


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """New tokens; they last so many seconds. `csrf` is empty for a program."""

    access_token: str
    access_lasts: int
    refresh_token: str
    refresh_lasts: int
    csrf: str


class SessionService:
    """Also the server's Authenticator."""

    def __init__(
        self,
        db: DatabaseHandle,
        *,
        vault: Vault,
        owner: Principal,
        clock: Clock,
        settings: AuthSettings,
        access: AccessTokens,
    ) -> None:
        self._db = db
        self._vault = vault
        self._owner = owner
        self._clock = clock
        self._access = access
        self._idle = timedelta(hours=settings.idle_hours)
        self._absolute = timedelta(days=settings.absolute_days)
        self._grace = timedelta(seconds=settings.refresh_grace_seconds)

    async def start(self) -> None:
        """Know of the access tokens that must not be believed any more."""
        self._access.revoke(await self._db.read(session_rules.revoked_since, self._clock.now() - self._access.lasts))

    async def authenticate(self, token: str) -> Session:
        """The session behind an access token. Raises TokenRefused."""
        return self._access.verify(token)

    async def begin(self, user: UserRecord, client: Client) -> Issued:
        """A sign-in of its own, always: no id that was there before becomes one. Raises CredentialsWrong if the user's password
        was changed since they were looked up."""
        now = self._clock.now()
        session = SessionRecord(
            id=new_id(),
            user_id=user.id,
            device=device_name(client.agent),
            address=client.address,
            csrf=new_opaque_token() if client.browser else "",
            created_at=now,
            used_at=now,
            expires_at=now + min(self._idle, self._absolute),
            ends_at=now + self._absolute,
        )
        refresh_token = new_opaque_token()
        await self._db.write(session_rules.begin, session, user, digest_of(refresh_token))
        return self._issued(session, user.username, refresh_token)

    async def refresh(self, refresh_token: str, client: Client, csrf: str | None = None) -> Issued:
        """New tokens for a refresh token, which is then used up. Raises TokenRefused; one that comes again ends the sign-in,
        unless it comes again at once (`session_rules.rotate`)."""
        old, renewed = digest_of(refresh_token), new_opaque_token()
        sealed = self._vault.seal(renewed.encode(), owner=self._owner, record=_record(old))
        rotation = await self._db.write(
            session_rules.rotate,
            old,
            Successor(digest=digest_of(renewed), sealed=sealed),
            Caller(device=device_name(client.agent), address=client.address, csrf=csrf),
            idle=self._idle,
            grace=self._grace,
        )
        if rotation.session is None:
            raise TokenRefused("The refresh token is unknown or has expired; sign in again.")
        if rotation.reused:
            self._access.revoke({rotation.session.id})
            raise TokenRefused("This refresh token was used before, so the whole sign-in was ended; sign in again.")
        if rotation.again is not None:
            renewed = self._open(rotation.again, old)
        return self._issued(rotation.session, rotation.username, renewed)

    async def logout(self, session: Session, refresh_token: str) -> None:
        """End the session, and the one the refresh token belongs to. Their access tokens are refused from now on."""
        user_id = principals.name(session.principal)
        ended = await self._db.write(session_rules.sign_out, session.id, digest_of(refresh_token), user_id, None)
        self._access.revoke({session.id, *ended})

    async def forget_browser(self, refresh_token: str, csrf: str) -> None:
        """End what a browser's cookies hold, also when the access token is over already."""
        self._access.revoke(await self._db.write(session_rules.sign_out, None, digest_of(refresh_token), None, csrf))

    async def list_sign_ins(self, user_id: str, cursor: str | None, limit: int, *, current: str = "") -> Page[SignInListing]:
        """Those of the user that go on, the newest first."""
        found = await self._db.read(session_rules.list_sessions, user_id, decode_cursor(cursor, str), limit + 1)
        return page([_listing(each, current) for each in found], limit, lambda each: each.id)

    async def revoke(self, user_id: str, session_id: str) -> None:
        """Raises SessionUnknown. Its access tokens are refused from now on."""
        await self._db.write(session_rules.revoke, user_id, session_id)
        self._access.revoke({session_id})

    async def revoke_all(self, user_id: str, *, keep: str | None = None) -> int:
        """End all sign-ins of the user but `keep`; how many ended."""
        ended = await self._db.write(session_rules.revoke_all, user_id, keep)
        self._access.revoke(ended)
        return len(ended)

    def refuse(self, ended: list[str]) -> None:
        """The access tokens of these sign-ins, which have ended, are refused from now on."""
        self._access.revoke(ended)

    async def prune(self) -> None:
        """A job: deletes sign-ins that are over, from time to time."""
        while True:
            await self._clock.sleep(PRUNED_EVERY)
            await self._db.write(session_rules.prune)

    def _issued(self, session: SessionRecord, username: str, refresh_token: str) -> Issued:
        bearer = Bearer(
            user_id=session.user_id,
            username=username,
            session_id=session.id,
            csrf=session.csrf,
            until=session.expires_at,
        )
        token, lasts = self._access.issue(bearer)
        return Issued(
            access_token=token,
            access_lasts=lasts,
            refresh_token=refresh_token,
            refresh_lasts=int((session.expires_at - self._clock.now()).total_seconds()),
            csrf=session.csrf,
        )

    def _open(self, sealed: bytes, old: str) -> str:
        try:
            return self._vault.unseal(sealed, owner=self._owner, record=_record(old)).decode()
        except VaultError:
            raise TokenRefused("This refresh token was used a moment ago; sign in again.") from None


def _record(digest: str) -> str:
    return f"refresh-token/{digest}"


def _listing(session: SessionRecord, current: str) -> SignInListing:
    return SignInListing(
        id=session.id,
        device=session.device,
        address=session.address,
        browser=bool(session.csrf),
        current=session.id == current,
        created_at=session.created_at,
        used_at=session.used_at,
        expires_at=session.expires_at,
        ends_at=session.ends_at,
    )
