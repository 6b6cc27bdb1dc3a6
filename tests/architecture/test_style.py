"""Rules of the house that no linter knows. Each hazard is explained where it is looked for, and each finder is tried."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from tests.architecture.source import HOUSE, PLUGINS, ROOT, python_files, shown, tree

SLEEPS = {"tests/support/waiting.py": "asks another process, which cannot wake us, until it is so or the deadline has passed"}

LONGEST_FILE = 400
LONGEST_FUNCTION = 40
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
SILENCED = re.compile(
    r"#\s*(?:noqa\b(?::\s*[A-Z]+[0-9]+(?:,\s*[A-Z]+[0-9]+)*)?|type:\s*ignore(?:\[[\w, -]+\])?|pragma:\s*no cover)(.*)$"
)

WHOLE_HOUSE = python_files(HOUSE)
TESTS = python_files(ROOT / "tests", *PLUGINS.glob("*/tests"))
EVERYTHING = python_files(HOUSE, ROOT / "tests", ROOT / "benchmarks", PLUGINS)

CATCHES_EVERYTHING = {
    "kernel/bus/durable.py": "the bus boundary: an event that cannot be handled is put aside, and the next one goes on",
    "kernel/bus/live.py": "the bus boundary: a raising listener stops no neighbour",
    "kernel/bus/audit.py": "the bus boundary: a batch of live events that cannot be written does not end the recording",
    "kernel/db/sqlite/readers.py": "a database thread outlives a file it cannot open; the caller hears of it",
    "kernel/db/postgres/threads.py": "a database thread outlives every unit; its caller hears of it",
    "kernel/db/work.py": "whatever a rule raises belongs to its caller, not to the writer's thread",
    "kernel/db/sqlite/writer.py": "the writer's thread outlives every group of units; their callers hear of it",
    "kernel/errors.py": "to tell of a stranger's error is to run the stranger's code",
    "kernel/http/feed.py": "the bus boundary: to whom an event is addressed its author's code says, in whoever publishes",
    "kernel/services.py": "the plugin boundary: a health check that raises is itself a finding",
    "kernel/lifetime.py": "closing goes on with the next thing when one will not go",
    "kernel/operator_socket.py": "the process edge: what the CLI asked broke, the server goes on",
    "kernel/startup.py": "the process edge: a job that raises is started again, a stop goes on",
    "modules/bots/accounts.py": "the plugin boundary: a connector's mistake does not end the account for good",
    "modules/bots/conversation.py": "the plugin boundary: whoever asked learns that it failed, the log learns why",
    "modules/bots/lanes.py": "the bus boundary: what waits behind a message is not lost with it",
    "modules/plans/engine/acts.py": "the bus boundary: whoever answered broke, and how far it got cannot be told",
    "modules/plugins/host.py": "the plugin boundary: a hook, command or tool that raises is a finding, and the others go on",
    "modules/tools/execution.py": "the tool boundary: whoever asked learns that it failed, the log learns why",
    "modules/triggers/actions.py": "the bus boundary: whoever answered broke, and the history is where a person looks",
    "modules/plans/engine/engine.py": "a run outlives a full disk: what is true stands in its journal",
}
"""Files with an `except Exception`, and the boundary each one is."""


def broad_handlers(parsed: ast.Module) -> Iterator[int]:
    """A swallowed failure hides a bug. Allowed at boundaries only, where foreign code ends and ours goes on."""
    for node in ast.walk(parsed):
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            names = {each.id for each in caught if isinstance(each, ast.Name)}
            passed_on = isinstance(node.body[-1], ast.Raise)
            if (node.type is None or names & {"Exception", "BaseException"}) and not passed_on:
                yield node.lineno


def waits_with_wait_for(parsed: ast.Module) -> Iterator[int]:
    """`asyncio.wait_for` makes a task for each call on 3.11 (11 µs) and loses cancellations; `asyncio.timeout` does not."""
    for node in ast.walk(parsed):
        if isinstance(node, ast.ImportFrom) and node.module == "asyncio" and "wait_for" in {each.name for each in node.names}:
            yield node.lineno
        # Playwright's locators have a `wait_for` of their own, so the owner's name counts.
        if isinstance(node, ast.Attribute) and node.attr == "wait_for" and getattr(node.value, "id", "") == "asyncio":
            yield node.lineno


def real_sleeps(parsed: ast.Module) -> Iterator[int]:
    """A test that sleeps is slow where it passes and fails where the machine is slow. `sleep(0)` only yields to the loop."""
    for node in ast.walk(parsed):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "sleep"):
            continue
        owner = node.func.value
        yields_only = bool(node.args) and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0
        if isinstance(owner, ast.Name) and owner.id in {"time", "asyncio", "anyio", "trio"} and not yields_only:
            yield node.lineno


def long_functions(parsed: ast.Module) -> Iterator[int]:
    """A function beyond 40 lines is a room asking to be split. Decorators and the docstring are not counted."""
    for node in ast.walk(parsed):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            documented = ast.get_docstring(node, clean=False) is not None and len(node.body) > 1
            first = node.body[1].lineno - 1 if documented else node.lineno
            if (node.end_lineno or first) - first + (1 if documented else 0) > LONGEST_FUNCTION:
                yield node.lineno


def code_in_package(parsed: ast.Module) -> Iterator[int]:
    """A package that computes when it is imported makes import order matter; it says what it owns and nothing else."""
    for node in parsed.body:
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            yield node.lineno


def found_in(paths: Iterable[Path], finder: Callable[[ast.Module], Iterable[int]]) -> list[str]:
    return [f"{shown(path)}:{line}" for path in paths for line in finder(tree(path))]


def test_everything_is_caught_at_boundaries_only() -> None:
    assert not found_in((path for path in WHOLE_HOUSE if _in_house(path) not in CATCHES_EVERYTHING), broad_handlers)


def _in_house(path: Path) -> str:
    return path.relative_to(HOUSE).as_posix()


@pytest.mark.parametrize("listed", CATCHES_EVERYTHING)
def test_no_boundary_outlives_its_reason(listed: str) -> None:
    path = HOUSE / listed
    assert path.is_file(), "it is gone: take it out of the list"
    assert list(broad_handlers(tree(path))), "it catches nothing broad any more: take it out of the list"


def test_nobody_waits_with_wait_for() -> None:
    assert not found_in(EVERYTHING, waits_with_wait_for)


def test_no_test_sleeps() -> None:
    assert not found_in((path for path in TESTS if shown(path) not in SLEEPS), real_sleeps)


def test_files_stay_short() -> None:
    lengths = {shown(path): len(path.read_text(encoding="utf-8").splitlines()) for path in WHOLE_HOUSE}
    assert not {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE}


def test_functions_stay_short() -> None:
    assert not found_in(WHOLE_HOUSE, long_functions)


def test_a_package_has_a_docstring_and_no_code() -> None:
    """The SDK's is the one exception: its names are what plugin authors import, so it re-exports them and does nothing else."""
    packages = [path for path in WHOLE_HOUSE if path.name == "__init__.py"]
    assert not [shown(path) for path in packages if not ast.get_docstring(tree(path))]
    assert not found_in((path for path in packages if path != HOUSE / "sdk" / "__init__.py"), code_in_package)


def test_the_sdks_front_only_shows_names() -> None:
    allowed = (ast.Expr, ast.ImportFrom, ast.Assign)
    assert all(isinstance(node, allowed) for node in tree(HOUSE / "sdk" / "__init__.py").body)


def test_a_file_is_named_after_what_it_owns() -> None:
    named = {path: {part.removesuffix(".py") for part in path.relative_to(ROOT).parts} for path in EVERYTHING}
    assert not [shown(path) for path, parts in named.items() if parts & EMPTY_NAMES]


def test_every_silenced_check_gives_its_reason() -> None:
    """`# noqa: S603 - our own words`: without the reason nobody knows when it can go."""
    assert not [
        f"{shown(path)}:{number}"
        for path in EVERYTHING
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if silenced_without_reason(line)
    ]


def silenced_without_reason(line: str) -> bool:
    silenced = SILENCED.search(line)
    return silenced is not None and not re.search(r"\w{3,}", silenced.group(1))


def test_no_test_is_expected_to_fail() -> None:
    """`xfail` says that we know of a bug and live with it."""
    assert not [shown(path) for path in TESTS for node in ast.walk(tree(path)) if _is_xfail(node)]


def _is_xfail(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "xfail"


LONG = "def f():\n" + "    x = 1\n" * 41


@pytest.mark.parametrize(
    ("finder", "source"),
    [
        (broad_handlers, "try:\n    pass\nexcept Exception:\n    pass"),
        (broad_handlers, "try:\n    pass\nexcept (KeyError, Exception) as error:\n    print(error)"),
        (broad_handlers, "try:\n    pass\nexcept:\n    pass"),
        (waits_with_wait_for, "import asyncio\nasync def f(): await asyncio.wait_for(g(), 1)"),
        (waits_with_wait_for, "from asyncio import wait_for"),
        (real_sleeps, "import time\ntime.sleep(1)"),
        (real_sleeps, "import asyncio\nasync def f(): await asyncio.sleep(delay)"),
        (long_functions, LONG),
        (code_in_package, '"""Owns."""\nimport os'),
    ],
)
def test_each_finder_finds(finder: Callable[[ast.Module], Iterator[int]], source: str) -> None:
    assert list(finder(ast.parse(source)))


@pytest.mark.parametrize(
    ("finder", "source"),
    [
        (broad_handlers, "try:\n    pass\nexcept Exception:\n    undo()\n    raise"),
        (waits_with_wait_for, "page.locator('x').wait_for()"),
        (real_sleeps, "import asyncio\nasync def f(): await asyncio.sleep(0)"),
        (long_functions, "def f():\n" + "    x = 1\n" * 39),
        (code_in_package, '"""Owns."""'),
    ],
)
def test_no_finder_finds_what_is_right(finder: Callable[[ast.Module], Iterator[int]], source: str) -> None:
    assert not list(finder(ast.parse(source)))


@pytest.mark.parametrize("line", ["x = 1  # noqa: S603", "x = 1  # type: ignore[arg-type]", "# noqa: E501 -"])
def test_a_bare_silencer_is_seen(line: str) -> None:
    assert silenced_without_reason(line)


def test_a_silencer_with_its_reason_passes() -> None:
    assert not silenced_without_reason("run(x)  # noqa: S603, S607 - our own words")
