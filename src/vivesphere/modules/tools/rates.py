"""How often each actor may run tools."""

from vivesphere.kernel import principals
from vivesphere.kernel.bus.limits import TokenBucket
from vivesphere.kernel.capped import make_room
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.principals import Principal
from vivesphere.modules.tools.settings import ToolsSettings

MOST_BUCKETS = 4096


class Rates:
    """A bucket for each actor, capped in number: whoever can invent actors (a chat's members) must not fill the memory."""

    def __init__(self, settings: ToolsSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._buckets: dict[Principal, TokenBucket] = {}

    def take(self, actor: Principal) -> float:
        """Take one run: 0.0 if there was one, else the seconds until there will be."""
        bucket = self._buckets.get(actor)
        if bucket is None:
            make_room(self._buckets, MOST_BUCKETS)
            bucket = self._buckets[actor] = self._make(actor)
        return bucket.take()

    def _make(self, actor: Principal) -> TokenBucket:
        settings = self._settings
        if principals.kind(actor) == "member":
            return TokenBucket(settings.chat_rate, settings.chat_burst, self._clock)
        return TokenBucket(settings.rate, settings.burst, self._clock)
