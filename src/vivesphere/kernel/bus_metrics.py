"""The bus's counts in Prometheus' words, read when somebody asks: counting costs the hot paths nothing.

Plugins choose how many listeners they have and what those are called, so the number of names shown is capped.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from vivesphere.kernel.bus.overview import BusOverview, SubscriberOverview

LISTENERS = 50
"""So many names of listeners are shown for one principal, and its further listeners together."""

OTHERS = "others"
NAMED = 200
"""So many publishers and requests are shown by name, and the rest together."""

Values = Mapping[str, float]


class Shown(msgspec.Struct, frozen=True):
    """One metric: what it is called, what it means, and how it is read. Its values are by `label`, or under the empty name."""

    name: str
    kind: Literal["counter", "gauge"]
    meaning: str
    read: Callable[[BusOverview], Values]
    label: str = ""

    def family(self, seen: BusOverview) -> Metric:
        of = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        family = of(self.name, self.meaning, labels=[self.label] if self.label else [])
        for name, value in self.read(seen).items():
            family.add_metric([name] if self.label else [], value)
        return family


def of_bus(seen: BusOverview) -> Iterator[Metric]:
    """Every metric of the bus, with its values."""
    return (shown.family(seen) for shown in SHOWN)


def _one(value: Callable[[BusOverview], float]) -> Callable[[BusOverview], Values]:
    return lambda seen: {"": value(seen)}


def _listeners(value: Callable[[SubscriberOverview], float | None]) -> Callable[[BusOverview], Values]:
    def read(seen: BusOverview) -> Values:
        names: dict[str, set[str]] = {}
        summed: dict[str, float] = {}
        for each in seen.subscribers:
            if (number := value(each)) is None:
                continue
            known = names.setdefault(each.principal, set())
            # The first to come keep their names for as long as they are there.
            named = each.name in known or len(known) < LISTENERS
            name = each.name if named else f"{each.principal} ({OTHERS})"
            if named:
                known.add(name)
            summed[name] = summed.get(name, 0.0) + number
        return summed

    return read


def _named(pairs: Callable[[BusOverview], Iterable[tuple[str, float]]]) -> Callable[[BusOverview], Values]:
    def read(seen: BusOverview) -> Values:
        summed: dict[str, float] = {}
        for name, number in pairs(seen):
            shown = name if name in summed or len(summed) < NAMED else OTHERS
            summed[shown] = summed.get(shown, 0.0) + number
        return summed

    return read


SHOWN: tuple[Shown, ...] = (
    Shown("vivesphere_bus_events", "counter", "Events handed to the routes.", _one(lambda seen: seen.published)),
    Shown("vivesphere_bus_requests", "counter", "Requests asked.", _one(lambda seen: seen.requests)),
    Shown(
        "vivesphere_bus_refused",
        "counter",
        "Messages refused at the edge, by kind of refusal.",
        _named(lambda seen: seen.refused.items()),
        "reason",
    ),
    Shown("vivesphere_bus_loops_broken", "counter", "Chains stopped at the hop limit.", _one(lambda seen: seen.loops_broken)),
    Shown(
        "vivesphere_bus_queue_depth",
        "gauge",
        "Events that wait for a listener or are in its hands.",
        _listeners(lambda each: each.waiting),
        "listener",
    ),
    Shown(
        "vivesphere_bus_handled",
        "counter",
        "Events that a listener has handled.",
        _listeners(lambda each: each.handled),
        "listener",
    ),
    Shown(
        "vivesphere_bus_dropped",
        "counter",
        "Events dropped from a live listener's full queue.",
        _listeners(lambda each: each.dropped if each.delivery == "live" else None),
        "listener",
    ),
    Shown(
        "vivesphere_bus_listener_failures",
        "counter",
        "Events whose listener raised.",
        _listeners(lambda each: each.failed),
        "listener",
    ),
    Shown(
        "vivesphere_bus_breakers_open",
        "gauge",
        "Topics that a listener is cut off from at the moment.",
        _listeners(lambda each: len(each.tripped)),
        "listener",
    ),
    Shown(
        "vivesphere_bus_cut",
        "counter",
        "Events that an open breaker held back from a listener.",
        _listeners(lambda each: each.cut),
        "listener",
    ),
    Shown(
        "vivesphere_bus_lag",
        "gauge",
        "Recorded events that a durable listener is behind the event log.",
        _listeners(lambda each: each.lag),
        "listener",
    ),
    Shown(
        "vivesphere_bus_dead_letters",
        "gauge",
        "Events that a durable listener gave up and nobody has retried or dropped.",
        _listeners(lambda each: each.dead if each.delivery == "durable" else None),
        "listener",
    ),
    Shown(
        "vivesphere_bus_blocked",
        "gauge",
        "1 while a durable listener, or a lane of it, does not go on because of an event, else 0.",
        _listeners(lambda each: float(each.blocked is not None) if each.delivery == "durable" else None),
        "listener",
    ),
    Shown(
        "vivesphere_bus_publisher_messages",
        "counter",
        "Messages that a publisher's rate let through.",
        _named(lambda seen: ((each.principal, each.published) for each in seen.publishers)),
        "principal",
    ),
    Shown(
        "vivesphere_bus_publisher_refused",
        "counter",
        "Messages that a publisher's rate refused.",
        _named(lambda seen: ((each.principal, each.refused) for each in seen.publishers)),
        "principal",
    ),
    Shown(
        "vivesphere_bus_responder_answered",
        "counter",
        "Requests that were answered.",
        _named(lambda seen: ((each.topic, each.answered) for each in seen.responders)),
        "topic",
    ),
    Shown(
        "vivesphere_bus_responder_running",
        "gauge",
        "Requests being answered at the moment.",
        _named(lambda seen: ((each.topic, each.running) for each in seen.responders)),
        "topic",
    ),
    Shown(
        "vivesphere_bus_responder_waiting",
        "gauge",
        "Requests that wait for their responder's turn.",
        _named(lambda seen: ((each.topic, each.waiting) for each in seen.responders)),
        "topic",
    ),
    Shown(
        "vivesphere_bus_audit_recorded",
        "counter",
        "Live events recorded because the audit policy asks for it.",
        _one(lambda seen: seen.audit.recorded),
    ),
    Shown(
        "vivesphere_bus_audit_waiting", "gauge", "Live events that wait to be recorded.", _one(lambda seen: seen.audit.waiting)
    ),
    Shown(
        "vivesphere_bus_unaudited",
        "counter",
        "Live events that the audit policy asks for and that could not be recorded.",
        _one(lambda seen: seen.audit.unaudited),
    ),
)
"""In the order of the reference page."""
