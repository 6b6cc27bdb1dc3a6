import pytest

from vivesphere.sdk import PluginError
from vivesphere.sdk.testing import PluginInTest

pytest_plugins = "vivesphere.sdk.testing"


async def test_it_says_what_you_say(plugin: PluginInTest) -> None:
    assert await plugin.say('!echo hello "big  world"') == "hello big  world"


async def test_it_asks_for_something_to_say(plugin: PluginInTest) -> None:
    with pytest.raises(PluginError, match="Say something"):
        await plugin.say("!echo")
