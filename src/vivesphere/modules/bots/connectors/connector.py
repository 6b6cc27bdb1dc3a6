"""What a connector is, what it is given, and the ways in which it may fail.

ConnectorFailure
├── ConnectionLost    try again later
├── NeedsPerson       trying again does not help: wrong password, wrong server
├── NotConnected      nothing was sent; the message may wait
├── SendInterrupted   part of the message may have been sent
└── SendRefused       this message will never be sent
"""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from vivesphere.kernel.clock import Clock
from vivesphere.kernel.errors import InvalidInput
from vivesphere.kernel.principals import Principal

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
ConfigT = TypeVar("ConfigT", bound=msgspec.Struct)


class ConnectorFailure(Exception):
    """The root; `detail` is one sentence for the person who looks at the account."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class ConnectionLost(ConnectorFailure):
    pass


class NeedsPerson(ConnectorFailure):
    pass


class NotConnected(ConnectorFailure):
    pass


class SendInterrupted(ConnectorFailure):
    pass


class SendRefused(ConnectorFailure):
    pass


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """Something heard. `actor` is set where the platform's people are our own signed-in users."""

    channel: str
    sender: str
    sender_id: str
    text: str
    private: bool = False
    from_bot: bool = False
    actor: Principal | None = None


class Presence(msgspec.Struct, frozen=True):
    """By which name an account is seen in which network."""

    network: str
    name: str


class Session(Protocol):
    """What a running connector may use."""

    @property
    def bot_id(self) -> str: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def secret(self) -> str | None: ...

    async def connect(self, host: str, port: int, tls: ssl.SSLContext | None) -> Streams:
        """Open a connection through the effects gate."""
        ...

    async def connected(self, detail: str = "") -> None:
        """Say that messages can come and go. `detail` names what is not as configured; it may be said again."""
        ...

    async def received(self, message: Incoming) -> None:
        """Hand over what was heard; returns once it is on disk."""
        ...


class Connector(Protocol):
    """One login on one platform."""

    @property
    def platform(self) -> str: ...

    @property
    def presence(self) -> Presence | None:
        """As whom the others see this account now; None while nobody does."""
        ...

    async def run(self, session: Session) -> None:
        """Connect once and stay until cancelled; says goodbye then. Raises ConnectionLost, NeedsPerson or OSError."""
        ...

    async def ready(self) -> None:
        """Return when flood control lets a message begin. Raises NotConnected. To be cancelled at will: nothing is sent."""
        ...

    async def send(self, channel: str, text: str) -> None:
        """Return once the text is with the platform. Raises NotConnected, SendInterrupted or SendRefused."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform(Generic[ConfigT]):
    """One kind of account. `check` raises InvalidInput for a config whose fields do not go together."""

    name: str
    title: str
    config: type[ConfigT]
    build: Callable[[ConfigT], Connector]
    check: Callable[[ConfigT, bool], None]
    secret_label: str | None = None

    def decode(self, config: dict[str, Any], *, has_secret: bool) -> ConfigT:
        """The typed config. Raises InvalidInput saying which field is wrong."""
        if has_secret and self.secret_label is None:
            raise InvalidInput(f"An account on {self.name} has no secret; leave it out.")
        try:
            decoded = msgspec.convert(config, self.config)
        except msgspec.ValidationError as error:
            raise InvalidInput(f"The config for {self.name} is not valid: {error}") from None
        self.check(decoded, has_secret)
        return decoded

    def connector(self, config: dict[str, Any]) -> Connector:
        """A connector for a config that `decode` has accepted."""
        return self.build(msgspec.convert(config, self.config))

    def schema(self) -> dict[str, Any]:
        """The config as one JSON Schema without references, for a form."""
        _, parts = msgspec.json.schema_components((self.config,))
        schema: dict[str, Any] = parts[self.config.__name__]
        return schema


class Platforms:
    """The registry: platforms by name."""

    def __init__(self, *platforms: Platform[Any]) -> None:
        self._platforms = {platform.name: platform for platform in platforms}

    def all(self) -> tuple[Platform[Any], ...]:
        return tuple(self._platforms.values())

    def find(self, name: str) -> Platform[Any]:
        """Raises InvalidInput naming the platforms there are."""
        platform = self._platforms.get(name)
        if platform is None:
            raise InvalidInput(f"There is no platform {name[:40]!r}; the platforms are {', '.join(self._platforms)}.")
        return platform
