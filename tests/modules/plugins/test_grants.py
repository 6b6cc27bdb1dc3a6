"""Tables that a plugin's manifest asks for: asked for when it is enabled, decided by nobody but a person, forgotten with it."""

import shutil

import pytest
from tests.modules.plugins.test_lifecycle import hello
from tests.modules.plugins.world import PluginWorld

from vivesphere.kernel import principals
from vivesphere.kernel.db.granting import TableGrants
from vivesphere.kernel.db.grants import Grant, GrantQuery
from vivesphere.sdk.manifest import ManifestInvalid, read_manifest

LEADS = """
[[data]]
table = "leads"
actions = ["read", "write"]
"""
ROSES = """
[[data]]
table = "roses"
actions = ["read"]
"""


async def asked(world: PluginWorld) -> set[tuple[str, str, str, str]]:
    grants = TableGrants(world.database.handle(principals.SYSTEM), world.database.refresh_access)
    found: list[Grant] = await grants.listed(GrantQuery(project="default"), 100)
    return {(grant.grantee, grant.action, grant.table, grant.status) for grant in found}


async def test_a_manifest_asks_when_the_plugin_is_enabled_and_gets_nothing(world: PluginWorld) -> None:
    world.write("hello", hello(), enabled=False, more=LEADS + ROSES)
    service = await world.start()
    assert await asked(world) == set()
    await service.enable("hello")
    assert await asked(world) == {
        ("plugin:hello", "read", "data_leads", "requested"),
        ("plugin:hello", "write", "data_leads", "requested"),
        ("plugin:hello", "read", "data_roses", "requested"),
    }
    assert service.describe("hello").status == "enabled", "it need not wait for the answer"
    assert not world.database.access.policy.granted


async def test_another_version_asks_for_what_it_wants_now(world: PluginWorld) -> None:
    world.write("hello", hello(), more=LEADS)
    await world.start()
    await world.stop()
    world.write("hello", hello(), more=ROSES)
    await world.start()
    assert await asked(world) == {("plugin:hello", "read", "data_roses", "requested")}


async def test_a_plugin_whose_folder_is_gone_is_forgotten(world: PluginWorld) -> None:
    world.write("hello", hello(), more=LEADS)
    world.write("stays", hello("stays", "stay"), more=ROSES)
    service = await world.start()
    await service.disable("hello")
    assert len(await asked(world)) == 3, "disabled is not gone"
    await world.stop()
    shutil.rmtree(world.folder / "hello")
    await world.start()
    assert await asked(world) == {("plugin:stays", "read", "data_roses", "requested")}


@pytest.mark.parametrize(
    "wrong",
    [
        '[[data]]\ntable = "Leads"\nactions = ["read"]',
        '[[data]]\ntable = "ext_other__items"\nactions = ["read"]',
        '[[data]]\ntable = "leads"\nactions = []',
        '[[data]]\ntable = "leads"\nactions = ["drop"]',
        '[[data]]\ntable = "leads"',
        '[[data]]\ntable = "leads"\nactions = ["read"]\nproject = "kitchen"',
    ],
)
def test_a_manifest_that_asks_wrongly_says_so(world: PluginWorld, wrong: str) -> None:
    world.write("hello", "", more=wrong)
    with pytest.raises(ManifestInvalid, match=r"\$\.data\[0\]"):
        read_manifest(world.folder / "hello")
