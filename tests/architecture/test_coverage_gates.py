"""The gates must be able to close: a gate that always opens guards nothing."""

from tests.coverage_gates import GATES, Gate, Measured, hold, measured

REPORT = {
    "files": {
        "src/vivesphere/kernel/bus/bus.py": {
            "summary": {"num_statements": 8, "num_branches": 2, "covered_lines": 7, "covered_branches": 1},
            "missing_lines": [3],
            "missing_branches": [[2, 3], [5, -1]],
        }
    }
}


def test_a_report_is_read_with_its_branches() -> None:
    assert measured(REPORT) == [Measured("src/vivesphere/kernel/bus/bus.py", 10, 8, "3, 2->3, 5->exit")]


def test_a_gate_closes_below_its_mark_and_names_the_file() -> None:
    finding = hold(Gate("bus", 100.0, ("src/vivesphere/kernel/bus/*",)), measured(REPORT))
    assert not finding.met
    assert [each.path for each in finding.short] == ["src/vivesphere/kernel/bus/bus.py"]


def test_a_gate_opens_at_its_mark() -> None:
    assert hold(Gate("bus", 80.0, ("src/vivesphere/kernel/bus/*",)), measured(REPORT)).met


def test_a_gate_that_guards_nothing_is_not_met() -> None:
    assert not hold(Gate("gone", 90.0, ("src/vivesphere/gone/*",)), measured(REPORT)).met


def test_the_promised_gates_are_there() -> None:
    assert {gate.name: gate.least for gate in GATES} == {
        "the whole": 90.0,
        "kernel/bus": 100.0,
        "kernel/db/access": 100.0,
        "kernel/db/granting": 100.0,
        "kernel/db/grants": 100.0,
        "kernel/db/fingerprint": 100.0,
        "kernel/db/handle": 100.0,
        "kernel/db/settling": 100.0,
        "kernel/db/kept_replies": 100.0,
        "kernel/db/deliveries": 100.0,
        "kernel/db/dead_letters": 100.0,
        "kernel/db/places": 100.0,
        "kernel/db/spread": 100.0,
        "kernel/db/hot": 100.0,
        "kernel/db/definition": 100.0,
        "kernel/db/alteration": 100.0,
        "kernel/db/column_types": 100.0,
        "kernel/db/shape": 100.0,
        "kernel/db/ddl": 100.0,
        "kernel/db/filters": 100.0,
        "kernel/db/selections": 100.0,
        "kernel/db/sqlite": 100.0,
        "kernel/db/broker": 100.0,
        "kernel/db/backup": 100.0,
        "kernel/db/moving": 100.0,
        "kernel/db's upkeep": 100.0,
        "data's backups": 100.0,
        "every service.py": 100.0,
        "audit's other services": 100.0,
    }
