"""A bus without a database, for tests of the bus itself."""

from dataclasses import dataclass, field
from typing import Any

from tests.support.clock import FakeClock

from vivesphere.kernel import principals
from vivesphere.kernel.bus.bus import Bus
from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.bus.limits import BusSettings, Limits
from vivesphere.kernel.bus.messages import Event
from vivesphere.kernel.cause import cause_for
from vivesphere.kernel.lifetime import Lifetime
from vivesphere.kernel.permissions import Permissions
from vivesphere.kernel.principals import Principal


@dataclass
class BusForTests:
    """The bus, and what was recorded instead of being written to a log."""

    clock: FakeClock = field(default_factory=FakeClock)
    settings: BusSettings = field(default_factory=BusSettings)
    permissions: Permissions = field(default_factory=Permissions)
    recorded: list[tuple[Principal, Event]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bus = Bus(permissions=self.permissions, limits=Limits(self.settings, self.clock), clock=self.clock)
        self.bus.record_with(self._record)
        self.lifetime = Lifetime("test")

    def module(self, name: str) -> BusHandle:
        return BusHandle(self.bus, principals.module(name), self.lifetime)

    def plugin(self, name: str) -> BusHandle:
        return BusHandle(self.bus, principals.plugin(name), self.lifetime)

    def system(self) -> BusHandle:
        return BusHandle(self.bus, principals.SYSTEM, self.lifetime)

    async def _record(self, principal: Principal, event: Event) -> None:
        self.bus.check(principal, event)
        self.recorded.append((principal, event))
        self.bus.dispatch((self.bus.envelope(event, cause_for(principal)),))

    async def __aenter__(self) -> "BusForTests":
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.bus.close(deadline=1)
        await self.lifetime.close()
