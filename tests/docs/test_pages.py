"""What every page says about commands, variables, paths of the API, messages and files must be so."""

import ast
import importlib
import json
import re
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import click
import jsonschema_rs
import pytest
from docs.generate import REFERENCE
from docs.reference_writer.settings import described_settings
from tests.docs.pages import ROOT, Block, blocks, inline_code, links, make_targets, pages, shown, tables, written

from vivesphere import app
from vivesphere.cli import cli
from vivesphere.kernel import events as kernel_events
from vivesphere.kernel.bus.messages import Event, Request
from vivesphere.kernel.http.openapi import PERMISSIONS
from vivesphere.modules.plans.engine.definition import FIELDS
from vivesphere.modules.plans.engine.validation import findings

SHELL = ("sh", "sh run", "sh test", "sh cli")
PROGRAMS = {"make", "curl", "git", "cd", "docker", ".venv/bin/vivesphere", "vivesphere", "python3"}
OTHER_LANGUAGES = {"text", "toml", "python", "json", ""}


def shell_blocks() -> list[Block]:
    return [block for block in blocks() if block.info in SHELL]


def commands(block: Block) -> list[list[str]]:
    """The block's commands as words: variable assignments in front, pipes and substitutions taken apart."""
    # A comment goes first: shlex would take the end of its line with it.
    text = re.sub(r"\\\n\s*", " ", re.sub(r"(?m)(^|\s+)# .*$", "", block.text))
    found = []
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|&;()\n")
    lexer.whitespace = " \t"
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    for word in [*lexer, "\n"]:
        if set(word) <= set("|&;()\n"):
            found.append(words)
            words = []
        elif words or not re.match(r"^[A-Z_]+=", word):
            words.append(word)
    return [each for each in found if each]


def names(block: object) -> str:
    return f"{block.page}:{block.line}" if isinstance(block, Block) else str(block)


def test_every_block_says_what_it_is() -> None:
    assert not [names(block) for block in blocks() if block.info not in {*SHELL, *OTHER_LANGUAGES}]


@pytest.mark.parametrize("block", shell_blocks(), ids=names)
def test_a_shell_block_runs_programs_we_know(block: Block) -> None:
    assert commands(block)
    assert {words[0] for words in commands(block)} <= PROGRAMS


@pytest.mark.parametrize("block", shell_blocks(), ids=names)
def test_a_command_of_ours_exists(block: Block) -> None:
    for words in commands(block):
        if words[0] == "make":
            assert {word for word in words[1:] if "=" not in word} <= make_targets()
        if words[0].endswith("vivesphere"):
            resolve(words[1:])


def resolve(words: list[str]) -> None:
    """Let click itself read the words, without carrying them out."""
    command: click.Command = cli
    context = click.Context(cli)
    while isinstance(command, click.Group):
        assert words, f"{command.name} needs a subcommand"
        _, found, words = command.resolve_command(context, words)
        assert found is not None
        command = found
    command.make_context(command.name, words, resilient_parsing=False)


def test_an_unknown_command_is_seen() -> None:
    with pytest.raises(click.UsageError):
        resolve(["user", "explode"])


def test_every_command_of_the_line_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert not [command for command in leaves(cli, "vivesphere") if command not in readme]


def leaves(command: click.Command, path: str) -> list[str]:
    if isinstance(command, click.Group):
        return [leaf for name, inner in command.commands.items() for leaf in leaves(inner, f"{path} {name}")]
    return [path]


def test_every_variable_that_is_named_is_read() -> None:
    known = {each.environment for each in described_settings()}
    for page in written():
        named = set(re.findall(r"\bVIVESPHERE_[A-Z_]*[A-Z]\b", page.read_text(encoding="utf-8")))
        assert named <= known, shown(page)


def test_every_make_target_that_is_named_exists() -> None:
    named = {match for each in inline_code() for match in re.findall(r"^make ([a-z-]+)", each.text)}
    assert named
    assert named <= make_targets()


def test_every_target_of_make_is_explained() -> None:
    """`make help` shows the comment behind a target; those without one are steps of others."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    promised = {"run", "test", "bench", "soak", "docs", "baseline", "lock", "fmt", "migration", "lint"}
    assert promised <= set(re.findall(r"^([a-z]+):[^\n]*## \w", makefile, re.MULTILINE))


@pytest.mark.parametrize("page", pages(), ids=shown)
def test_links_lead_somewhere(page: Path) -> None:
    inside = [link.partition("#")[0] for link in links(page) if not re.match(r"(https?|mailto):|#", link)]
    assert not [link for link in inside if not (page.parent / link).exists()]


def openapi() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((REFERENCE / "openapi.json").read_bytes())
    return document


def operation(document: dict[str, Any], method: str, path: str) -> dict[str, Any] | None:
    """The operation whose path template fits: `$BOT` and `dice` both stand for `{id}`. What is written out goes first."""
    for template, operations in sorted(document["paths"].items(), key=lambda each: each[0].count("{")):
        pattern = re.sub(r"\\\{[^/]+?\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path) and method in operations:
            found: dict[str, Any] = operations[method]
            return found
    return None


def curls() -> list[tuple[str, str, str, str | None]]:
    """Method, path and body of each curl command; the place comes first."""
    found = []
    for block in shell_blocks():
        for words in commands(block):
            if words[0] != "curl":
                continue
            options = dict(zip(words, [*words[1:], ""], strict=True))
            body = options.get("-d")
            method = options.get("-X", "POST" if body else "GET").lower()
            url = next(word for word in words if "://" in word)
            found.append((names(block), method, re.sub(r"^https?://[^/]+", "", url), body))
    return found


@pytest.mark.parametrize(("place", "method", "path", "body"), curls(), ids=lambda part: str(part).partition("{")[0])
def test_a_call_of_the_guides_fits_the_api(place: str, method: str, path: str, body: str | None) -> None:
    document = openapi()
    path, _, query = path.partition("?")
    found = operation(document, method, path)
    assert found is not None, f"{place}: no {method.upper()} {path}"
    asked = {each["name"] for each in found.get("parameters", ()) if each["in"] == "query"}
    assert set(parse_qs(query)) <= asked
    if body is not None:
        schema = found["requestBody"]["content"]["application/json"]["schema"]
        jsonschema_rs.validate({**schema, "components": document["components"]}, json.loads(body))


def test_every_path_of_the_api_that_is_named_exists() -> None:
    document = openapi()
    methods = r"(GET|POST|PUT|PATCH|DELETE)"
    named = [(each, *match) for each in inline_code() for match in re.findall(rf"^{methods} (/api/v1/\S+)$", each.text)]
    assert not [mention for mention, method, path in named if operation(document, method.lower(), path) is None]


def permissions() -> set[str]:
    """What some route of the API needs."""
    operations = [each for path in openapi()["paths"].values() for each in path.values() if isinstance(each, dict)]
    return {permission for each in operations for permission in each.get(PERMISSIONS, ())}


def test_every_message_that_is_named_exists() -> None:
    """In the pages a name with two dots is a topic, or the permission of a route."""
    topics = {
        value.topic
        for page in (*app.CONTRACTS, kernel_events)
        for value in vars(page).values()
        if isinstance(value, type) and issubclass(value, Event | Request)
    }
    named = {each.text for each in inline_code() if re.fullmatch(r"[a-z_]+\.[a-z_]+\.[a-z_]+", each.text)}
    assert named
    assert named - topics - permissions() <= {"vivesphere.sdk.testing"}


@pytest.mark.parametrize("page", sorted((ROOT / "docs/decisions").glob("*.md")), ids=shown)
def test_a_decision_is_one_page_with_reasons_and_costs(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.match(rf"# {int(page.name[:4])}\. ", text)
    for heading in ("## The question", "## Why", "## What it costs", "## What we weighed"):
        assert heading in text
    assert len(text.splitlines()) <= 60


def test_every_hook_is_documented_where_authors_look() -> None:
    """The guide leads to one page with all extension points; each has its sentence there."""
    hookspecs = importlib.import_module("vivesphere.sdk.hookspecs")
    assert hookspecs.__file__ is not None
    parsed = ast.parse(Path(hookspecs.__file__).read_text(encoding="utf-8"))
    hooks = [node for node in ast.walk(parsed) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert hooks
    assert not [hook.name for hook in hooks if not ast.get_docstring(hook)]


def test_the_plans_of_the_guide_are_right() -> None:
    """The kinds and fields in the table are the engine's, and each definition in an example has nothing wrong with it."""
    guide = ROOT / "docs/guides/plans-and-triggers.md"
    rows = {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[1])) for row in tables(guide) if row[0].startswith("`")}
    assert rows == {kind: (needed | allowed) - {"retry"} for kind, (needed, allowed) in FIELDS.items()}
    examples = [json.loads(body)["definition"] for _, _, path, body in curls() if path == "/api/v1/plans" and body]
    assert examples
    assert not [finding for example in examples for finding in findings(example)]
