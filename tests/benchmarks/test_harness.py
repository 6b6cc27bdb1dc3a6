"""The figures' shape is a promise to whoever reads `--json`; their size is never asserted in a test."""

import importlib
import io

import msgspec
import pytest
from benchmarks.__main__ import BENCHMARKS, main, table
from benchmarks.harness import Result, in_loop, median, median_of, result
from benchmarks.nats_server import nats_client, nats_server
from click.testing import CliRunner
from rich.console import Console

from benchmarks import peers


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


def test_a_figure_with_several_peers_is_shown_once() -> None:
    figures = [result("events", "one listener", 3.0, "events/s", peer=peer, peer_value=1.0) for peer in ("blinker", "pyee")]
    console = Console(width=120, file=io.StringIO(), record=True)
    console.print(table(figures))
    shown = console.export_text()
    assert shown.count("one listener") == 1
    assert "blinker" in shown
    assert "pyee" in shown


def test_a_profile_is_of_one_benchmark() -> None:
    assert "name it" in CliRunner().invoke(main, ["--profile"]).output


@pytest.mark.parametrize("peer", [peers.blinker, peers.pyee, peers.bubus])
def test_a_peer_handles_what_it_is_given(peer: peers.Peer) -> None:
    assert in_loop(lambda: peer(2, peers.BATCH if peer is not peers.bubus else peers.BUBUS_BATCH)) > 0


def test_a_nats_server_serves_and_is_gone() -> None:
    async def rate(url: str) -> float:
        async with nats_client(url) as client:
            return await peers.nats(client, 2, peers.BATCH)

    with nats_server() as url:
        assert in_loop(lambda: rate(url)) > 0
    with pytest.raises(OSError, match="refused"):
        in_loop(lambda: rate(url))
