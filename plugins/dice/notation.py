"""Dice notation: `2d6+1` is two dice of six sides, and one more. Terms may be added and subtracted: `d20+2d4-3`."""

import random
import re
from collections.abc import Callable

import msgspec

from vivesphere.sdk import PluginError

MOST_DICE = 100
MOST_SIDES = 1000
LARGEST_NUMBER = 1_000_000
LONGEST_NOTATION = 100

_TERM = re.compile(r"(?P<sign>[+-])?(?:(?P<count>[0-9]*)d(?P<sides>[0-9]+)|(?P<number>[0-9]+))", re.IGNORECASE)

_random = random.SystemRandom()


class Dice(msgspec.Struct, frozen=True):
    """`count` dice of `sides` sides, added (`sign` 1) or subtracted (-1)."""

    count: int
    sides: int
    sign: int = 1


class Notation(msgspec.Struct, frozen=True):
    """What was written, read: the dice in their order, and the sum of the plain numbers."""

    dice: tuple[Dice, ...]
    constant: int = 0

    def __str__(self) -> str:
        """In its shortest form, which reads as the same again."""
        text = "".join(f"{'-' if each.sign < 0 else '+'}{each.count}d{each.sides}" for each in self.dice)
        text += f"{self.constant:+d}" if self.constant or not self.dice else ""
        return text.removeprefix("+")


class Roll(msgspec.Struct, frozen=True):
    """`rolls` are the single dice as they fell, in the order of the notation."""

    total: int
    rolls: tuple[int, ...]
    notation: str


def parse(text: str) -> Notation:
    """Read a notation; spaces do not count. Raises PluginError with a sentence for the one who wrote it."""
    compact = "".join(text.split())
    if not compact:
        raise PluginError("Say what to roll, such as 2d6+1.")
    if len(compact) > LONGEST_NOTATION:
        raise PluginError(f"That is more than {LONGEST_NOTATION} characters; roll less at once.")
    dice: list[Dice] = []
    constant = 0
    position = 0
    while position < len(compact):
        found = _TERM.match(compact, position)
        if found is None or (position and not found["sign"]):
            raise PluginError(f"I do not understand {compact[position:]!r} in {compact!r}. Write dice like 2d6+1.")
        sign = -1 if found["sign"] == "-" else 1
        if found["number"] is not None:
            constant += sign * _bounded(int(found["number"]), 0, LARGEST_NUMBER, "A number")
        else:
            dice.append(_dice(found["count"], found["sides"], sign))
        position = found.end()
    if sum(each.count for each in dice) > MOST_DICE:
        raise PluginError(f"I roll at most {MOST_DICE} dice at once.")
    return Notation(tuple(dice), constant)


def roll(text: str, throw: Callable[[int], int] | None = None) -> Roll:
    """Read and roll. `throw` gives a die's fall for its number of sides; without it, chance does."""
    notation = parse(text)
    fall = throw or (lambda sides: _random.randint(1, sides))
    rolls: list[int] = []
    total = notation.constant
    for dice in notation.dice:
        fallen = [fall(dice.sides) for _ in range(dice.count)]
        rolls += fallen
        total += dice.sign * sum(fallen)
    return Roll(total=total, rolls=tuple(rolls), notation=str(notation))


def _dice(count: str, sides: str, sign: int) -> Dice:
    number = _bounded(int(count or 1), 1, MOST_DICE, "The number of dice")
    return Dice(number, _bounded(int(sides), 1, MOST_SIDES, "A die's sides"), sign)


def _bounded(value: int, least: int, most: int, what: str) -> int:
    if not least <= value <= most:
        raise PluginError(f"{what} must be between {least} and {most}; you wrote {value}.")
    return value
