"""Says what you say (`!echo text`)."""

from vivesphere.sdk import Command, Message, PluginError, command, hookimpl


@command("echo", usage="text")
def echo(message: Message) -> str:
    """Say it again."""
    if not message.arguments:
        raise PluginError("Say something after it, and I will say it too.")
    return message.argument_text


@hookimpl
def commands() -> list[Command]:
    return [echo]
