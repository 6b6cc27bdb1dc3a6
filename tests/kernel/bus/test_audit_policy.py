"""Which live events are recorded: the rules as a person writes them."""

import pytest

from vivesphere.kernel.bus import audit_policy
from vivesphere.kernel.bus.audit_policy import AuditPolicy
from vivesphere.kernel.errors import StartError


@pytest.mark.parametrize(
    ("topic", "share"),
    [("bus.loop_broken", 1.0), ("tools.run.ended", 0.1), ("tools.noise", 0.0), ("plans.run.ticked", 0.0), ("bus", 0.0)],
)
def test_the_first_rule_that_matches_decides(topic: str, share: float) -> None:
    policy = AuditPolicy.parse(["bus.> all", "tools.noise none", "tools.> 0.1", "tools.noise all"])
    assert [policy.share(topic), policy.share(topic)] == [share, share]


@pytest.mark.parametrize("line", ["bus.>", "bus.> some", "bus.> 1.5", "bus.> -0.1", "bus.> nan", ">.bus all", "a b c", ""])
def test_a_rule_that_is_none_is_named(line: str) -> None:
    with pytest.raises(StartError, match="write PATTERN all") as refused:
        AuditPolicy.parse(["tools.> all", line])
    assert repr(line) in str(refused.value)


def test_a_plugin_cannot_fill_the_memory_with_topics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_policy, "SHARES", 10)
    policy = AuditPolicy.parse(["plugins.> 0.5"])
    assert {policy.share(f"plugins.x.topic{number}") for number in range(100)} == {0.5}
    assert len(policy._shares) <= 10
