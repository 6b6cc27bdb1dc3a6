"""`python -m benchmarks [NAME…] [--json | --profile]`: run them, each in a process of its own, and print a table or a list."""

import cProfile
import importlib
import pstats
import subprocess
import sys

import click
import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.harness import Result

BENCHMARKS = (
    "cold_start",
    "events",
    "requests",
    "recorded_events",
    "patterns",
    "isolation",
    "event_memory",
    "durable_events",
    "stream_latency",
    "tool_call",
    "http_read",
    "durable_writes",
    "writer",
    "many_writers",
    "access",
    "broker",
    "move",
)

WIDTH = 120
"""Of the table where there is no terminal to ask."""

PROFILED = 40
"""Functions that a profile shows."""


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(BENCHMARKS))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of a table.")
@click.option("--profile", is_flag=True, help="Of one benchmark, print instead where the time goes.")
def main(names: tuple[str, ...], *, as_json: bool, profile: bool) -> None:
    """Measure, beside a peer where there is one. Without a name: everything."""
    if profile:
        if len(names) != 1:
            raise click.UsageError("A profile is of one benchmark; name it.")
        _profile(names[0])
        return
    names = names or BENCHMARKS
    console = Console(stderr=True)
    results: list[Result] = []
    for name in names:
        if len(names) == 1:
            results += _measure(name)
        else:
            with console.status(f"{name} …"):
                results += _apart(name)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(results)).decode())
    else:
        Console(width=None if sys.stdout.isatty() else WIDTH).print(table(results))


def _measure(name: str) -> list[Result]:
    results: list[Result] = importlib.import_module(f"benchmarks.{name}").measure()
    return results


def _profile(name: str) -> None:
    """The functions that took most of the main thread's time, themselves. Each call is dearer than without a profiler."""
    profiler = cProfile.Profile()
    profiler.runcall(_measure, name)
    pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(PROFILED)


def _apart(name: str) -> list[Result]:
    """One benchmark's heap, imports and threads must not weigh on the next one's figures."""
    command = [sys.executable, "-m", "benchmarks", name, "--json"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own interpreter and program
    return msgspec.json.decode(done.stdout, type=list[Result])


def table(results: list[Result]) -> Table:
    table = Table("benchmark", "metric", title="ViveSphere benchmarks", title_justify="left")
    for heading in ("value", "target", "peer's value"):
        table.add_column(heading, justify="right")
    table.add_column("unit")
    table.add_column("peer")
    shown = None
    for each in results:
        colour = {True: "[green]", False: "[red]", None: ""}[each.met]
        ours = (each.benchmark, each.metric, f"{colour}{_number(each.value)}", _number(each.target))
        # A figure with many peers is told once.
        table.add_row(*(ours if ours != shown else [""] * len(ours)), _number(each.peer_value), each.unit, each.peer or "")
        shown = ours
    return table


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:,.2f}"


if __name__ == "__main__":
    main()
