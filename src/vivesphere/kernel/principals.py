"""Who acts. A principal is given out with a handle or a session; nothing in a payload can name one."""

from typing import NewType

Principal = NewType("Principal", str)
"""`<kind>:<name>`, or `system` alone."""

SYSTEM = Principal("system")


def module(name: str) -> Principal:
    return Principal(f"module:{name}")


def plugin(plugin_id: str) -> Principal:
    return Principal(f"plugin:{plugin_id}")


def user(user_id: str) -> Principal:
    return Principal(f"user:{user_id}")


def bot(bot_id: str) -> Principal:
    return Principal(f"bot:{bot_id}")


def member(account_id: str, platform_id: str) -> Principal:
    """A person in a chat, as the platform names them."""
    return Principal(f"member:{account_id}/{platform_id}")


def kind(principal: Principal) -> str:
    """`system`, `module`, `plugin`, `user`, `apikey`, `bot` or `member`."""
    return principal.partition(":")[0]


def name(principal: Principal) -> str:
    """What follows the kind; empty for `system`."""
    return principal.partition(":")[2]
