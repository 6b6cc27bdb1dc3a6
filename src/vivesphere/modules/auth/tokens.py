"""Access tokens: JWTs (RFC 7519) signed with Ed25519 (RFC 8032; the `alg` is `Ed25519`, as RFC 9864 names it)."""

import hashlib
import secrets
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

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


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What an access token says (RFC 7519, 4.1); `sid` is the sign-in it came from. Times are in seconds."""

    iss: str
    aud: str
    sub: str
    sid: str
    name: str
    iat: int
    exp: int
    jti: str


class SigningKey(msgspec.Struct, frozen=True):
    id: str
    key: OKPKey


def new_key() -> tuple[str, bytes]:
    """A key's id and its private half as JSON (RFC 8037)."""
    key = OKPKey.generate_key("Ed25519", private=True)
    return new_id(), msgspec.json.encode(key.as_dict(private=True))


def open_key(key_id: str, plain: bytes) -> SigningKey:
    return SigningKey(key_id, OKPKey.import_key(msgspec.json.decode(plain)))


class AccessTokens:
    """Issues and verifies. Verifying costs more than most reads, so what was verified is remembered until it expires."""

    def __init__(self, clock: Clock, lasts: timedelta) -> None:
        self.lasts = lasts
        # Until the kept key is known, one that nobody else has: nothing can be signed with it that anybody would hold.
        self._key = open_key(*new_key())
        self._clock = clock
        self._verified: OrderedDict[bytes, Session] = OrderedDict()
        self._revoked: dict[str, datetime] = {}

    def sign_with(self, key: SigningKey) -> None:
        """Use this key from now on. Tokens signed with another one are refused."""
        self._key = key
        self._verified.clear()

    def issue(self, user_id: str, username: str, session_id: str) -> str:
        now = int(self._clock.now().timestamp())
        claims = Claims(
            iss=ISSUER,
            aud=AUDIENCE,
            sub=user_id,
            sid=session_id,
            name=username,
            iat=now,
            exp=now + int(self.lasts.total_seconds()),
            jti=new_id(),
        )
        header = {"alg": ALGORITHM, "kid": self._key.id, "typ": "at+jwt"}
        return jwt.encode(header, msgspec.structs.asdict(claims), self._key.key, algorithms=[ALGORITHM])

    def verify(self, token: str) -> Session:
        """Raises TokenRefused: not ours, changed, expired, or its sign-in was ended."""
        if len(token) > LONGEST_TOKEN:
            raise TokenRefused("This is not an access token of this server; sign in again.")
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

    def revoke(self, session_ids: set[str]) -> None:
        """No access token of these sign-ins is good any more. Kept for as long as one could be."""
        now = self._clock.now()
        self._revoked = {each: until for each, until in self._revoked.items() if until > now}
        self._revoked |= dict.fromkeys(session_ids, now + self.lasts)

    def _decode(self, token: str) -> Session:
        try:
            # The list of algorithms is what keeps `none` and every other key's algorithm out (RFC 8725, 3.1).
            decoded = jwt.decode(token, self._key.key, algorithms=[ALGORITHM])
            claims = msgspec.convert(decoded.claims, Claims)
        except (JoseError, msgspec.ValidationError, ValueError):
            raise TokenRefused("This is not an access token of this server; sign in again.") from None
        if not _is_ours(decoded.header, claims, self._key.id):
            raise TokenRefused("This is not an access token of this server; sign in again.")
        return Session(
            principal=principals.user(claims.sub),
            username=claims.name,
            expires_at=datetime.fromtimestamp(claims.exp, UTC),
            id=claims.sid,
        )

    def _remember(self, digest: bytes, session: Session) -> Session:
        self._verified[digest] = session
        if len(self._verified) > CACHED:
            self._verified.popitem(last=False)
        return session


def _is_ours(header: dict[str, Any], claims: Claims, key_id: str) -> bool:
    return header.get("kid") == key_id and header.get("typ") == "at+jwt" and (claims.iss, claims.aud) == (ISSUER, AUDIENCE)


def new_opaque_token() -> str:
    """256 random bits for refresh tokens and set-up links."""
    return secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
