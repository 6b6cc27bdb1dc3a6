"""Storing, revealing and listing secrets."""

from vivesphere.kernel.cause import Cause
from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.kernel.errors import StartError
from vivesphere.kernel.http.paging import Page, decode_cursor, page
from vivesphere.kernel.ids import new_id
from vivesphere.kernel.principals import Principal
from vivesphere.kernel.vault import Vault
from vivesphere.modules.secrets import rules
from vivesphere.modules.secrets.errors import SecretInvalid
from vivesphere.modules.secrets.repository import SealedSecret
from vivesphere.modules.secrets.schemas import Secret

LONGEST_NAME = 200
LARGEST_VALUE = 64 * 1024
SHORTEST_TO_SHOW = 16
"""Of a shorter value not even four characters are kept in the clear."""


class SecretService:
    def __init__(self, db: DatabaseHandle, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    async def store(self, asker: Cause, name: str, value: str) -> str:
        """Keep `value` for the asker and return its id. SecretInvalid: the name or the value is not one that can be kept."""
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            raise SecretInvalid(f"The name of a secret has 1 to {LONGEST_NAME} printable characters.")
        plain = value.encode()
        if not 0 < len(plain) <= LARGEST_VALUE:
            raise SecretInvalid(f"A secret has 1 to {LARGEST_VALUE} bytes.")
        secret = SealedSecret(
            id=new_id(),
            owner=asker.source,
            project=asker.project,
            name=name,
            sealed=self._vault.seal(plain, owner=asker.source, record=_record(asker.project, name)),
        )
        return await self._db.write(rules.store, secret, value[-4:] if len(value) >= SHORTEST_TO_SHOW else "")

    async def reveal(self, asker: Cause, secret_id: str) -> str | None:
        """The value, to the principal that stored it, in the project it was stored in; None to everybody else."""
        found = await self._db.read(rules.owned, asker.project, asker.source, secret_id)
        return None if found is None else self._open(found).decode()

    async def list_secrets(self, cursor: str | None, limit: int) -> Page[Secret]:
        """The project's secrets, oldest first, without their values."""
        found = await self._db.read(rules.list_secrets, decode_cursor(cursor, str) or "", limit + 1)
        return page(found, limit, lambda secret: secret.id)

    async def check_key(self) -> None:
        """StartError if the database's secrets were sealed with another master key, as when a database is put beside a new data
        directory. The vault itself cannot notice that."""
        found = await self._db.read(rules.any_secret)
        if found is not None and not self._vault.opens(found.sealed):
            raise StartError(
                "The secrets in this database were sealed with another master key: put back master.key and vault.json from the "
                "backup that belongs to the database, or set VIVESPHERE_MASTER_KEY to that key."
            )

    def _open(self, secret: SealedSecret) -> bytes:
        return self._vault.unseal(secret.sealed, owner=Principal(secret.owner), record=_record(secret.project, secret.name))


def _record(project: str, name: str) -> str:
    """By name and not by id, so that a value can be sealed before the transaction that finds out its id. A project's slug has
    no slash, so no two secrets of an owner share a record."""
    return f"{project}/{name}"
