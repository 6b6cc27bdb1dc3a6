"""Plugins over HTTP, in the whole server, with the bundled ones."""

from pathlib import Path

from tests.support.application import running


async def test_the_bundled_plugins_are_enabled_and_can_be_disabled(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        listed = (await server.client.get("/api/v1/plugins")).json()["items"]
        assert [(each["id"], each["status"]) for each in listed] == [
            ("dice", "enabled"),
            ("echo", "enabled"),
            ("quotes", "enabled"),
        ]
        rolled = await server.client.post("/api/v1/tools/dice.roll/run", json={"arguments": {"notation": "2d1+1"}})
        assert rolled.json()["result"] == {"total": 3, "rolls": [1, 1], "notation": "2d1+1"}

        disabled = (await server.client.post("/api/v1/plugins/dice/disable")).json()
        assert (disabled["status"], disabled["tools"], disabled["detail"]) == ("disabled", [], "")
        gone = await server.client.post("/api/v1/tools/dice.roll/run", json={"arguments": {"notation": "2d1+1"}})
        assert gone.status_code == 404

    async with running(tmp_path) as server:
        assert (await server.client.get("/api/v1/plugins/dice")).json()["status"] == "disabled"
        enabled = (await server.client.post("/api/v1/plugins/dice/enable")).json()
        assert (enabled["status"], enabled["tools"]) == ("enabled", ["dice.roll"])
        for path in ("/api/v1/plugins/ghost/enable", "/api/v1/plugins/ghost/disable"):
            assert (await server.client.post(path)).status_code == 404
        assert (await server.client.get("/api/v1/plugins/ghost")).status_code == 404
        assert (await server.anonymous.post("/api/v1/plugins/dice/disable")).status_code == 401
