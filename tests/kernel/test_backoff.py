"""The pauses between attempts."""

import pytest

from vivesphere.kernel.backoff import Backoff


def test_the_pause_doubles_to_its_longest_and_starts_over_after_a_healthy_minute() -> None:
    backoff = Backoff(lambda: 0.0, longest=300.0)
    assert [backoff.after(0) for _ in range(11)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert backoff.after(59) == 300
    assert backoff.after(60) == 1
    assert backoff.after(0) == 2


def test_the_jitter_takes_off_a_fifth_at_most() -> None:
    assert Backoff(lambda: 1.0).after(0) == pytest.approx(0.8)
