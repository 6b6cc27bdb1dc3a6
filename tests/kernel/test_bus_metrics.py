"""The bus in Prometheus' words: every count is shown, under a number of names that nobody outside decides."""

from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, generate_latest

from vivesphere.kernel.bus.overview import (
    AuditOverview,
    BusOverview,
    PublisherOverview,
    ResponderOverview,
    SubscriberOverview,
)
from vivesphere.kernel.bus_metrics import LISTENERS, NAMED, of_bus
from vivesphere.kernel.principals import Principal, module, plugin

QUIET = BusOverview(
    published=0, requests=0, loops_broken=0, refused={}, subscribers=(), publishers=(), responders=(), audit=AuditOverview()
)
LIVE = SubscriberOverview(
    name="bots",
    principal=module("bots"),
    patterns=("bots.>",),
    delivery="live",
    lanes=1,
    waiting=3,
    handled=40,
    failed=2,
    dropped=5,
    cut=7,
    capacity=1000,
    overflow="drop_oldest",
    tripped=("bots.message.received",),
)
DURABLE = SubscriberOverview(
    name="module:audit/security",
    principal=module("audit"),
    patterns=("auth.login.failed",),
    delivery="durable",
    lanes=1,
    waiting=1,
    handled=9,
    failed=4,
    dead=2,
    cut=6,
    tripped=("auth.login.failed",),
    lag=11,
    blocked="the event 7",
)


class OfBus:
    def __init__(self, seen: BusOverview) -> None:
        self._seen = seen

    def collect(self) -> Any:
        return of_bus(self._seen)


def shown(**changes: Any) -> dict[str, float]:
    """Every sample of a bus that is quiet but for the changes, as Prometheus reads it."""
    registry = CollectorRegistry()
    registry.register(OfBus(msgspec.structs.replace(QUIET, **changes)))
    lines = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_the_whole_bus_is_counted() -> None:
    lines = shown(published=1, requests=2, loops_broken=3, refused={"rate-limited": 4, "not-permitted": 5})
    assert lines["vivesphere_bus_events_total"] == 1
    assert lines["vivesphere_bus_requests_total"] == 2
    assert lines["vivesphere_bus_loops_broken_total"] == 3
    assert lines['vivesphere_bus_refused_total{reason="rate-limited"}'] == 4
    assert lines['vivesphere_bus_refused_total{reason="not-permitted"}'] == 5


def test_a_listener_shows_what_its_kind_can_have() -> None:
    lines = shown(subscribers=(LIVE, DURABLE))
    assert {name: value for name, value in lines.items() if 'listener="bots"' in name} == {
        'vivesphere_bus_queue_depth{listener="bots"}': 3,
        'vivesphere_bus_handled_total{listener="bots"}': 40,
        'vivesphere_bus_dropped_total{listener="bots"}': 5,
        'vivesphere_bus_listener_failures_total{listener="bots"}': 2,
        'vivesphere_bus_breakers_open{listener="bots"}': 1,
        'vivesphere_bus_cut_total{listener="bots"}': 7,
    }
    assert {name: value for name, value in lines.items() if "security" in name} == {
        'vivesphere_bus_queue_depth{listener="module:audit/security"}': 1,
        'vivesphere_bus_handled_total{listener="module:audit/security"}': 9,
        'vivesphere_bus_listener_failures_total{listener="module:audit/security"}': 4,
        'vivesphere_bus_breakers_open{listener="module:audit/security"}': 1,
        'vivesphere_bus_cut_total{listener="module:audit/security"}': 6,
        'vivesphere_bus_lag{listener="module:audit/security"}': 11,
        'vivesphere_bus_dead_letters{listener="module:audit/security"}': 2,
        'vivesphere_bus_blocked{listener="module:audit/security"}': 1,
    }


def test_listeners_of_one_name_are_added_up() -> None:
    lines = shown(subscribers=(LIVE, LIVE))
    assert lines['vivesphere_bus_queue_depth{listener="bots"}'] == 6


def test_publishers_responders_and_the_audit_are_counted() -> None:
    lines = shown(
        publishers=(PublisherOverview(plugin("dice"), 6, 7, 200.0, 400.0),),
        responders=(ResponderOverview("tools.run", module("tools"), 1, 2, 64, 3),),
        audit=AuditOverview(recorded=8, waiting=9, unaudited=10),
    )
    assert lines['vivesphere_bus_publisher_messages_total{principal="plugin:dice"}'] == 6
    assert lines['vivesphere_bus_publisher_refused_total{principal="plugin:dice"}'] == 7
    assert lines['vivesphere_bus_responder_running{topic="tools.run"}'] == 1
    assert lines['vivesphere_bus_responder_waiting{topic="tools.run"}'] == 2
    assert lines['vivesphere_bus_responder_answered_total{topic="tools.run"}'] == 3
    assert lines["vivesphere_bus_audit_recorded_total"] == 8
    assert lines["vivesphere_bus_audit_waiting"] == 9
    assert lines["vivesphere_bus_unaudited_total"] == 10


def test_a_plugin_with_very_many_listeners_takes_no_names_from_others() -> None:
    many = tuple(
        msgspec.structs.replace(LIVE, name=f"dice {number}", principal=plugin("dice")) for number in range(LISTENERS + 30)
    )
    lines = shown(subscribers=(*many, LIVE))
    depths = {name: value for name, value in lines.items() if name.startswith("vivesphere_bus_queue_depth")}
    assert len(depths) == LISTENERS + 2
    assert depths['vivesphere_bus_queue_depth{listener="plugin:dice (others)"}'] == 30 * LIVE.waiting
    assert depths['vivesphere_bus_queue_depth{listener="bots"}'] == LIVE.waiting


def test_the_number_of_publishers_shown_is_capped() -> None:
    many = tuple(PublisherOverview(Principal(f"plugin:p{number}"), 1, 0, 1.0, 1.0) for number in range(NAMED + 5))
    lines = shown(publishers=many)
    assert len([name for name in lines if name.startswith("vivesphere_bus_publisher_messages")]) == NAMED + 1
    assert lines['vivesphere_bus_publisher_messages_total{principal="others"}'] == 5
