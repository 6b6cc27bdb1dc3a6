"""A plan's definition as the engine reads it, once validation has found nothing wrong with it."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from vivesphere.kernel.bus.messages import JSON

StepKind = Literal["tool", "message", "wait"]


class Retry(msgspec.Struct, frozen=True):
    """How often a step that is known to have failed is tried in all, and the pause before each further attempt."""

    max_attempts: int
    delay_seconds: float = 0.0


class Step(msgspec.Struct, frozen=True):
    """`fields` is what the kind needs, with its expressions unevaluated; `after` is complete: the default is filled in."""

    id: str
    kind: StepKind
    after: tuple[str, ...]
    fields: Mapping[str, JSON]
    retry: Retry = Retry(1)


class Definition(msgspec.Struct, frozen=True):
    """The steps in an order in which each comes after those it waits for; between equals, the author's order."""

    steps: tuple[Step, ...]


FIELDS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "tool": (frozenset({"tool"}), frozenset({"arguments", "retry"})),
    "message": (frozenset({"bot", "channel", "text"}), frozenset({"account", "retry"})),
    "wait": (frozenset(), frozenset({"seconds", "until"})),
}
"""What each kind must and may have, beside `id`, `kind` and `after`."""


def read(definition: Mapping[str, Any]) -> Definition:
    """The engine's form of a definition that validation has passed."""
    steps = [_step(raw, previous) for raw, previous in zip(definition["steps"], [None, *definition["steps"]], strict=False)]
    return Definition(tuple(_ordered(steps)))


def after_of(raw: Mapping[str, Any], previous: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The steps a step waits for: those it names, else the one before it in the list."""
    if "after" in raw:
        return tuple(raw["after"])
    return () if previous is None else (previous["id"],)


def _step(raw: Mapping[str, Any], previous: Mapping[str, Any] | None) -> Step:
    fields = {key: value for key, value in raw.items() if key not in ("id", "kind", "after", "retry")}
    retry = Retry(**raw["retry"]) if "retry" in raw else Retry(1)
    return Step(raw["id"], raw["kind"], after_of(raw, previous), fields, retry)


def _ordered(steps: list[Step]) -> list[Step]:
    done: dict[str, Step] = {}
    waiting = list(steps)
    while waiting:
        step = next(each for each in waiting if all(before in done for before in each.after))
        done[step.id] = step
        waiting.remove(step)
    return list(done.values())
