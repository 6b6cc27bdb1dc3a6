"""What a module says it publishes is what its source makes: the reference is written from `Module.publishes`."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.architecture.source import MODULES, dotted, python_files, shown, tree

from vivesphere.kernel.bus.messages import Event

WIRING = "module"


def events_imported(path: Path, parsed: ast.Module) -> dict[str, type[Event]]:
    """The event classes of the file, by the names they have in it."""
    package = dotted(path).rpartition(".")[0] if path.is_relative_to(MODULES) else ""
    found: dict[str, type[Event]] = {}
    for node in ast.walk(parsed):
        if isinstance(node, ast.ImportFrom) and node.module:
            origin = importlib.import_module("." * node.level + node.module, package)
            for alias in node.names:
                thing = getattr(origin, alias.name, None)
                if isinstance(thing, type) and issubclass(thing, Event):
                    found[alias.asname or alias.name] = thing
    return found


def events_made(path: Path, parsed: ast.Module) -> Iterator[type[Event]]:
    """Every event class that the file calls."""
    events = events_imported(path, parsed)
    for node in ast.walk(parsed):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in events:
            yield events[node.func.id]


def declared(module: Path) -> set[type[Event]]:
    """What stands in `publishes=(…)` of the wiring."""
    wiring = module / f"{WIRING}.py"
    events = events_imported(wiring, tree(wiring))
    said = [node.value for node in ast.walk(tree(wiring)) if isinstance(node, ast.keyword) and node.arg == "publishes"]
    return {events[each.id] for value in said for each in ast.walk(value) if isinstance(each, ast.Name)}


def modules() -> list[Path]:
    return sorted(path.parent for path in MODULES.glob(f"*/{WIRING}.py"))


@pytest.mark.parametrize("module", modules(), ids=shown)
def test_every_event_that_a_module_makes_is_declared_in_its_wiring(module: Path) -> None:
    made = {event for path in python_files(module) for event in events_made(path, tree(path))}
    assert {event.topic for event in made} <= {event.topic for event in declared(module)}


@pytest.mark.parametrize("module", modules(), ids=shown)
def test_every_event_that_a_module_declares_is_made_in_it(module: Path) -> None:
    """Made, or named where it is chosen from a table."""
    rooms = [path for path in python_files(module) if path.stem != WIRING]
    named = {event for path in rooms for event in events_imported(path, tree(path)).values()}
    assert {event.topic for event in declared(module)} <= {event.topic for event in named}


def test_an_event_that_is_made_under_another_name_is_seen(tmp_path: Path) -> None:
    imports = "from vivesphere.contracts.bots import BotCreated as Made, MessageSent"
    source = f"{imports}\nMade(bot_id='1', name='x')\nlisten(MessageSent)\n"
    made = list(events_made(tmp_path / "x.py", ast.parse(source)))
    assert [event.topic for event in made] == ["bots.bot.created"]
