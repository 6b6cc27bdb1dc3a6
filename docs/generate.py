"""Writes `docs/reference/` from the code (`make docs`). A test holds the committed files against what this makes."""

import ast
import importlib
import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import msgspec

from vivesphere import app
from vivesphere.kernel import events as kernel_events
from vivesphere.kernel.bus.messages import Event, Request, reply_type
from vivesphere.kernel.settings import SettingDescription, Settings

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"
SOURCES = ROOT / "src"
WRITTEN = "<!-- Written by `make docs` from the code; a change here is lost. -->\n\n"
SETTINGS_WORDS = """A value is taken from the environment, else from what was stored, else from `vivesphere.toml` in the data
directory, else it is the default. An empty environment variable counts as not set. In the file, a section is a table: `[bus]`,
then `plugin_rate = 100`; the server's own settings stand above all tables."""
EVENTS_WORDS = """What crosses the bus. An event is a fact for any number of listeners; a *durable* one is on disk before
anybody hears of it. A request has exactly one responder and a typed reply. The permission is what listening or asking needs."""
JSON_VALUE = "None | bool | int | float | str | list[Any] | dict[str, Any]"


def documents() -> dict[str, bytes]:
    """Every generated document, by its file name in `docs/reference/`."""
    return {
        "openapi.json": app.openapi_document(),
        "settings.md": settings_page().encode(),
        "events.md": events_page().encode(),
    }


def settings_page() -> str:
    """Every setting of every section, with the variable that sets it."""
    text = [WRITTEN + "# Settings", SETTINGS_WORDS]
    described = described_settings()
    for group in dict.fromkeys(each.group for each in described):
        rows = [each for each in described if each.group == group]
        text.append(f"## {group}")
        text.append(_table(("variable", "in the file", "type", "default", ""), (_setting(each) for each in rows)))
    return "\n\n".join(text) + "\n"


def described_settings() -> tuple[SettingDescription, ...]:
    """Found in the code, not in a running server, so that a section nobody happened to ask for is not left out."""
    settings = Settings({}, {}, {}, Path("vivesphere.toml"))
    for name, section in sorted(_sections(), key=lambda found: found[0]):
        settings.section(name, section)
    return settings.described()


def _sections() -> Iterator[tuple[str, type[msgspec.Struct]]]:
    for path in sorted(SOURCES.rglob("*.py")):
        if "node_modules" in path.parts:
            continue
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match call:
                case ast.Call(func=ast.Attribute(attr="section"), args=[ast.Constant(value=str(name)), ast.Name(id=declared)]):
                    dotted = ".".join(path.relative_to(SOURCES).with_suffix("").parts)
                    yield name, getattr(importlib.import_module(dotted), declared)


def _setting(setting: SettingDescription) -> tuple[str, ...]:
    shown = "" if setting.default is None else f"`{msgspec.json.encode(setting.default).decode()}`"
    place = f"`{setting.key}`" if setting.environment != "VIVESPHERE_DATA_DIR" else ""
    return (f"`{setting.environment}`", place, setting.type, shown, setting.description)


def events_page() -> str:
    """Every message that may cross the bus."""
    text = [WRITTEN + "# Events and requests", EVENTS_WORDS]
    for name, module in (("kernel", kernel_events), *((_last(page.__name__), page) for page in app.CONTRACTS)):
        text.append(f"## {name}")
        if module.__doc__:
            text.append(module.__doc__)
        messages = list(_messages(module))
        text.extend(_event(each) for each in messages if issubclass(each, Event))
        text.extend(_request(each) for each in messages if issubclass(each, Request))
    return "\n\n".join(text) + "\n"


def _messages(module: ModuleType) -> Iterator[type[Any]]:
    for value in vars(module).values():
        if inspect.isclass(value) and issubclass(value, Event | Request) and value.__module__ == module.__name__:
            yield value


def _event(event: type[Event]) -> str:
    kind = "durable event" if event.durable else "event"
    return _message(event.topic, f"{event.__name__}, {kind}, permission {_code(event.permission)}", event)


def _request(request: type[Request[Any]]) -> str:
    replies = reply_type(request)
    parts = getattr(replies, "__args__", (replies,))
    body = _message(request.topic, f"{request.__name__}, request, permission {_code(request.permission)}", request)
    return "\n\n".join([body, *(_reply(part) for part in parts)])


def _message(topic: str, summary: str, message: type[msgspec.Struct]) -> str:
    return "\n\n".join(part for part in (f"### {topic}", summary, _documentation(message), _fields(message)) if part)


def _reply(reply: type[msgspec.Struct]) -> str:
    tag = reply.__struct_config__.tag
    heading = f"Reply {_code(str(tag))} ({reply.__name__})" if tag else f"Reply {reply.__name__}"
    heading += ": " if reply.__doc__ else ""
    return "\n\n".join(part for part in (heading + _documentation(reply), _fields(reply)) if part)


def _documentation(struct: type[msgspec.Struct]) -> str:
    return inspect.cleandoc(struct.__doc__ or "")


def _fields(struct: type[msgspec.Struct]) -> str:
    fields = msgspec.structs.fields(struct)
    secret: frozenset[str] = getattr(struct, "secret", frozenset())
    rows = (
        (f"`{each.name}`", _code(_type(each.type)), _default(each), "masked" if each.name in secret else "") for each in fields
    )
    return _table(("field", "type", "default", ""), rows) if fields else ""


def _type(annotation: Any) -> str:
    text = annotation.__name__ if inspect.isclass(annotation) and not getattr(annotation, "__args__", ()) else str(annotation)
    return text.replace("typing.", "").replace(JSON_VALUE, "JSON").replace("NoneType", "None")


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    made = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
    return _code(msgspec.json.encode(made).decode())


def _code(text: str) -> str:
    return f"`{text}`" if text else "none"


def _last(dotted: str) -> str:
    return dotted.rpartition(".")[2]


def _table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heading, tuple("---" for _ in heading), *rows]
    # A bar inside a cell would end the cell, in code too (GitHub Flavored Markdown, 4.10).
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


@click.command()
def main() -> None:
    """Write docs/reference/ from the code."""
    for name, content in documents().items():
        (REFERENCE / name).write_bytes(content)
        click.echo(f"wrote docs/reference/{name}")


if __name__ == "__main__":
    main()
