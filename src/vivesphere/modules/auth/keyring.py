"""The keys of access tokens: one signs; those before it verify what they have signed until the last such token has expired.

Each is kept sealed by the vault. When a key is retired its private half is thrown away at once: whoever gets at it later can
sign nothing with it.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Literal

from structlog.stdlib import BoundLogger

from vivesphere.kernel.clock import Clock
from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.kernel.principals import Principal
from vivesphere.kernel.vault import Vault, VaultError
from vivesphere.modules.auth import rules
from vivesphere.modules.auth.repository import SealedKey
from vivesphere.modules.auth.schemas import JsonWebKey
from vivesphere.modules.auth.tokens import ALGORITHM, AccessTokens, SigningKey, new_key, open_key, public_half

CHECKED_EVERY = 3600.0

Reason = Literal["age", "asked", "unreadable"]


class Keyring:
    """Changes which keys `access` signs and verifies with. `lasts_days` is how old a key gets."""

    def __init__(
        self,
        db: DatabaseHandle,
        *,
        vault: Vault,
        owner: Principal,
        clock: Clock,
        access: AccessTokens,
        lasts_days: int,
        log: BoundLogger,
    ) -> None:
        self._db = db
        self._vault = vault
        self._owner = owner
        self._clock = clock
        self._access = access
        self._lasts = timedelta(days=lasts_days)
        self._log = log
        self._made_at = clock.now()
        self._rotating = asyncio.Lock()

    async def open(self) -> None:
        """Take the kept keys into use. One that the vault cannot open is lost: all it costs is a refresh of what it signed."""
        opened: list[SigningKey] = []
        found = await self._db.read(rules.kept_keys, self._clock.now())
        for kept in found:
            try:
                plain = self._vault.unseal(kept.sealed, owner=self._owner, record=_record(kept.id))
            except VaultError as error:
                self._log.warning("signing_key_replaced", key_id=kept.id, reason=str(error))
                continue
            opened.append(open_key(kept.id, plain, kept.ends_at))
            if kept.ends_at is None:
                self._made_at = kept.created_at
        signing = [key for key in opened if key.ends_at is None]
        retired = [key for key in opened if key.ends_at is not None]
        if signing:
            self._access.sign_with(signing[-1], retired)
            return
        await self._replace(retired, "unreadable" if found else None)

    async def rotate(self, reason: Reason = "asked") -> SigningKey:
        """Sign with a new key from now on. Nobody is signed out: what the old one has signed stays good until it expires."""
        async with self._rotating:
            now = self._clock.now()
            old, *older = self._access.verifying()
            retired = open_key(old.id, public_half(old), now + self._access.lasts)
            return await self._replace([*reversed(older), retired], reason)

    async def rotate_with_age(self) -> None:
        """A job."""
        while True:
            if self._clock.now() - self._made_at >= self._lasts:
                await self.rotate("age")
            await self._clock.sleep(CHECKED_EVERY)

    def public(self) -> list[JsonWebKey]:
        """What others need to verify our tokens (RFC 7517, RFC 8037)."""
        return [
            JsonWebKey(kid=key.id, x=str(key.key.as_dict(private=False)["x"]), alg=ALGORITHM)
            for key in self._access.verifying()
        ]

    async def _replace(self, retired: list[SigningKey], reason: Reason | None) -> SigningKey:
        key_id, plain = new_key()
        kept = [self._sealed(each.id, public_half(each), each.ends_at) for each in retired]
        new = self._sealed(key_id, plain, None)
        await self._db.write(rules.replace_keys, new, kept, reason)
        key = open_key(key_id, plain)
        self._made_at = new.created_at
        self._access.sign_with(key, retired)
        return key

    def _sealed(self, key_id: str, plain: bytes, ends_at: datetime | None) -> SealedKey:
        sealed = self._vault.seal(plain, owner=self._owner, record=_record(key_id))
        return SealedKey(id=key_id, sealed=sealed, created_at=self._clock.now(), ends_at=ends_at)


def _record(key_id: str) -> str:
    return f"signing-key/{key_id}"
