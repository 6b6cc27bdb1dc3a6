"""One module, room by room: the same words everywhere, so that knowing one module means knowing all (design, section 3)."""

import ast
from pathlib import Path

import pytest
from tests.architecture.source import HOUSE, MODULES, shown, tree

ROOMS = {
    "__init__",
    "module",
    "controllers",
    "handlers",
    "jobs",
    "service",
    "rules",
    "repository",
    "models",
    "schemas",
    "errors",
    "records",  # the structs that rules return
    "settings",  # the section of settings the module reads
}

SIGN_INS = "sign-ins: the same rooms once more for what begins, goes on and ends; the others are about who it is"

SPECIAL_ROOMS: dict[str, dict[str, str]] = {
    "data": {
        "tables": "the tables that people make: the usual rooms, for one area of a wide module",
        "records": "what stands in them: the usual rooms",
        "transfers": "records in whole files: the usual rooms",
        "access": "who may touch which table, which is the kernel's to enforce: the usual rooms",
        "backups": "backups and upkeep of the whole database: the usual rooms",
        "sql": "SQL of people: the usual rooms",
        "custom_table": "the structs that the rules of all areas return",
        "presentation": "tables and records as people see them",
    },
    "data/records": {
        "allowance": "how many records a table has room for: memory, not in the database",
        "reading": "from the JSON of a record to the values of a row: pure functions",
    },
    "data/transfers": {
        "formats": "files of records, read and written piece by piece: formats of others",
    },
    "auth": {
        "common_passwords": "the list of another package, read without the package",
        "devices": "from a User-Agent to words: pure functions",
        "keyring": "the keys that sign and verify tokens: kept sealed, opened at the start, replaced with age",
        "lockout": "slows guessing down: memory of a while, not in the database",
        "passwords": "Argon2id on threads of its own: neither a rule nor a use case",
        "roles": "the roles and what each holds: the one page that says so",
        "session_controllers": SIGN_INS,
        "session_rules": SIGN_INS,
        "session_service": SIGN_INS,
        "tokens": "signing and reading access tokens: a format of its own (RFC 7519)",
    },
    "audit": {
        "dead_letters": "hearing again: dead letters and replay, use cases of their own beside the security log",
        "events": "the recorded events, their chains and the bus, as whoever asks may see them",
    },
    "tools": {
        "builtin": "the tools that come with the server, one file a category",
        "execution": "one run of one tool: time, size and failures, the same for every source of tools",
        "execution_log": "writes the log in batches behind the runs",
        "parameters": "from a JSON Schema to a compiled check",
        "rates": "how often each actor may run tools: memory of a while",
        "registry": "every tool there is now: a structure in memory, not rows",
    },
    "bots": {
        "accounts": "the accounts that run in this process: objects with connections, neither rows nor requests",
        "chat": "the WebSockets of the web chat: an edge that stays open, unlike a controller's request",
        "connectors": "one file a platform, each knowing its protocol and nothing of bots",
        "conversation": "from a message to its answer, once: neither one request nor one event, but what goes on between them",
        "lanes": "order within a conversation and progress beside it: concurrency, apart from what is done in it",
        "loop_guard": "stops two machines from talking to each other: memory of a while, not in the database",
        "outbox": "sends what is queued while an account is connected: a loop, not a use case",
        "router": "from text to an invocation: pure functions",
    },
    "plugins": {
        "discovery": "what lies in the plugins folder: files, before anything is known of them",
        "host": "where plugins run: lifetimes, deadlines, and the boundary to foreign code",
        "growth": "what may become of a plugin's table that is there: pure functions",
        "outside": "the effects gate in the shape that the SDK shows",
        "tables": "what a manifest declares, brought into the database: a step of enabling, shared with nobody",
    },
    "triggers": {
        "actions": "what a firing does in other modules, and what is known of it afterwards",
        "alarm": "a sleep on the kernel's clock that ends early when there is news",
        "schedule": "when a schedule is due: cron and time zones, pure functions",
    },
    "plans": {
        "engine": "what carries runs out: the graph, expressions, the journal and the executor",
        "presentation": "the journal laid over the definition, as people see a run",
    },
}
"""What a module has beside the usual rooms, and why it is none of them."""

MODULE_FOLDERS = sorted(path for path in MODULES.iterdir() if path.is_dir() and path.name != "__pycache__")
AREAS = [MODULES / "data" / area for area in ("access", "backups", "records", "sql", "tables", "transfers")]
"""Parts of a module that is too wide for one set of rooms: each has the rooms again."""


def strange_rooms(folder: Path) -> set[str]:
    present = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path.is_dir() and path.name != "__pycache__")}
    name = folder.relative_to(MODULES).as_posix() if folder.is_relative_to(MODULES) else folder.name
    return present - ROOMS - set(SPECIAL_ROOMS.get(name, {}))


@pytest.mark.parametrize("folder", [*MODULE_FOLDERS, *AREAS], ids=shown)
def test_a_module_has_only_rooms_that_have_a_name(folder: Path) -> None:
    assert not strange_rooms(folder)


@pytest.mark.parametrize("folder", MODULE_FOLDERS, ids=shown)
def test_a_module_says_what_it_owns_and_wires_itself_in_one_place(folder: Path) -> None:
    front = tree(folder / "__init__.py")
    assert ast.get_docstring(front)
    assert len(front.body) == 1
    builders = [node for node in tree(folder / "module.py").body if isinstance(node, ast.FunctionDef) and node.name == "build"]
    assert len(builders) == 1
    assert [argument.arg for argument in builders[0].args.args] == ["context"]


def test_no_special_room_outlives_its_reason() -> None:
    listed = [(module, room) for module, rooms in SPECIAL_ROOMS.items() for room in rooms]
    gone = [(module, room) for module, room in listed if not _exists(MODULES / module / room)]
    assert not gone


def _exists(room: Path) -> bool:
    return room.is_dir() or room.with_suffix(".py").is_file()


def test_every_module_has_a_page_in_the_contracts_or_says_nothing() -> None:
    spoken = {path.stem for path in (HOUSE / "contracts").glob("*.py")} - {"__init__"}
    assert spoken <= {folder.name for folder in MODULE_FOLDERS}


def test_a_strange_room_is_seen(tmp_path: Path) -> None:
    (tmp_path / "service.py").touch()
    (tmp_path / "stuff.py").touch()
    (tmp_path / "more").mkdir()
    assert strange_rooms(tmp_path) == {"stuff", "more"}
