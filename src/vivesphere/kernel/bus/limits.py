"""How fast who may speak and hear: settings, the rules among them, and the buckets that hold to them."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from vivesphere.kernel import principals
from vivesphere.kernel.bus.errors import TopicInvalid
from vivesphere.kernel.bus.topics import covers, matches, split_pattern
from vivesphere.kernel.capped import make_room
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.errors import StartError
from vivesphere.kernel.principals import Principal

CACHED_BUCKETS = 4096

K = TypeVar("K")


class BusSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `bus`. Every value takes effect when it is reloaded."""

    module_rate: Annotated[float, Meta(gt=0, description="Messages a second that one module may send.")] = 1_000_000.0
    module_burst: Annotated[float, Meta(ge=1, description="Messages that one module may send at once.")] = 1_000_000.0
    plugin_rate: Annotated[float, Meta(gt=0, description="Messages a second that one plugin may send.")] = 200.0
    plugin_burst: Annotated[float, Meta(ge=1, description="Messages that one plugin may send at once.")] = 400.0
    plugin_hearing_rate: Annotated[
        float,
        Meta(gt=0, description="Events a second that are handed to one listener of a plugin; the rest waits in its queue."),
    ] = 1_000.0
    plugin_hearing_burst: Annotated[float, Meta(ge=1, description="Events handed to one listener of a plugin at once.")] = (
        1_000.0
    )
    publish_limits: Annotated[
        tuple[str, ...],
        Meta(
            description="Rates by publisher and topic, beside the publisher's own; what is reported inside a unit of work is "
            "never refused. Each is `WHO PATTERN RATE` or `WHO PATTERN RATE/BURST`, WHO a principal, `plugin:*`, `module:*` or "
            "`*`: `plugin:* plugins.*.telemetry 50/100`."
        ),
    ] = ()
    hearing_limits: Annotated[
        tuple[str, ...],
        Meta(description="Rates at which events are handed to listeners, by listener's principal and topic, written alike."),
    ] = ()
    request_concurrency: Annotated[
        int, Meta(ge=1, description="Requests that one responder answers at once; the next ones wait until their deadline.")
    ] = 256
    max_payload: Annotated[int, Meta(ge=1024, description="Bytes of one event's or request's payload.")] = 256 * 1024
    audit: Annotated[
        tuple[str, ...],
        Meta(
            description="Which live events are recorded; durable ones always are. Each is `PATTERN all`, `PATTERN none` or "
            "`PATTERN SHARE`, such as `tools.> 0.1` for every tenth chain; the first that matches decides, none is `none`."
        ),
    ] = ("bus.> all",)


class RateRule(msgspec.Struct, frozen=True):
    """One line of `publish_limits` or `hearing_limits`. `rate` is in messages a second."""

    who: str
    pattern: str
    rate: float
    burst: float

    @classmethod
    def parse(cls, line: str) -> "RateRule":
        """Raises StartError with the mend."""
        try:
            parts = line.split()
            if len(parts) != 3:
                raise ValueError(f"it has three parts, not {len(parts)}")
            who, pattern, written = parts
            rate, _, burst = written.partition("/")
            split_pattern(pattern)
            rule = cls(who, pattern, float(rate), max(1.0, float(burst or rate)))
        except (ValueError, TopicInvalid) as error:
            raise StartError(
                f"The limit {line!r} is not understood ({error}); write WHO PATTERN RATE/BURST, "
                "such as 'plugin:* plugins.*.telemetry 50/100'."
            ) from error
        if not rule.rate > 0:
            raise StartError(f"The limit {line!r} lets nothing pass; write a rate above 0.")
        return rule

    def concerns(self, principal: Principal) -> bool:
        return self.who in ("*", principal, f"{principals.kind(principal)}:*")


class TokenBucket:
    """At most `burst` at once and `rate` a second after that: the generic cell rate algorithm (ITU-T I.371, annex A).

    `_next` is when the bucket will be full again; a token moves it on by one interval.
    """

    __slots__ = ("_interval", "_next", "_time", "_tolerance", "burst", "rate", "refused", "taken")

    def __init__(self, rate: float, burst: float, clock: Clock) -> None:
        self.taken = 0
        self.refused = 0
        self._time = clock.monotonic
        self._next = 0.0
        self._interval = 0.0
        self.change(rate, burst)

    def change(self, rate: float, burst: float) -> None:
        """Another speed from now on. What is missing in the bucket stays missing, and comes at the new rate."""
        now = self._time()
        missing = max(0.0, self._next - now) / self._interval if self._interval else 0.0
        self._next = now + missing / rate
        self.rate = rate
        self.burst = burst
        self._interval = 1.0 / rate
        self._tolerance = (burst - 1.0) / rate

    def take(self) -> float:
        """Take one token: 0.0 if there was one, else the seconds until there will be."""
        now = self._time()
        full = self._next
        if full <= now:
            self._next = now + self._interval
        else:
            wait = full - now - self._tolerance
            # A token that is due in this very instant must not be refused for a rounding in the last bit.
            if wait > 1e-9:
                self.refused += 1
                return wait
            self._next = full + self._interval
        self.taken += 1
        return 0.0


class Limits:
    """Every bucket, by whom it is for. Capped in number: a plugin must not be able to fill the memory with buckets."""

    def __init__(self, settings: BusSettings, clock: Clock) -> None:
        self._clock = clock
        self._publishers: dict[Principal, TokenBucket] = {}
        self._by_rule: dict[tuple[Principal, RateRule], TokenBucket] = {}
        self.change(settings)

    def change(self, settings: BusSettings) -> None:
        """Other settings from now on. Raises StartError, and changes nothing then."""
        publishing = tuple(RateRule.parse(line) for line in settings.publish_limits)
        hearing = tuple(RateRule.parse(line) for line in settings.hearing_limits)
        self.settings = settings
        self._publishing, self._hearing = publishing, hearing
        self._by_rule.clear()
        for principal, bucket in self._publishers.items():
            bucket.change(*self._speed(principal))

    def publisher(self, principal: Principal) -> TokenBucket:
        """The publisher's bucket; the same one for every handle it holds."""
        return _kept(self._publishers, principal, lambda: TokenBucket(*self._speed(principal), self._clock))

    def publishers(self) -> Iterable[tuple[Principal, TokenBucket]]:
        return self._publishers.items()

    def taking(self, principal: Principal, topic: str) -> Callable[[], float]:
        """What takes a token for one message of this topic: from the publisher's own bucket, and from those of the rules."""
        own = self.publisher(principal)
        rules = [rule for rule in self._publishing if rule.concerns(principal) and matches(rule.pattern, topic)]
        if not rules:
            return own.take
        taking = [
            _kept(self._by_rule, (principal, rule), partial(TokenBucket, rule.rate, rule.burst, self._clock)) for rule in rules
        ]

        def take() -> float:
            for bucket in taking:
                if wait := bucket.take():
                    # It ends here, so that what is refused costs nothing further on. Whoever refuses it, it is the publisher's.
                    own.refused += 1
                    return wait
            return own.take()

        return take

    def hearing(self, principal: Principal, pattern: str) -> TokenBucket | None:
        """How fast a new listener is handed events: by the first rule that names its very pattern or a wider one."""
        for rule in self._hearing:
            if rule.concerns(principal) and covers(rule.pattern, pattern):
                return TokenBucket(rule.rate, rule.burst, self._clock)
        if principals.kind(principal) == "plugin":
            return TokenBucket(self.settings.plugin_hearing_rate, self.settings.plugin_hearing_burst, self._clock)
        return None

    def _speed(self, principal: Principal) -> tuple[float, float]:
        if principals.kind(principal) == "plugin":
            return self.settings.plugin_rate, self.settings.plugin_burst
        return self.settings.module_rate, self.settings.module_burst


def _kept(known: dict[K, TokenBucket], key: K, make: Callable[[], TokenBucket]) -> TokenBucket:
    found = known.get(key)
    if found is None:
        make_room(known, CACHED_BUCKETS)
        found = known[key] = make()
    return found
