"""The `webchat` platform: the browser of a signed-in person. A channel is a user's id, and the history is the transport.

What a bot says is on disk once it is sent; browsers that are open get it from the events that follow the commit (`chat.py`),
the others find it in the history when they connect.
"""

import asyncio

import msgspec

from vivesphere.kernel import principals
from vivesphere.modules.bots.connectors.connector import Incoming, NotConnected, Platform, Presence, Session

NAME = "webchat"


class WebchatConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing to configure: whoever may chat with the bot can."""


class WebchatConnector:
    """The bot's place in the web chat while its account runs."""

    platform = NAME
    presence: Presence | None = None

    def __init__(self, _config: WebchatConfig) -> None:
        self._session: Session | None = None

    async def run(self, session: Session) -> None:
        self._session = session
        try:
            await session.connected()
            await asyncio.Event().wait()
        finally:
            self._session = None

    async def ready(self) -> None:
        if self._session is None:
            raise NotConnected("the web chat is stopped")

    async def send(self, channel: str, text: str) -> None:
        # The history carries both: the text is with the browsers once its row says `sent`.
        await self.ready()

    async def say(self, user_id: str, username: str, text: str) -> None:
        """Take what a signed-in person typed. Raises NotConnected if the account is stopped."""
        if self._session is None:
            raise NotConnected("this bot's web chat is stopped; start it first")
        await self._session.received(
            Incoming(
                channel=user_id,
                sender=username,
                sender_id=user_id,
                text=text,
                private=True,
                actor=principals.user(user_id),
            )
        )


PLATFORM = Platform(
    name=NAME, title="Web chat", config=WebchatConfig, build=WebchatConnector, check=lambda _config, _has_secret: None
)
