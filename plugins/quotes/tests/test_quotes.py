import pytest

from vivesphere.sdk import PluginError
from vivesphere.sdk.testing import PluginInTest

pytest_plugins = "vivesphere.sdk.testing"


async def test_what_is_kept_is_said_again_each_in_its_turn(plugin: PluginInTest) -> None:
    assert await plugin.say("!quote add Less is more.") == "Kept as #1."
    assert await plugin.say("!quote add More is different.", sender="Bob") == "Kept as #2."
    assert [await plugin.say("!quote") for _ in range(3)] == [
        "#1: Less is more.",
        "#2: More is different.",
        "#1: Less is more.",
    ]


async def test_nothing_is_kept_twice(plugin: PluginInTest) -> None:
    await plugin.say("!quote add Less is more.")
    assert await plugin.say("!quote add Less is more.") == "That one is kept already."


async def test_a_word_is_found_whatever_its_case(plugin: PluginInTest) -> None:
    for number in range(7):
        await plugin.say(f"!quote add Line {number}")
    assert await plugin.say("!quote find LINE 6") == "#7: Line 6"
    assert (await plugin.say("!quote find line") or "").splitlines()[-1] == "… and 2 more."
    assert await plugin.say("!quote find nothing") == "No quote has 'nothing' in it."


async def test_signs_of_sql_are_only_signs(plugin: PluginInTest) -> None:
    await plugin.say('!quote add "100% \'; DELETE FROM quotes -- !_"')
    await plugin.say("!quote add other")
    assert await plugin.say("!quote find %") == "#1: 100% '; DELETE FROM quotes -- !_"
    assert await plugin.say("!quote find !_") == "#1: 100% '; DELETE FROM quotes -- !_"
    assert await plugin.say("!quote find __") == "No quote has '__' in it."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("!quote", "no quotes yet"),
        ("!quote add", "what to keep"),
        ("!quote find", "what to look for"),
        ("!quote sing", "do not know 'sing'"),
        ("!quote add " + "x" * 401, "at most 400 characters; this one has 401"),
    ],
)
async def test_a_refusal_says_what_to_do(plugin: PluginInTest, text: str, said: str) -> None:
    with pytest.raises(PluginError, match=said):
        await plugin.say(text)
