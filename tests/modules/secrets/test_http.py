"""Secrets over HTTP: who may see the list, and that it holds no value."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from tests.support.clock import FakeClock
from tests.support.http import http_for

from vivesphere.contracts.secrets import RevealSecret, SecretStored, SecretValue, StoreSecret
from vivesphere.kernel import principals
from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.kernel.module import ModuleContext
from vivesphere.kernel.vault import Vault
from vivesphere.modules.secrets.module import build


async def test_the_list_is_masked_and_needs_the_permission(
    tmp_path: Path, secrets_db: DatabaseHandle, clock: FakeClock
) -> None:
    parts: dict[str, Any] = dict.fromkeys(field.name for field in fields(ModuleContext))
    module = build(ModuleContext(**parts | {"name": "secrets", "db": secrets_db, "vault": Vault(bytes(32))}))
    assert module.start is not None
    await module.start()
    async with http_for(tmp_path, module) as http:
        own = http.bus.module("secrets")
        for request, responder in module.responders.items():
            own.respond(request, responder)
        bots = http.bus.module("bots")
        stored = await bots.request(StoreSecret(name="irc", value="correct horse battery staple"))
        assert isinstance(stored, SecretStored)
        assert await bots.request(RevealSecret(secret_id=stored.secret_id)) == SecretValue(value="correct horse battery staple")
        clock_now = clock.now().isoformat().replace("+00:00", "Z")
        answer = await http.client.get("/api/v1/secrets", headers=http.ada)
        assert answer.json() == {
            "items": [
                {
                    "id": stored.secret_id,
                    "name": "irc",
                    "owner": principals.module("bots"),
                    "last_four": "aple",
                    "created_at": clock_now,
                    "updated_at": clock_now,
                }
            ],
            "next_cursor": None,
        }
        assert (await http.client.get("/api/v1/secrets", headers=http.vic)).status_code == 403
        assert (await http.client.get("/api/v1/secrets")).status_code == 401
        assert (await http.client.get("/api/v1/secrets?cursor=!", headers=http.ada)).status_code == 422
