"""The coverage gates of `make test`: what was measured, held against what the project promises (branches included).

Run after pytest: reads the combined coverage data in the working directory and exits with 1 if a gate is not met.
"""

import fnmatch
import json
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click
from coverage import Coverage

WHOLE = "src/vivesphere/*"


class Gate(NamedTuple):
    """Every file that one of the patterns names counts, all together."""

    name: str
    least: float
    patterns: tuple[str, ...]


GATES = (
    Gate("the whole", 90.0, (WHOLE,)),
    Gate("kernel/bus", 100.0, ("src/vivesphere/kernel/bus/*",)),
    *(
        Gate(f"kernel/db/{room}", 100.0, (f"src/vivesphere/kernel/db/{room}.py", f"src/vivesphere/kernel/db/{room}/*"))
        for room in (
            "access",
            "granting",
            "grants",
            "fingerprint",
            "handle",
            "settling",
            "kept_replies",
            "deliveries",
            "dead_letters",
            "places",
            "spread",
            "hot",
            "definition",
            "alteration",
            "column_types",
            "shape",
            "ddl",
            "filters",
            "selections",
        )
    ),
    Gate("kernel/db/sqlite", 100.0, ("src/vivesphere/kernel/db/sqlite/*",)),
    Gate("kernel/db/broker", 100.0, ("src/vivesphere/kernel/db/broker/*",)),
    Gate("kernel/db/backup", 100.0, ("src/vivesphere/kernel/db/backup/*",)),
    Gate("kernel/db/moving", 100.0, ("src/vivesphere/kernel/db/moving/*",)),
    Gate(
        "kernel/db's upkeep",
        100.0,
        tuple(f"src/vivesphere/kernel/db/{room}.py" for room in ("checking", "drift", "maintenance", "revising", "vacuuming")),
    ),
    Gate("data's backups", 100.0, ("src/vivesphere/modules/data/backups/*.py",)),
    Gate("every service.py", 100.0, ("src/vivesphere/modules/*/service.py", "src/vivesphere/modules/*/*/service.py")),
    # Use cases of their own beside the security log; services but for the name of the file.
    Gate(
        "audit's other services",
        100.0,
        ("src/vivesphere/modules/audit/events.py", "src/vivesphere/modules/audit/dead_letters.py"),
    ),
)


class Measured(NamedTuple):
    """One file: how many statements and branches there are, how many ran, and the lines that did not."""

    path: str
    parts: int
    ran: int
    missing: str

    @property
    def percent(self) -> float:
        return 100.0 * self.ran / self.parts if self.parts else 100.0


class Finding(NamedTuple):
    """What a gate found; `short` are the files below its mark, worst first."""

    gate: Gate
    percent: float
    short: tuple[Measured, ...]

    @property
    def met(self) -> bool:
        return self.percent >= self.gate.least


def hold(gate: Gate, files: Iterable[Measured]) -> Finding:
    """Hold one gate. A gate that no file stands behind is not met: it would guard nothing."""
    ours = [each for each in files if any(fnmatch.fnmatch(each.path, pattern) for pattern in gate.patterns)]
    whole = sum(each.parts for each in ours)
    percent = 100.0 * sum(each.ran for each in ours) / whole if whole else 0.0
    below = sorted((each for each in ours if each.percent < gate.least), key=lambda each: each.percent)
    return Finding(gate, percent, tuple(below))


def measured(report: Mapping[str, Any]) -> list[Measured]:
    """The files of a coverage JSON report."""
    return [_measured(path.replace("\\", "/"), entry) for path, entry in report["files"].items()]


def _measured(path: str, entry: Mapping[str, Any]) -> Measured:
    figures = entry["summary"]
    branches = [f"{start}->{end if end > 0 else 'exit'}" for start, end in entry["missing_branches"]]
    return Measured(
        path,
        figures["num_statements"] + figures["num_branches"],
        figures["covered_lines"] + figures["covered_branches"],
        ", ".join([*map(str, entry["missing_lines"]), *branches]),
    )


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        outfile = Path(folder) / "coverage.json"
        coverage = Coverage()
        coverage.load()
        coverage.json_report(outfile=str(outfile))
        files = measured(json.loads(outfile.read_text(encoding="utf-8")))
    findings = [hold(gate, files) for gate in GATES]
    for finding in findings:
        click.echo(
            f"{'met ' if finding.met else 'MISS'}  {finding.gate.name:22} {finding.percent:6.2f} % of {finding.gate.least:g} %"
        )
        for each in () if finding.met else finding.short:
            click.echo(f"        {each.path} {each.percent:.1f} %: {each.missing}")
    return 0 if all(finding.met for finding in findings) else 1


if __name__ == "__main__":
    sys.exit(main())
