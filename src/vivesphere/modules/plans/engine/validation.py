"""What is wrong with a definition: all of it at once, each finding with a JSON pointer into the definition."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from vivesphere.kernel.errors import FieldError
from vivesphere.kernel.field_errors import did_you_mean, escaped
from vivesphere.modules.plans.engine import graph
from vivesphere.modules.plans.engine.definition import FIELDS, after_of
from vivesphere.modules.plans.engine.expressions import Expression, ExpressionInvalid, parse, strings

MOST_STEPS = 500
MOST_ATTEMPTS = 100
LONGEST_WAIT = 366 * 86_400.0
"""Seconds."""

_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)
_STEP_FIELDS = frozenset({"id", "kind", "after"})

Found = Iterator[FieldError]


def findings(definition: object) -> tuple[FieldError, ...]:
    """Everything that can be known without asking other modules. Empty means the definition can be read."""
    if not isinstance(definition, dict):
        return (FieldError("", "a definition is an object with a list of steps"),)
    found = [
        FieldError(f"/{escaped(key)}", f"unknown field {key!r}; a definition has steps") for key in definition if key != "steps"
    ]
    steps = definition.get("steps")
    if not isinstance(steps, list) or not steps:
        return (*found, FieldError("/steps", "a list of at least one step is needed"))
    if len(steps) > MOST_STEPS:
        return (*found, FieldError("/steps", f"a plan has at most {MOST_STEPS} steps; this one has {len(steps)}"))
    for index, step in enumerate(steps):
        found.extend(_step(step, f"/steps/{index}"))
    found.extend(_duplicates(steps))
    found.extend(_order(steps))
    return tuple(found)


def tools_named(definition: Mapping[str, Any]) -> dict[str, str]:
    """The tools that tool steps name, each with the pointer to its first naming. The definition has no findings."""
    named: dict[str, str] = {}
    for index, step in enumerate(definition["steps"]):
        if step["kind"] == "tool":
            named.setdefault(step["tool"], f"/steps/{index}/tool")
    return named


def suggestion(name: str, known: Iterable[str]) -> str:
    """What to add to the sentence that says `name` is unknown."""
    return did_you_mean(difflib.get_close_matches(name, list(known), n=3))


def _step(step: object, at: str) -> Found:
    if not isinstance(step, dict):
        yield FieldError(at, "a step is an object with id and kind")
        return
    if not isinstance(step.get("id"), str) or not _ID.fullmatch(step["id"]):
        yield FieldError(f"{at}/id", "an id is needed: a letter, then at most 63 letters, digits, _ or -")
    kind = step.get("kind")
    if not isinstance(kind, str) or kind not in FIELDS:
        near = suggestion(kind, FIELDS) if isinstance(kind, str) else ""
        yield FieldError(f"{at}/kind", f"a kind is needed: {', '.join(FIELDS)}{near}")
        return
    needed, allowed = FIELDS[kind]
    for key in step:
        if key not in needed | allowed | _STEP_FIELDS:
            near = suggestion(key, needed | allowed | _STEP_FIELDS)
            yield FieldError(f"{at}/{escaped(key)}", f"unknown field {key!r} in a {kind} step{near}")
    yield from _texts(step, at, sorted(needed), allowed)
    yield from _after(step, at)
    yield from _arguments(step, at)
    yield from _retry(step, at)
    if kind == "wait":
        yield from _wait(step, at)


def _texts(step: Mapping[str, Any], at: str, needed: Sequence[str], allowed: frozenset[str]) -> Found:
    for key in needed:
        if not isinstance(step.get(key), str) or not step[key]:
            yield FieldError(f"{at}/{key}", f"{key} is needed, as text")
    if "account" in allowed and not isinstance(step.get("account", ""), str):
        yield FieldError(f"{at}/account", "account must be text")
    if step["kind"] == "tool" and "{{" in str(step.get("tool", "")):
        yield FieldError(f"{at}/tool", "a tool is named plainly, without an expression, so that it can be checked now")


def _after(step: Mapping[str, Any], at: str) -> Found:
    after = step.get("after", [])
    if not isinstance(after, list) or not all(isinstance(name, str) for name in after):
        yield FieldError(f"{at}/after", "after must be a list of step ids")


def _arguments(step: Mapping[str, Any], at: str) -> Found:
    if step["kind"] == "tool" and not isinstance(step.get("arguments", {}), dict):
        yield FieldError(f"{at}/arguments", "arguments must be an object")


def _retry(step: Mapping[str, Any], at: str) -> Found:
    if "retry" not in step or step["kind"] == "wait":
        return
    retry = step["retry"]
    if not isinstance(retry, dict):
        yield FieldError(f"{at}/retry", "retry must be an object with max_attempts and delay_seconds")
        return
    for key in sorted(retry.keys() - {"max_attempts", "delay_seconds"}):
        yield FieldError(f"{at}/retry/{escaped(key)}", f"unknown field {key!r}; retry has max_attempts and delay_seconds")
    attempts = retry.get("max_attempts")
    if type(attempts) is not int or not 1 <= attempts <= MOST_ATTEMPTS:
        yield FieldError(f"{at}/retry/max_attempts", f"max_attempts is needed: a whole number from 1 to {MOST_ATTEMPTS}")
    if not _is_seconds(retry.get("delay_seconds", 0)):
        yield FieldError(f"{at}/retry/delay_seconds", f"delay_seconds must be a number from 0 to {LONGEST_WAIT:.0f}")


def _wait(step: Mapping[str, Any], at: str) -> Found:
    if ("seconds" in step) == ("until" in step):
        yield FieldError(at, "a wait step has either seconds or until")
        return
    if "seconds" in step and not _is_seconds(step["seconds"]) and not _is_expression(step["seconds"]):
        yield FieldError(f"{at}/seconds", f"seconds must be a number from 0 to {LONGEST_WAIT:.0f}, or an expression")
    if "until" in step and moment(step["until"]) is None and not _is_expression(step["until"]):
        yield FieldError(f"{at}/until", "until must be a time with its offset, as 2026-12-31T23:59:00+01:00, or an expression")


def moment(value: object) -> datetime | None:
    """The moment that a text in ISO 8601 stands for, in UTC; None if it is not one, says no offset, or leads out of the years
    that there are."""
    try:
        parsed = datetime.fromisoformat(value) if isinstance(value, str) else None
        return parsed.astimezone(UTC) if parsed is not None and parsed.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LONGEST_WAIT


def _is_expression(value: object) -> bool:
    return isinstance(value, str) and "{{" in value


def _duplicates(steps: list[Any]) -> Found:
    first: dict[str, int] = {}
    for index, step in enumerate(steps):
        name = _id(step)
        if name is None:
            continue
        if name in first:
            yield FieldError(f"/steps/{index}/id", f"step {name!r} is there already, at /steps/{first[name]}")
        first.setdefault(name, index)


def _order(steps: list[Any]) -> Found:
    """Unknown names in `after`, a cycle, and expressions that look at what does not come before."""
    named: dict[str, dict[str, Any]] = {}
    links: dict[str, tuple[str, ...]] = {}
    previous: dict[str, Any] | None = None
    for step in steps:
        if (name := _id(step)) is not None:
            if name not in named:
                named[name] = step
                links[name] = after_of(step, previous) if not list(_after(step, "")) else ()
            previous = step
    for index, step in enumerate(steps):
        if (name := _id(step)) is not None and named[name] is step:
            for place, wanted in enumerate(links[name] if "after" in step else ()):
                if wanted not in named:
                    near = suggestion(wanted, named)
                    yield FieldError(f"/steps/{index}/after/{place}", f"there is no step {wanted!r}{near}")
    known = {name: tuple(each for each in after if each in named) for name, after in links.items()}
    loop = graph.cycle(known)
    if loop is not None:
        yield FieldError("/steps", f"the steps wait for one another in a circle: {' → '.join(loop)}")
    for index, step in enumerate(steps):
        yield from _expressions(step, f"/steps/{index}", None if loop else known)


def _expressions(step: object, at: str, links: graph.Graph | None) -> Found:
    if not isinstance(step, dict):
        return
    name = _id(step)
    earlier = graph.before(name, links) if links is not None and name is not None else None
    for key, value in step.items():
        if key in ("id", "kind", "after", "retry"):
            continue
        for pointer, text in strings(value, f"{at}/{escaped(key)}"):
            try:
                parts = parse(text).parts
            except ExpressionInvalid as error:
                yield FieldError(pointer, str(error))
                continue
            if earlier is not None and links is not None:
                yield from _references(parts, pointer, earlier, links)


def _references(parts: Sequence[str | Expression], pointer: str, earlier: frozenset[str], links: graph.Graph) -> Found:
    wanted = {name for part in parts if isinstance(part, Expression) for name in part.steps}
    for name in sorted(wanted - earlier):
        if name in links:
            yield FieldError(pointer, f"step {name!r} does not come before this one, so its result cannot be used here")
        else:
            yield FieldError(pointer, f"there is no step {name!r}{suggestion(name, links)}")


def _id(step: object) -> str | None:
    return step["id"] if isinstance(step, dict) and isinstance(step.get("id"), str) else None
