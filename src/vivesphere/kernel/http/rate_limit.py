"""How often one address may ask without being signed in.

Litestar's own middleware counts by the wall clock and knows nothing of failed sign-ins, which must cost as much as public
requests do, or a token could be guessed at full speed.
"""

import ipaddress
import math
from collections import OrderedDict
from typing import Annotated

import msgspec
from msgspec import Meta

from vivesphere.kernel.clock import Clock
from vivesphere.kernel.errors import TooManyRequests

WINDOW = 60.0
KEPT_ADDRESSES = 10_000


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Section `http`."""

    anonymous_per_minute: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Requests a minute from one address that is not signed in.")
    ] = 100
    public_url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[^/?#\s]+/?)?$(?!\n)",
            description="Where browsers reach the server, such as https://bots.example.org: needed if a proxy in front changes "
            "the Host header. Pages of this address may sign in.",
        ),
    ] = ""
    max_body_bytes: Annotated[int, Meta(ge=1024, le=1 << 30, description="The largest body a request may have.")] = 1 << 20


class Quota(msgspec.Struct, frozen=True):
    """What an address has left. `reset` is in seconds from now."""

    limit: int
    remaining: int
    reset: int

    def headers(self) -> dict[str, str]:
        """As of draft-ietf-httpapi-ratelimit-headers-05, the form that clients know."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset),
            "RateLimit-Policy": f"{self.limit};w={WINDOW:.0f}",
        }


class AnonymousLimit:
    """A fixed window for each address; an IPv6 client owns a /64, so that is its address here."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._limit = per_minute
        self._clock = clock
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def take(self, address: str) -> tuple[Quota, TooManyRequests | None]:
        """Count one request. The refusal comes with the quota, because its headers are sent either way."""
        key = _network(address)
        now = self._clock.monotonic()
        ends, count = self._windows.pop(key, (now + WINDOW, 0))
        if now >= ends:
            ends, count = now + WINDOW, 0
        refused = count >= self._limit
        self._windows[key] = (ends, count if refused else count + 1)
        if len(self._windows) > KEPT_ADDRESSES:
            self._windows.popitem(last=False)
        quota = Quota(self._limit, self._limit - self._windows[key][1], math.ceil(ends - now))
        if not refused:
            return quota, None
        sentence = f"{self._limit} requests a minute is what an address that is not signed in may send; wait {quota.reset} s."
        return quota, TooManyRequests(sentence, ends - now)


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6 and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
    return address
