"""The key that signs access tokens: made once, kept sealed, opened at the start."""

from structlog.stdlib import BoundLogger

from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.kernel.principals import Principal
from vivesphere.kernel.vault import Vault, VaultError
from vivesphere.modules.auth import rules
from vivesphere.modules.auth.tokens import SigningKey, new_key, open_key


class Keyring:
    def __init__(self, db: DatabaseHandle, vault: Vault, owner: Principal, log: BoundLogger) -> None:
        self._db = db
        self._vault = vault
        self._owner = owner
        self._log = log

    async def key(self) -> SigningKey:
        """The kept key. One that the vault cannot open is replaced: all it costs is that everybody signs in again."""
        kept = await self._db.read(rules.newest_key)
        if kept is not None:
            try:
                return open_key(kept.id, self._vault.unseal(kept.sealed, owner=self._owner, record=_record(kept.id)))
            except VaultError as error:
                self._log.warning("signing_key_replaced", reason=str(error))
        key_id, plain = new_key()
        await self._db.write(rules.keep_key, key_id, self._vault.seal(plain, owner=self._owner, record=_record(key_id)))
        return open_key(key_id, plain)


def _record(key_id: str) -> str:
    return f"signing-key/{key_id}"
