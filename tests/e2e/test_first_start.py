"""What a new installation finds in itself, also when its first start was cut short."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.application import running

from vivesphere import first_start
from vivesphere.contracts.bots import AddAccount
from vivesphere.kernel.errors import StartError


async def test_a_new_installation_has_a_bot_a_plan_and_a_paused_trigger_once(tmp_path: Path) -> None:
    for _ in range(2):
        async with running(tmp_path) as server:
            (bot,) = (await server.client.get("/api/v1/bots")).json()["items"]
            assert (bot["name"], [account["platform"] for account in bot["accounts"]]) == ("Vivi", ["webchat"])
            (plan,) = (await server.client.get("/api/v1/plans")).json()["items"]
            (trigger,) = (await server.client.get("/api/v1/triggers")).json()["items"]
            assert trigger["action"]["plan_id"] == plan["id"]
            assert trigger["enabled"] is False


async def test_a_first_start_cut_short_is_taken_up_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def power_cut(**_: Any) -> AddAccount:
        raise StartError("the power went")

    async def start() -> None:
        async with running(tmp_path):
            pytest.fail("it came up")

    with monkeypatch.context() as patch:
        patch.setattr(first_start, "AddAccount", power_cut)
        with pytest.raises(StartError, match="the power went"):
            await start()
    async with running(tmp_path) as server:
        (bot,) = (await server.client.get("/api/v1/bots")).json()["items"]
        assert [(account["platform"], account["state"]) for account in bot["accounts"]] == [("webchat", "connected")]
        assert (await server.client.get("/api/v1/triggers")).json()["items"]
