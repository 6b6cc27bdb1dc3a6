"""What this module refuses.

Refusal
├── NotFound      BotUnknown, AccountUnknown
├── Conflict      BotExists, WebchatExists
└── InvalidInput  MessageInvalid
"""

from vivesphere.kernel.errors import Conflict, InvalidInput, NotFound


class BotUnknown(NotFound):
    def __init__(self, bot_id: str) -> None:
        super().__init__(f"There is no bot {bot_id[:40]!r} in this project.")


class AccountUnknown(NotFound):
    def __init__(self, account_id: str) -> None:
        super().__init__(f"This bot has no account {account_id[:40]!r}.")


class BotExists(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(f"There is a bot named {name!r} in this project already; choose another name.")


class WebchatExists(Conflict):
    def __init__(self) -> None:
        super().__init__("This bot has a web chat account already; one is enough for everybody.")


class MessageInvalid(InvalidInput):
    pass
