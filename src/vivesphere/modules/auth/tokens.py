"""Access tokens: JWTs (RFC 7519) signed with Ed25519 (RFC 8032; the `alg` is `Ed25519`, as RFC 9864 names it)."""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Protocol

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from msgspec import Meta

from vivesphere.kernel import principals
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.http.authentication import Session
from vivesphere.kernel.ids import new_id
from vivesphere.modules.auth.errors import TokenRefused

ALGORITHM = "Ed25519"
ISSUER = "vivesphere"
AUDIENCE = "vivesphere-api"
LONGEST_TOKEN = 4096
CACHED = 4096
NOT_OURS = "This is not an access token of this server; sign in again."


class Claims(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an access token says (RFC 7519, 4.1); `sid` is the sign-in it came from, `csrf` is there if it lives in a browser's
    cookies. Times are in seconds, `exp` no later than a datetime can hold."""

    iss: str
    aud: str
    sub: str
    sid: str
    name: str
    iat: int
    exp: Annotated[int, Meta(ge=0, le=253_402_300_799)]
    jti: str
    csrf: str = ""


class SigningKey(msgspec.Struct, frozen=True):
    """`ends_at` is when a retired key, of which only the public half is left, verifies nothing any more."""

    id: str
    key: OKPKey
    ends_at: datetime | None = None


class _Signed(Protocol):
    """What joserfc knows of a token before it is verified."""

    def headers(self) -> dict[str, Any]: ...


class Bearer(msgspec.Struct, frozen=True, kw_only=True):
    """For whom an access token is: not beyond `until`, the end of the sign-in."""

    user_id: str
    username: str
    session_id: str
    csrf: str
    until: datetime


def new_key() -> tuple[str, bytes]:
    """A key's id and its private half as JSON (RFC 8037)."""
    key = OKPKey.generate_key("Ed25519", private=True)
    return new_id(), msgspec.json.encode(key.as_dict(private=True))


def open_key(key_id: str, plain: bytes, ends_at: datetime | None = None) -> SigningKey:
    return SigningKey(key_id, OKPKey.import_key(msgspec.json.decode(plain)), ends_at)


def public_half(key: SigningKey) -> bytes:
    return msgspec.json.encode(key.key.as_dict(private=False))


class AccessTokens:
    """Issues and verifies. Verifying costs more than most reads, so what was verified is remembered until it expires."""

    def __init__(self, clock: Clock, lasts: timedelta) -> None:
        self.lasts = lasts
        # Until the kept key is known, one that nobody else has: nothing can be signed with it that anybody would hold.
        self._key = open_key(*new_key())
        self._keys = {self._key.id: self._key}
        self._clock = clock
        self._verified: OrderedDict[bytes, Session] = OrderedDict()
        self._revoked: dict[str, datetime] = {}

    def sign_with(self, key: SigningKey, retired: Iterable[SigningKey] = ()) -> None:
        """Use this key from now on; what the `retired` have signed stays good. Tokens signed with any other are refused."""
        self._key = key
        self._keys = {each.id: each for each in (*retired, key)}
        self._verified.clear()

    def verifying(self) -> list[SigningKey]:
        """Those that verify now, the newest first."""
        now = self._clock.now()
        return [each for each in reversed(self._keys.values()) if each.ends_at is None or each.ends_at > now]

    def issue(self, bearer: Bearer) -> tuple[str, int]:
        """A token, and for how many seconds it is good."""
        now = self._clock.now()
        lasts = int(min(self.lasts, bearer.until - now).total_seconds())
        began = int(now.timestamp())
        claims = Claims(
            iss=ISSUER,
            aud=AUDIENCE,
            sub=bearer.user_id,
            sid=bearer.session_id,
            name=bearer.username,
            iat=began,
            exp=began + lasts,
            jti=new_id(),
            csrf=bearer.csrf,
        )
        header = {"alg": ALGORITHM, "kid": self._key.id, "typ": "at+jwt"}
        return jwt.encode(header, msgspec.to_builtins(claims), self._key.key, algorithms=[ALGORITHM]), lasts

    def verify(self, token: str) -> Session:
        """Raises TokenRefused: not ours, changed, expired, or its sign-in was ended."""
        if len(token) > LONGEST_TOKEN:
            raise TokenRefused(NOT_OURS)
        digest = hashlib.sha256(token.encode()).digest()
        session = self._verified.get(digest)
        if session is None:
            session = self._remember(digest, self._decode(token))
        if session.expires_at <= self._clock.now():
            self._verified.pop(digest, None)
            raise TokenRefused("The access token has expired; refresh it or sign in again.")
        if session.id in self._revoked:
            raise TokenRefused("This sign-in was ended; sign in again.")
        return session

    def revoke(self, session_ids: Iterable[str]) -> None:
        """No access token of these sign-ins is good any more. Kept for as long as one could be."""
        now = self._clock.now()
        self._revoked = {each: until for each, until in self._revoked.items() if until > now}
        self._revoked |= dict.fromkeys(session_ids, now + self.lasts)

    def _decode(self, token: str) -> Session:
        try:
            # The list of algorithms is what keeps `none` and every other key's algorithm out (RFC 8725, 3.1).
            decoded = jwt.decode(token, self._key_of, algorithms=[ALGORITHM])
            claims = msgspec.convert(decoded.claims, Claims)
        except (JoseError, msgspec.ValidationError, ValueError):
            raise TokenRefused(NOT_OURS) from None
        if decoded.header.get("typ") != "at+jwt" or (claims.iss, claims.aud) != (ISSUER, AUDIENCE):
            raise TokenRefused(NOT_OURS)
        return Session(
            principal=principals.user(claims.sub),
            username=claims.name,
            expires_at=datetime.fromtimestamp(claims.exp, UTC),
            id=claims.sid,
            csrf=claims.csrf,
        )

    def _key_of(self, signed: _Signed) -> OKPKey:
        """The key that a token names, of those we hold: the name is looked up and nothing else is done with it."""
        named = signed.headers().get("kid")
        key = self._keys.get(named) if isinstance(named, str) else None
        if key is None or (key.ends_at is not None and key.ends_at <= self._clock.now()):
            raise TokenRefused(NOT_OURS)
        return key.key

    def _remember(self, digest: bytes, session: Session) -> Session:
        self._verified[digest] = session
        if len(self._verified) > CACHED:
            self._verified.popitem(last=False)
        return session


def new_opaque_token() -> str:
    """256 random bits for refresh tokens, CSRF tokens and set-up links."""
    return secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
