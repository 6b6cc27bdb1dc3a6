"""`python -m benchmarks [NAME…] [--json]`: run them, each in a process of its own, and print a table or a list."""

import importlib
import subprocess
import sys

import click
import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.harness import Result

BENCHMARKS = ("cold_start", "events", "tool_call", "http_read", "durable_writes")

WIDTH = 120
"""Of the table where there is no terminal to ask."""


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(BENCHMARKS))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of a table.")
def main(names: tuple[str, ...], *, as_json: bool) -> None:
    """Measure, beside a peer where there is one. Without a name: everything."""
    names = names or BENCHMARKS
    console = Console(stderr=True)
    results: list[Result] = []
    for name in names:
        if len(names) == 1:
            results += importlib.import_module(f"benchmarks.{name}").measure()
        else:
            with console.status(f"{name} …"):
                results += _apart(name)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(results)).decode())
    else:
        Console(width=None if sys.stdout.isatty() else WIDTH).print(_table(results))


def _apart(name: str) -> list[Result]:
    """One benchmark's heap, imports and threads must not weigh on the next one's figures."""
    command = [sys.executable, "-m", "benchmarks", name, "--json"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own interpreter and program
    return msgspec.json.decode(done.stdout, type=list[Result])


def _table(results: list[Result]) -> Table:
    table = Table("benchmark", "metric", title="ViveSphere benchmarks", title_justify="left")
    for heading in ("value", "target", "peer's value"):
        table.add_column(heading, justify="right")
    table.add_column("peer")
    for each in results:
        colour = {True: "[green]", False: "[red]", None: ""}[each.met]
        table.add_row(
            each.benchmark,
            each.metric,
            f"{colour}{_number(each.value)} {each.unit}",
            "" if each.target is None else f"{_number(each.target)} {each.unit}",
            "" if each.peer_value is None else f"{_number(each.peer_value)} {each.unit}",
            each.peer or "",
        )
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.2f}"


if __name__ == "__main__":
    main()
