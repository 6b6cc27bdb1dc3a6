import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plugins.dice.notation import MOST_DICE, MOST_SIDES, Dice, Notation, parse, roll

from vivesphere.sdk import PluginError
from vivesphere.sdk.testing import PluginInTest

pytest_plugins = "vivesphere.sdk.testing"

dice = st.builds(Dice, st.integers(1, 10), st.integers(1, MOST_SIDES), st.sampled_from([1, -1]))
notations = st.builds(Notation, st.lists(dice, min_size=1, max_size=8).map(tuple), st.integers(-1000, 1000))


@given(notations)
def test_what_is_written_is_read_back(notation: Notation) -> None:
    assert parse(str(notation)) == notation


@given(notations, st.randoms(use_true_random=False))
def test_every_die_falls_within_its_sides_and_the_total_is_their_sum(notation: Notation, chance: Any) -> None:
    rolled = roll(str(notation), lambda sides: chance.randint(1, sides))
    falls = iter(rolled.rolls)
    total = notation.constant
    for each in notation.dice:
        fallen = [next(falls) for _ in range(each.count)]
        assert all(1 <= fall <= each.sides for fall in fallen)
        total += each.sign * sum(fallen)
    assert total == rolled.total
    assert next(falls, None) is None


@given(st.text(max_size=40))
def test_any_text_is_read_within_the_limits_or_refused(text: str) -> None:
    with contextlib.suppress(PluginError):
        assert sum(each.count for each in parse(text).dice) <= MOST_DICE


@given(notations, st.data())
def test_spaces_and_capitals_do_not_count(notation: Notation, data: st.DataObject) -> None:
    spaced = "".join(char + data.draw(st.sampled_from(["", " "])) for char in str(notation).upper())
    assert parse(spaced) == notation


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Say what to roll"),
        ("2d6x", "'x' in '2d6x'"),
        ("2d6 2d6", "I do not understand"),
        ("2d", "do not understand"),
        ("hello", "do not understand 'hello'"),
        ("0d6", "The number of dice must be between 1 and 100"),
        ("101d6", "The number of dice must be between 1 and 100; you wrote 101"),
        ("60d6+60d6", "at most 100 dice"),
        ("1d1001", "A die's sides must be between 1 and 1000"),
        ("1d0", "A die's sides"),
        ("1d6+1000001", "A number must be between"),
        ("1+" * 50 + "11", "more than 100 characters"),
    ],
)
def test_a_refusal_says_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(PluginError, match=said):
        parse(text)


async def test_it_rolls_in_the_chat(plugin: PluginInTest) -> None:
    assert await plugin.say("!roll 3d1 + 2", sender="Ann") == "Ann rolls 3d1+2: 5 (1, 1, 1)"
    assert await plugin.say("!roll d1") == "ann rolls 1d1: 1"


async def test_without_a_notation_it_rolls_the_configured_one(plugin: PluginInTest) -> None:
    assert str(await plugin.say("!roll")).startswith("ann rolls 1d6: ")


async def test_in_the_chat_it_says_what_is_wrong(plugin: PluginInTest) -> None:
    with pytest.raises(PluginError, match="I do not understand"):
        await plugin.say("!roll dragons")


async def test_it_rolls_as_a_tool(plugin: PluginInTest) -> None:
    assert await plugin.run("dice.roll", notation="2d1+1") == {"total": 3, "rolls": [1, 1], "notation": "2d1+1"}
    with pytest.raises(msgspec.ValidationError, match="notation"):
        await plugin.run("dice.roll", notation=7)


async def test_the_real_dice_are_used(plugin: PluginInTest) -> None:
    rolled = await plugin.run("dice.roll", notation="100d1000")
    assert len(set(rolled["rolls"])) > 1
