"""Dice, in the chat (`!roll 2d6+1`) and as the tool `dice.roll`."""

from typing import Annotated

from msgspec import Meta

from vivesphere.sdk import Command, Message, PluginContext, Tool, command, hookimpl, tool

from .notation import LONGEST_NOTATION, Roll, roll

Text = Annotated[str, Meta(min_length=1, max_length=LONGEST_NOTATION, description="Dice to roll: 2d6+1, d20, 3d8-2.")]


@tool("dice.roll")
def roll_tool(notation: Text) -> Roll:
    """Roll dice and add them up. Gives the total, the single dice, and the notation as it was understood."""
    return roll(notation)


@command("roll", usage="2d6+1")
def roll_command(context: PluginContext, message: Message) -> str:
    """Roll dice."""
    rolled = roll(message.argument_text or str(context.config["default_notation"]))
    if len(rolled.rolls) < 2 and rolled.notation.count("+") + rolled.notation.count("-") == 0:
        return f"{message.sender} rolls {rolled.notation}: {rolled.total}"
    return f"{message.sender} rolls {rolled.notation}: {rolled.total} ({', '.join(map(str, rolled.rolls))})"


@hookimpl
def tools() -> list[Tool]:
    return [roll_tool]


@hookimpl
def commands() -> list[Command]:
    return [roll_command]
