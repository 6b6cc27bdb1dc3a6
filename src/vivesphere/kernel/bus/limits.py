"""Token buckets: how often one principal may speak."""

from typing import Annotated

import msgspec
from msgspec import Meta

from vivesphere.kernel import principals
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.principals import Principal

CACHED_BUCKETS = 4096


class BusSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Rates of the bus."""

    module_rate: Annotated[float, Meta(gt=0, description="Messages a second that one module may send.")] = 1_000_000.0
    module_burst: Annotated[float, Meta(ge=1, description="Messages that one module may send at once.")] = 1_000_000.0
    plugin_rate: Annotated[float, Meta(gt=0, description="Messages a second that one plugin may send.")] = 200.0
    plugin_burst: Annotated[float, Meta(ge=1, description="Messages that one plugin may send at once.")] = 400.0


class TokenBucket:
    """`rate` tokens flow in each second, up to `burst`. See RFC 2697 for the idea; one bucket, no colours."""

    __slots__ = ("_at", "_burst", "_rate", "_time", "_tokens")

    def __init__(self, rate: float, burst: float, clock: Clock) -> None:
        self._rate = rate
        self._burst = burst
        self._time = clock.monotonic
        self._tokens = burst
        self._at = self._time()

    def take(self) -> float:
        """Take one token: 0.0 if there was one, else the seconds until there will be."""
        now = self._time()
        tokens = self._tokens + (now - self._at) * self._rate
        self._at = now
        if tokens > self._burst:  # noqa: PLR1730 - a call of min() costs a quarter of the whole, and every message pays it
            tokens = self._burst
        if tokens >= 1.0:
            self._tokens = tokens - 1.0
            return 0.0
        self._tokens = tokens
        return (1.0 - tokens) / self._rate


class Limits:
    """One bucket for each publisher, capped in number: a plugin must not be able to fill the memory with buckets."""

    def __init__(self, settings: BusSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._buckets: dict[Principal, TokenBucket] = {}

    def bucket(self, principal: Principal) -> TokenBucket:
        """The publisher's bucket; the same one for every handle it holds."""
        found = self._buckets.get(principal)
        if found is None:
            if len(self._buckets) >= CACHED_BUCKETS:
                del self._buckets[next(iter(self._buckets))]
            found = self._buckets[principal] = self._make(principal)
        return found

    def _make(self, principal: Principal) -> TokenBucket:
        if principals.kind(principal) == "plugin":
            return TokenBucket(self._settings.plugin_rate, self._settings.plugin_burst, self._clock)
        return TokenBucket(self._settings.module_rate, self._settings.module_burst, self._clock)
