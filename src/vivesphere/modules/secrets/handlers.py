"""Secrets on the bus. Whose a secret is, the cause says: nothing in a request can name another owner."""

from vivesphere.contracts.secrets import RevealSecret, SecretStored, SecretUnknown, SecretValue, StoreSecret
from vivesphere.kernel.bus.errors import NotPermitted
from vivesphere.kernel.cause import Cause, current_cause
from vivesphere.modules.secrets.service import SecretService


class SecretHandlers:
    def __init__(self, secrets: SecretService) -> None:
        self._secrets = secrets

    async def store(self, request: StoreSecret) -> SecretStored:
        return SecretStored(secret_id=await self._secrets.store(_asker(), request.name, request.value))

    async def reveal(self, request: RevealSecret) -> SecretValue | SecretUnknown:
        value = await self._secrets.reveal(_asker(), request.secret_id)
        return SecretUnknown() if value is None else SecretValue(value=value)


def _asker() -> Cause:
    cause = current_cause()
    if cause is None:
        raise NotPermitted("secrets are stored and revealed over the bus, which says who asks")
    return cause
