"""Is the kernel real? Takes each part out in turn and runs the end-to-end test that must notice. Prints the table.

`python -m tests.prove_kernel`; exit code 1 if a test passes without its part, or fails with it.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from tests.support.sabotage import PARTS, VARIABLE

ROOT = Path(__file__).parent.parent
DEADLINE = 240.0

NOTICED_BY = {
    "authorizer": "test_kernel.py::test_the_engine_refuses_a_module_anothers_table_and_the_refusal_is_on_record",
    "effects_gate": "test_kernel.py::test_a_dry_run_leaves_the_world_alone",
    "hop_limit": "test_kernel.py::test_a_loop_of_events_ends_at_the_hop_limit_and_is_told_of",
    "rate_limit": "test_kernel.py::test_a_flooding_plugin_is_held_back_and_a_neighbour_is_not",
    "loop_watch": "test_kernel.py::test_a_listener_that_holds_the_loop_is_named_in_the_metrics_and_told_of",
    "access_reports": "test_kernel.py::test_refusals_without_end_leave_one_event_a_second",
    "journal": "test_crash.py::test_a_waiting_run_goes_on_after_sigkill_and_repeats_nothing",
}


@dataclass(frozen=True)
class Proof:
    part: str
    test: str
    passes_with: bool
    fails_without: bool

    @property
    def holds(self) -> bool:
        return self.passes_with and self.fails_without


def prove(part: str) -> Proof:
    """Run the part's test with the part in its place, and without it."""
    test = NOTICED_BY[part]
    return Proof(part, test, passes_with=_passes(test, ""), fails_without=not _passes(test, part))


def _passes(test: str, part: str) -> bool:
    """Whether the test passes. Anything but "passed" or "a test failed" is neither, and raises."""
    ended = subprocess.run(  # noqa: S603 - our own program, arguments of our own
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:cov", f"tests/e2e/{test}"],
        cwd=ROOT,
        env={**os.environ, VARIABLE: part},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    if ended.returncode not in (0, 1) or (ended.returncode == 1 and " failed" not in ended.stdout):
        raise RuntimeError(f"{test} neither passed nor failed:\n{ended.stdout}\n{ended.stderr}")
    return ended.returncode == 0


def main() -> int:
    table = Table("part", "its test", "with the part", "without it")
    proofs = [prove(part) for part in PARTS]
    for proof in proofs:
        table.add_row(
            proof.part,
            proof.test.partition("::")[2],
            "[green]passes[/]" if proof.passes_with else "[red]fails[/]",
            "[green]fails[/]" if proof.fails_without else "[red]passes: nobody noticed[/]",
        )
    Console(width=160).print(table)
    return 0 if all(proof.holds for proof in proofs) else 1


if __name__ == "__main__":
    sys.exit(main())
