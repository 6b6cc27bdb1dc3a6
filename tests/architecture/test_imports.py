"""Which room may import what. The floors themselves are in `.importlinter`; here is what it cannot say."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.architecture.source import (
    HOUSE,
    MODULES,
    PLUGINS,
    Import,
    dotted,
    imports,
    imports_of,
    python_files,
    shown,
    tree,
    within,
)

NETWORK = ("httpx", "socket", "ssl", "subprocess", "http.client", "urllib.request", "smtplib", "ftplib", "multiprocessing")

OPENS = {
    "open_connection",
    "open_unix_connection",
    "start_server",
    "start_unix_server",
    "create_connection",
    "create_datagram_endpoint",
    "create_unix_connection",
    "create_subprocess_exec",
    "create_subprocess_shell",
    "subprocess_exec",
    "sock_connect",
    "fork",
    "popen",
    "posix_spawn",
}
"""What asyncio and os offer to the same end without an import that would tell."""

BEHIND_THE_GATE = {
    "vivesphere.kernel.effects": "is the gate: connections and acts leave here",
    "vivesphere.kernel.outbound": "resolves, pins and refuses addresses for the gate",
    "vivesphere.kernel.operator_socket": "the operator's Unix socket inside the data directory",
    "vivesphere.kernel.serving": "binds the one port the server listens on",
}
"""Who may touch sockets, TLS and processes (invariant I5), and why."""

SETTINGS_OF_TLS = {
    "vivesphere.modules.bots.connectors.irc": "builds the SSLContext that it hands to the gate; opens nothing itself",
    "vivesphere.modules.bots.connectors.connector": "names the SSLContext in the signature that leads to the gate",
    "vivesphere.modules.bots.accounts": "hands the connector's SSLContext to the gate",
}

TELLS_ITS_VERSION = {"vivesphere.checkup": "`doctor` tells the version of the SQLite library; it opens no database with it"}

NO_INPUT_OR_OUTPUT = (
    "asyncio",
    "threading",
    "os",
    "shutil",
    "tempfile",
    "pathlib",
    "io",
    "time",
    "random",
    "secrets",
    *NETWORK,
)
"""What a rule over `tx` has no business with: it may run twice and knows nothing but its unit of work (I6)."""


def _database_room(path: Path) -> bool:
    if path.is_relative_to(HOUSE / "kernel" / "db"):
        return True
    return (
        path.is_relative_to(MODULES)
        and path.parent != MODULES
        and path.relative_to(MODULES).parts[1].removesuffix(".py") in {"repository", "models"}
    )


def _broken(paths: Iterable[Path], *forbidden: str) -> list[str]:
    return [f"{shown(path)}: {each}" for path in paths for each in _breaks(imports_of(path), *forbidden)]


def _breaks(found: Iterable[Import], *forbidden: str) -> list[str]:
    return sorted({f"line {each.line}: {each.module}" for each in found if within(each.module, *forbidden)})


def test_only_database_rooms_know_sqlalchemy() -> None:
    strangers = [path for path in python_files(HOUSE) if not _database_room(path)]
    assert not _broken(strangers, "sqlalchemy", "alembic")
    assert not _broken((path for path in strangers if dotted(path) not in TELLS_ITS_VERSION), "sqlite3")


def test_nothing_leaves_the_process_but_through_the_effects_gate() -> None:
    ours = [path for path in python_files(HOUSE) if dotted(path) not in BEHIND_THE_GATE]
    assert not [each for each in _broken(ours, *NETWORK) if not _is_allowed_tls(each)]
    assert not [f"{shown(path)}: line {line}" for path in ours for line in opens(tree(path))]


def opens(parsed: ast.Module) -> list[int]:
    return [
        node.lineno
        for node in ast.walk(parsed)
        if isinstance(node, ast.Attribute) and node.attr in OPENS and getattr(node.value, "id", "") in {"asyncio", "os", "loop"}
    ]


def _is_allowed_tls(found: str) -> bool:
    return found.endswith(": ssl") and any(
        found.startswith(f"src/{listed.replace('.', '/')}.py:") for listed in SETTINGS_OF_TLS
    )


@pytest.mark.parametrize("listed", [*BEHIND_THE_GATE, *SETTINGS_OF_TLS])
def test_no_exception_outlives_its_reason(listed: str) -> None:
    path = HOUSE.parent / Path(*listed.split(".")).with_suffix(".py")
    assert path.is_file(), f"{listed} is gone: take it out of the list"
    assert _breaks(imports_of(path), *NETWORK) or opens(tree(path)), (
        f"{listed} needs no exception any more: take it out of the list"
    )


def test_rules_are_synchronous_and_touch_nothing_but_their_unit() -> None:
    rules = sorted(MODULES.glob("*/rules.py"))
    assert rules
    assert not [f"{shown(path)}: line {line} waits" for path in rules for line in waits(tree(path))]
    assert not _broken(rules, *NO_INPUT_OR_OUTPUT)


def waits(parsed: ast.Module) -> list[int]:
    """Nobody awaits anything inside an open transaction (I3)."""
    kinds = ast.AsyncFunctionDef | ast.Await | ast.AsyncWith | ast.AsyncFor
    return [node.lineno for node in ast.walk(parsed) if isinstance(node, kinds)]


def test_a_bundled_plugin_knows_the_sdk_only() -> None:
    """And Python, and its own files by relative imports: in a wheel it lies elsewhere, under another package's name."""
    plugins = [path for path in python_files(PLUGINS) if "tests" not in path.parts]
    assert plugins
    assert not [f"{shown(path)}: {each}" for path in plugins for each in strangers_of_plugin(tree(path))]


def strangers_of_plugin(parsed: ast.Module) -> list[str]:
    own = [node for node in ast.walk(parsed) if isinstance(node, ast.ImportFrom) and node.level == 1]
    return [
        f"line {each.line}: {each.module}"
        for each in imports(parsed, "this_plugin")
        # msgspec is the SDK's vocabulary for types: `Meta` describes an argument, a `Struct` a result.
        if not within(each.module, "vivesphere.sdk", "this_plugin", "msgspec")
        and each.module.partition(".")[0] not in sys.stdlib_module_names
        and each.line not in {node.lineno for node in own}
    ]


def test_the_sdk_brings_neither_database_nor_http() -> None:
    """In an interpreter of its own: what a plugin's worker process would load."""
    program = "import json, sys, vivesphere.sdk; print(json.dumps(sorted(sys.modules)))"
    answer = subprocess.run(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", program], env={"PYTHONPATH": str(HOUSE.parent)}, check=True, capture_output=True, text=True
    )
    heavy = ("vivesphere.kernel.db", "vivesphere.kernel.http", "vivesphere.modules", "sqlalchemy", "litestar")
    assert not [name for name in json.loads(answer.stdout) if within(name, *heavy)]


@pytest.mark.parametrize(
    "source",
    [
        "import sqlalchemy",
        "from sqlalchemy.orm import Session",
        "def late():\n    import sqlalchemy as sa",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from sqlalchemy import Select",
    ],
)
def test_the_rule_sees_an_import_wherever_it_stands(source: str) -> None:
    assert _breaks(imports(ast.parse(source)), "sqlalchemy")


def test_the_rule_resolves_relative_imports() -> None:
    found = {each.module for each in imports(ast.parse("from ..db import handle"), "vivesphere.kernel.bus")}
    assert "vivesphere.kernel.db.handle" in found


def test_the_rule_sees_a_rule_that_waits() -> None:
    assert waits(ast.parse("async def rename(tx): await tx.execute(1)"))


@pytest.mark.parametrize("call", ["asyncio.open_connection('a', 1)", "os.fork()", "loop.create_connection(f)"])
def test_the_rule_sees_a_connection_without_an_import(call: str) -> None:
    assert opens(ast.parse(call))


@pytest.mark.parametrize(
    ("source", "strange"),
    [
        ("from vivesphere.sdk import tool", False),
        ("from .notation import roll", False),
        ("import random", False),
        ("from plugins.dice.notation import roll", True),
        ("from ..echo import plugin", True),
        ("from vivesphere.kernel.ids import new_id", True),
        ("import vivesphere", True),
        ("import httpx", True),
    ],
)
def test_the_rule_knows_what_is_a_plugins_own(source: str, *, strange: bool) -> None:
    assert bool(strangers_of_plugin(ast.parse(source))) is strange
