"""Which live events are recorded: rules of patterns, read from the settings."""

from collections.abc import Iterable, Sequence

from vivesphere.kernel.bus.errors import TopicInvalid
from vivesphere.kernel.bus.topics import matches, split_pattern
from vivesphere.kernel.capped import make_room
from vivesphere.kernel.errors import StartError

SHARES = 4096
"""Topics whose share is remembered."""


class AuditPolicy:
    """Which live events are recorded: the first rule whose pattern matches decides, and what none matches is not."""

    def __init__(self, rules: Iterable[tuple[str, float]]) -> None:
        self._rules = tuple(rules)
        self._shares: dict[str, float] = {}

    @classmethod
    def parse(cls, rules: Sequence[str]) -> "AuditPolicy":
        """From lines such as `bus.> all`, `tools.> 0.1` and `plans.*.ticked none`. Raises StartError with the mend."""
        return cls([_rule(line) for line in rules])

    def share(self, topic: str) -> float:
        """How much of it: 0.0 none, 1.0 all. A share is of chains of causes, each recorded as a whole or not at all."""
        known = self._shares.get(topic)
        if known is None:
            make_room(self._shares, SHARES)
            known = next((share for pattern, share in self._rules if matches(pattern, topic)), 0.0)
            self._shares[topic] = known
        return known


def _rule(line: str) -> tuple[str, float]:
    try:
        parts = line.split()
        if len(parts) != 2:
            raise ValueError(f"it has two parts, not {len(parts)}")
        pattern, written = parts
        split_pattern(pattern)
        share = {"all": 1.0, "none": 0.0}.get(written)
        if share is None:
            share = float(written)
        if not 0.0 <= share <= 1.0:
            raise ValueError(f"{written} is not between 0 and 1")
    except (ValueError, TopicInvalid) as error:
        raise StartError(
            f"The audit rule {line!r} is not understood ({error}); write PATTERN all, PATTERN none or PATTERN SHARE, "
            "such as 'tools.> 0.1'."
        ) from error
    return pattern, share
