"""Settings over HTTP: everything described, nothing secret shown, nobody without the permission."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from tests.support.http import http_for

from vivesphere.kernel.module import ModuleContext
from vivesphere.kernel.outbound import EffectsSettings
from vivesphere.kernel.settings import Settings
from vivesphere.modules.settings.module import build

PASSWORD = "correct horse battery staple"


async def test_every_setting_is_listed_and_secrets_are_masked(tmp_path: Path) -> None:
    settings = Settings.load(
        {"VIVESPHERE_DATA_DIR": str(tmp_path), "VIVESPHERE_ADMIN_PASSWORD": PASSWORD, "VIVESPHERE_PORT": "9000"}
    )
    settings.section("effects", EffectsSettings)
    parts: dict[str, Any] = dict.fromkeys(field.name for field in fields(ModuleContext))
    async with http_for(tmp_path, build(ModuleContext(**parts | {"name": "settings", "settings": settings}))) as http:
        answer = await http.client.get("/api/v1/config/settings", headers=http.ada)
        assert (await http.client.get("/api/v1/config/settings", headers=http.vic)).status_code == 403
    assert PASSWORD not in answer.text
    page = answer.json()
    listed = {(each["group"], each["key"]): each for each in page["items"]}
    assert page["next_cursor"] is None
    assert listed["server", "port"] == {
        "group": "server",
        "key": "port",
        "type": "integer",
        "value": 9000,
        "default": 8000,
        "source": "environment",
        "description": "The port to listen on; 0 takes a free one.",
        "environment": "VIVESPHERE_PORT",
        "secret": False,
    }
    assert listed["server", "admin_password"]["value"] not in (None, PASSWORD)
    assert listed["effects", "allow_private_addresses"]["value"] is False
