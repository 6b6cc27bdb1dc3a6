"""The service registry: how each module, plugin and part of the kernel is doing, by name."""

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

Status = Literal["ok", "degraded", "failed"]


class Health(msgspec.Struct, frozen=True):
    """`degraded` still serves; `failed` does not. `detail` says why, in a sentence."""

    status: Status = "ok"
    detail: str = ""


class ServiceRegistry:
    """Who is there and how they feel. A service that cannot be asked has failed; asking never raises."""

    def __init__(self) -> None:
        self._services: dict[str, Callable[[], Health]] = {}

    def register(self, name: str, health: Callable[[], Health]) -> Callable[[], None]:
        """Add a service. Returns the function that takes it out."""
        if name in self._services:
            raise ValueError(f"a service named {name!r} is registered already")
        self._services[name] = health
        return lambda: (self._services.pop(name, None), None)[1]

    def health(self) -> Mapping[str, Health]:
        """Every service's health, by name."""
        return {name: _ask(health) for name, health in self._services.items()}


def _ask(health: Callable[[], Health]) -> Health:
    try:
        return health()
    except Exception as error:  # noqa: BLE001 - the plugin boundary: a health check that raises is itself a finding
        return Health("failed", f"the health check raised {type(error).__name__}: {error}")
