"""The registry says who is there and how they feel, whatever they do when asked."""

import pytest

from vivesphere.kernel.services import Health, ServiceRegistry


def test_health_is_asked_of_each_by_name() -> None:
    registry = ServiceRegistry()
    registry.register("bots", Health)
    leave = registry.register("dice", lambda: Health("degraded", "slow"))
    assert registry.health() == {"bots": Health("ok"), "dice": Health("degraded", "slow")}
    leave()
    leave()
    assert list(registry.health()) == ["bots"]


def test_a_check_that_raises_is_a_failure() -> None:
    registry = ServiceRegistry()

    def check() -> Health:
        raise OSError("no disk")

    registry.register("bots", check)
    assert registry.health()["bots"] == Health("failed", "the health check raised OSError: no disk")


def test_a_name_is_taken_once() -> None:
    registry = ServiceRegistry()
    registry.register("bots", Health)
    with pytest.raises(ValueError, match="'bots' is registered already"):
        registry.register("bots", Health)
