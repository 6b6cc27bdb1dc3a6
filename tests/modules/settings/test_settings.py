"""Settings over HTTP and for the operator: everything described, nothing secret shown, nobody without the permission."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest_asyncio
import structlog
from msgspec import Meta
from tests.support.bus import BusForTests
from tests.support.http import HttpForTests, http_for

from vivesphere.contracts.settings import SettingsChanged
from vivesphere.kernel import principals
from vivesphere.kernel.bus.errors import RateLimited
from vivesphere.kernel.bus.messages import Event
from vivesphere.kernel.module import Module, ModuleContext
from vivesphere.kernel.operator_socket import Ask, carry_out
from vivesphere.kernel.principals import Principal
from vivesphere.kernel.settings import Settings
from vivesphere.modules.settings.module import build

PASSWORD = "correct horse battery staple"


class Watched(msgspec.Struct, frozen=True):
    rate: Annotated[float, Meta(gt=0, description="Events a second.")] = 10.0


@dataclass
class World:
    """The module settings on a file in a folder, with the section `watched`, and what its watcher was told."""

    file: Path
    settings: Settings
    module: Module
    bus: BusForTests
    http: HttpForTests
    told: list[Watched] = field(default_factory=list)

    async def reload(self, headers: dict[str, str]) -> Any:
        return await self.http.client.post("/api/v1/config/reload", headers=headers)

    async def operate(self, command: str) -> Any:
        return await carry_out({each.name: each for each in self.module.operator_commands}, Ask(command))

    def recorded(self) -> list[tuple[Principal, Event]]:
        return self.bus.recorded


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    environ = {"VIVESPHERE_DATA_DIR": str(tmp_path), "VIVESPHERE_ADMIN_PASSWORD": PASSWORD, "VIVESPHERE_HOST": "127.0.0.2"}
    file = tmp_path / "vivesphere.toml"
    file.write_text("port = 9000\n[watched]\nrate = 1")
    settings, bus, told = Settings.load(environ), BusForTests(), list[Watched]()
    settings.watch("watched", Watched, told.append)
    parts: dict[str, Any] = dict.fromkeys(each.name for each in fields(ModuleContext))
    parts |= {"name": "settings", "settings": settings, "bus": bus.module("settings"), "log": structlog.get_logger("test")}
    module = build(ModuleContext(**parts))
    async with http_for(tmp_path, module, own=bus) as http:
        yield World(file, settings, module, bus, http, told)


async def test_every_setting_is_listed_and_secrets_are_masked(world: World) -> None:
    answer = await world.http.client.get("/api/v1/config/settings", headers=world.http.ada)
    assert (await world.http.client.get("/api/v1/config/settings", headers=world.http.vic)).status_code == 403
    assert PASSWORD not in answer.text
    page = answer.json()
    listed = {(each["group"], each["key"]): each for each in page["items"]}
    assert page["next_cursor"] is None
    assert listed["server", "host"] == {
        "group": "server",
        "key": "host",
        "type": "string",
        "value": "127.0.0.2",
        "default": "127.0.0.1",
        "source": "environment",
        "description": "The address to listen on; 0.0.0.0 is every IPv4 address.",
        "environment": "VIVESPHERE_HOST",
        "secret": False,
        "live": False,
    }
    assert listed["server", "admin_password"]["value"] not in (None, PASSWORD)
    assert (listed["watched", "rate"]["value"], listed["watched", "rate"]["live"]) == (1.0, True)


async def test_a_reload_says_what_changed_to_who_asked_and_to_who_listens(world: World) -> None:
    world.file.write_text("port = 9001\n[watched]\nrate = 2")
    answer = await world.reload(world.http.ada)
    assert (answer.status_code, answer.json()) == (200, {"keys": ["watched.rate"], "restart_needed": ["port"]})
    assert world.told == [Watched(rate=2.0)]
    changed = SettingsChanged(keys=("watched.rate",), restart_needed=("port",))
    assert world.recorded() == [(principals.module("settings"), changed)]


async def test_a_reload_of_nothing_new_tells_nobody(world: World) -> None:
    answer = await world.reload(world.http.ada)
    assert (answer.status_code, answer.json()) == (200, {"keys": [], "restart_needed": []})
    assert world.recorded() == []


async def test_a_file_with_a_mistake_is_refused_with_the_key_and_the_mend(world: World) -> None:
    world.file.write_text("[watched]\nrate = 0")
    answer = await world.reload(world.http.ada)
    problem = answer.json()
    assert answer.status_code == 409
    assert "watched.rate in" in problem["detail"]
    assert "cannot be 0: expected a number > 0.0. Nothing has changed; mend it and reload again." in problem["detail"]
    assert world.told == []
    assert world.recorded() == []


async def test_nobody_reloads_without_the_permission(world: World) -> None:
    world.file.write_text("[watched]\nrate = 2")
    assert (await world.reload(world.http.vic)).status_code == 403
    assert (await world.reload({})).status_code == 401
    assert world.told == []


async def test_the_operator_sees_and_reloads_the_same(world: World) -> None:
    shown = (await world.operate("settings.show")).result
    assert {each["key"]: each["value"] for each in shown if each["group"] in ("server", "watched")}.items() >= {
        "port": 9000,
        "rate": 1.0,
    }.items()
    world.file.write_text("[watched]\nrate = 3")
    answer = await world.operate("settings.reload")
    assert answer.result == {"keys": ("watched.rate",), "restart_needed": ("port",)}
    world.file.write_text("[watched")
    refused = await world.operate("settings.reload")
    assert "is not valid TOML" in refused.error


async def test_a_reload_holds_though_it_cannot_be_recorded(world: World) -> None:
    async def away(_principal: Principal, _event: Event) -> None:
        await asyncio.sleep(0)
        raise RateLimited("the log is away", 1.0)

    world.bus.bus.record_with(away)
    world.file.write_text("[watched]\nrate = 3")
    answer = await world.reload(world.http.ada)
    assert (answer.status_code, answer.json()["keys"]) == (200, ["watched.rate"])
    assert world.told == [Watched(rate=3.0)]
