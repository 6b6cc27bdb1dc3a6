"""What a command is given, and what it gives back."""

import msgspec

from vivesphere.contracts.plugins import ChatMessage


class Message(ChatMessage, frozen=True, kw_only=True):
    """The chat message a command came in, with the command's name and its arguments, quotes resolved."""

    command: str
    arguments: tuple[str, ...] = ()

    @property
    def argument_text(self) -> str:
        """The arguments as one text, with single spaces between them."""
        return " ".join(self.arguments)


class Reply(msgspec.Struct, frozen=True):
    """What the bot says in the place where the command was given. A command may also return the text alone."""

    text: str
