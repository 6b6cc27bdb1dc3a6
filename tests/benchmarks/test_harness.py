"""The figures' shape is a promise to whoever reads `--json`; their size is never asserted in a test."""

import importlib

import msgspec
import pytest
from benchmarks.__main__ import BENCHMARKS
from benchmarks.harness import Result, in_loop, median, median_of, result


def test_a_result_has_the_promised_fields_in_order() -> None:
    figure = result("events", "one listener", 3.0, "events/s", target=2.0, peer="blinker", peer_value=1.0)
    assert list(msgspec.to_builtins(figure)) == ["benchmark", "metric", "value", "unit", "target", "met", "peer", "peer_value"]


@pytest.mark.parametrize(
    ("value", "better", "met"), [(3.0, "more", True), (1.0, "more", False), (3.0, "less", False), (2.0, "less", True)]
)
def test_a_target_is_met_on_its_own_side(value: float, better: str, *, met: bool) -> None:
    figure: Result = result("x", "y", value, "s", target=2.0, better="more" if better == "more" else "less")
    assert figure.met is met


def test_without_a_target_nothing_is_met_or_missed() -> None:
    assert result("x", "y", 1.0, "s").met is None


def test_the_median_leaves_the_first_run_out() -> None:
    values = iter([100.0, 1.0, 5.0, 2.0, 4.0, 3.0])
    assert median(lambda: next(values)) == 3.0


def test_the_median_of_coroutines_too() -> None:
    values = iter([100.0, 1.0, 5.0, 2.0, 4.0, 3.0])

    async def measured() -> float:
        return next(values)

    assert in_loop(lambda: median_of(measured)) == 3.0


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_can_be_measured(name: str) -> None:
    assert callable(importlib.import_module(f"benchmarks.{name}").measure)
