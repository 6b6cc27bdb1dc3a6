"""Every setting of every section, with the variable that sets it."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
from docs.reference_writer.markdown import WRITTEN, page, table

from vivesphere.kernel.settings import SettingDescription, Settings

SOURCES = Path(__file__).resolve().parents[2] / "src"
INTRODUCTION = """A value is taken from the environment, else from what was stored, else from `vivesphere.toml` in the data
directory, else it is the default. An empty environment variable counts as not set. In the file, a section is a table: `[bus]`,
then `plugin_rate = 100`; the server's own settings stand above all tables.

The file is read anew by `vivesphere settings reload`, SIGHUP, or `POST /api/v1/config/reload`. If anything in it is wrong,
nothing changes. What stands in a *live* section holds at once, everything else from the next start."""


def settings_page() -> str:
    text = [WRITTEN + "# Settings", INTRODUCTION]
    described = described_settings()
    for group in dict.fromkeys(each.group for each in described):
        rows = [each for each in described if each.group == group]
        text.append(f"## {group}")
        if all(each.live for each in rows):
            text.append("*Live*: a reload changes it at once.")
        text.append(table(("variable", "in the file", "type", "default", ""), (_setting(each) for each in rows)))
    return page(text)


def described_settings() -> tuple[SettingDescription, ...]:
    """Found in the code, not in a running server, so that a section nobody happened to ask for is not left out."""
    settings = Settings({}, {}, {}, Path("vivesphere.toml"))
    for name, section, watched in sorted(_sections(), key=lambda found: found[0]):
        settings.section(name, section)
        if watched:
            settings.watch(name, section, lambda _: None)
    return settings.described()


def _sections() -> Iterator[tuple[str, type[msgspec.Struct], bool]]:
    """Name and class of each section, and whether whoever asks for it hears of its changes."""
    for path in sorted(SOURCES.rglob("*.py")):
        if "node_modules" in path.parts:
            continue
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match call:
                case ast.Call(
                    func=ast.Attribute(attr="section" | "watch" as asked),
                    args=[ast.Constant(value=str(name)), ast.Name(id=declared), *_],
                ):
                    dotted = ".".join(path.relative_to(SOURCES).with_suffix("").parts)
                    yield name, getattr(importlib.import_module(dotted), declared), asked == "watch"


def _setting(setting: SettingDescription) -> tuple[str, ...]:
    shown = "" if setting.default is None else f"`{msgspec.json.encode(setting.default).decode()}`"
    place = f"`{setting.key}`" if setting.environment != "VIVESPHERE_DATA_DIR" else ""
    return (f"`{setting.environment}`", place, setting.type, shown, setting.description)
