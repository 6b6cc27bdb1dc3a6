"""`vivesphere events`: what happens, what happened and why, and what listeners gave up."""

import json
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import click

from vivesphere.cli_operator import follow_running_server, operate_existing, run
from vivesphere.kernel.errors import ViveSphereError

F = TypeVar("F", bound=Callable[..., Any])

QUIET = ("stream.subscribed", "stream.heartbeat")
"""Frames that tell a person nothing."""


class TailEnded(ViveSphereError):
    """The server ended the tail; the message says why."""


class _Moment(click.ParamType[str]):
    """A time as the server takes it (RFC 3339)."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            self.fail(f"{value!a} is no time with its time zone, such as 2026-01-05T12:00:00Z.", param, ctx)
        return moment.isoformat()


MOMENT = _Moment()


@click.group()
def events() -> None:
    """What happens, what happened and why, and what listeners gave up."""


_as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


def _filtered(command: F) -> F:
    """The options that say which events."""
    for option in (
        click.option("--correlation-id", help="Of this chain of causes."),
        click.option("--source", help="Published by this principal: module:plans."),
        click.option("--until", type=MOMENT, help="Before this time, with its time zone."),
        click.option("--since", type=MOMENT, help="Not before this time, with its time zone: 2026-01-05T12:00:00Z."),
        click.option("--category", help="The first part of the topic: plans."),
        click.option("--topic", help="A topic or a pattern: plans.>, *.*.failed."),
    ):
        command = option(command)
    return command


@events.command()
@click.argument("pattern", default=">")
@click.option("--after", type=click.IntRange(min=0), help="Begin with what was recorded after this place (`seq`) of the log.")
@_as_json
def tail(pattern: str, after: int | None, *, as_json: bool) -> None:
    """Show events as they happen, until Ctrl-C. PATTERN is a topic or a pattern, such as 'bots.>'."""
    try:
        run(_tail(pattern, after, as_json=as_json))
    except KeyboardInterrupt:
        # How a tail ends. The terminal has shown ^C; the prompt belongs on a line of its own.
        click.echo(err=True)


@events.command()
@_filtered
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@_as_json
def history(limit: int, *, as_json: bool, **wanted: str | None) -> None:
    """Show recorded events, the newest last."""
    found = operate_existing("audit.events.history", {"limit": limit, "filter": _given(wanted)})
    for event in reversed(found):
        _print(event, _event_line(event), as_json=as_json)


@events.command()
@click.argument("event_id", metavar="ID")
@_as_json
def chain(event_id: str, *, as_json: bool) -> None:
    """Show why an event happened: the tree of causes it belongs to, and the acts that came of it."""
    found = operate_existing("audit.events.chain", {"id": event_id})
    if as_json:
        click.echo(_json(found))
        return
    click.secho(f"chain {found['correlation_id']}", bold=True)
    for depth, event in _tree(found["events"]):
        mark = click.style(" ←", fg="yellow", bold=True) if event["id"] == event_id else ""
        click.echo(f"{'  ' * depth}{_event_line(event)}{mark}")
    for effect in found["effects"]:
        target = _visible(effect["target"])
        click.echo(f"{_moment(effect['at'])} {effect['kind']} {target} {click.style(effect['status'], fg='magenta')}")
    if found["truncated"]:
        click.secho("There is more; the chain is too long to be shown whole.", fg="yellow", err=True)


@events.command()
@click.option("--listener", required=True, help="Who is to hear the events again; nobody else does.")
@_filtered
@click.option("--dry-run", is_flag=True, help="Only count.")
@_as_json
def replay(listener: str, *, dry_run: bool, as_json: bool, **wanted: str | None) -> None:
    """Let one durable listener hear recorded events again; its acts on the outside world are only pretended."""
    done = operate_existing("audit.events.replay", {"listener": listener, "dry_run": dry_run, "filter": _given(wanted)})
    queued = "would be heard" if dry_run else "are heard"
    line = f"{done['matched']} events match; {done['queued']} {queued} again by {listener}, {done['skipped']} are skipped."
    if done["more"]:
        line += " There are more: go on with --since."
    _print(done, line, as_json=as_json)


@events.group("dead-letters", invoke_without_command=True)
@click.pass_context
def dead_letters(context: click.Context) -> None:
    """What durable listeners gave up: list, show, retry or drop it."""
    if context.invoked_subcommand is None:
        context.invoke(list_letters)


def _lettered(command: F) -> F:
    for option in (
        click.option("--topic", help="Of events that this topic or pattern names."),
        click.option("--listener", help="Of this listener: module:audit/security."),
    ):
        command = option(command)
    return command


@dead_letters.command("list")
@_lettered
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@_as_json
def list_letters(*, limit: int = 50, as_json: bool = False, **wanted: str | None) -> None:
    """List dead letters, the newest last."""
    found = operate_existing("audit.letters.list", {"limit": limit, "filter": _given(wanted)})
    for letter in reversed(found):
        _print(letter, _letter_line(letter), as_json=as_json)


@dead_letters.command()
@click.argument("letter_id", metavar="ID")
def show(letter_id: str) -> None:
    """Show one dead letter with all its event says, as JSON."""
    (letter,) = operate_existing("audit.letters.list", {"id": letter_id})
    click.echo(_json(letter, indent=2))


@dead_letters.command()
@click.argument("letter_id", metavar="[ID]", required=False)
@click.option("--all", "everything", is_flag=True, help="All of them, or all of --listener and --topic.")
@_lettered
def retry(letter_id: str | None, *, everything: bool, **wanted: str | None) -> None:
    """Let the listener try again, as if for the first time."""
    count = operate_existing("audit.letters.retry", _letters(letter_id, wanted, everything=everything))["count"]
    click.echo(f"{count} dead letters wait for their listeners again." if count != 1 else "It waits for its listener again.")


@dead_letters.command()
@click.argument("letter_id", metavar="[ID]", required=False)
@click.option("--all", "everything", is_flag=True, help="All of them, or all of --listener and --topic.")
@_lettered
def drop(letter_id: str | None, *, everything: bool, **wanted: str | None) -> None:
    """Be done with it. The event stays in the log."""
    count = operate_existing("audit.letters.drop", _letters(letter_id, wanted, everything=everything))["count"]
    click.echo(f"{count} dead letters are dropped." if count != 1 else "It is dropped.")


async def _tail(pattern: str, after: int | None, *, as_json: bool) -> None:
    asked = {"topic": pattern} | ({} if after is None else {"after": after})
    async for frame in follow_running_server("audit.events.tail", asked, "there is nothing to follow, but `events history`"):
        if frame["type"] == "stream.error":
            raise TailEnded(frame["data"]["detail"])
        if frame["type"] not in QUIET:
            _print(frame, _frame_line(frame), as_json=as_json)
            # Whoever reads through a pipe reads along.
            sys.stdout.flush()


def _letters(letter_id: str | None, wanted: dict[str, str | None], *, everything: bool) -> dict[str, Any]:
    if (letter_id is None) is not everything:
        raise click.UsageError("Name one dead letter by its ID, or say --all.")
    return {"filter": _given(wanted)} if letter_id is None else {"id": letter_id}


def _given(wanted: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in wanted.items() if value is not None}


def _print(thing: Any, line: str, *, as_json: bool) -> None:
    click.echo(_json(thing) if as_json else line)


def _frame_line(frame: dict[str, Any]) -> str:
    if frame["type"].startswith("stream."):
        return click.style(f"{frame['type']} {_compact(frame['data'])}", fg="yellow")
    seq = "" if frame["seq"] is None else frame["seq"]
    return f"{_moment(frame['at'])} {seq:>7} {_topic(frame['type'])} {_compact(frame['data'])}"


def _event_line(event: dict[str, Any]) -> str:
    if event.get("hidden"):
        return f"{_moment(event['at'])} {click.style('hidden', dim=True)} {event['id']}"
    who = click.style(event["source"], fg="green")
    return f"{_moment(event['at'])} {event['seq']:>7} {_topic(event['topic'])} {who} {event['id']} {_compact(event['data'])}"


def _letter_line(letter: dict[str, Any]) -> str:
    listener = click.style(letter["listener"], fg="green")
    tried = f"{_topic(letter['event']['topic'])} {letter['attempts']} attempts"
    return (
        f"{_moment(letter['failed_at'])} {letter['id']} {listener} {tried}: {click.style(_visible(letter['error']), fg='red')}"
    )


def _tree(found: list[dict[str, Any]]) -> list[tuple[int, dict[str, Any]]]:
    """Every event with its depth, each behind what caused it. What was caused by no event that is here stands in front."""
    here = {event["id"] for event in found}
    children: dict[str | None, list[dict[str, Any]]] = {}
    for event in found:
        children.setdefault(event["causation_id"] if event["causation_id"] in here else None, []).append(event)
    laid: list[tuple[int, dict[str, Any]]] = []
    waiting = [(0, event) for event in reversed(children.get(None, []))]
    while waiting:
        depth, event = waiting.pop()
        laid.append((depth, event))
        waiting += [(depth + 1, child) for child in reversed(children.get(event["id"], []))]
    return laid


def _moment(text: str) -> str:
    return click.style(text.replace("T", " ").removesuffix("Z"), dim=True)


def _topic(topic: str) -> str:
    return click.style(topic, fg="cyan")


def _compact(data: dict[str, Any]) -> str:
    return _visible(json.dumps(data, ensure_ascii=False, separators=(",", ":"))) if data else ""


def _json(thing: Any, indent: int | None = None) -> str:
    return "\n".join(map(_visible, json.dumps(thing, indent=indent, ensure_ascii=False).split("\n")))


def _visible(text: str) -> str:
    """What a terminal would obey instead of showing it, written as JSON writes it: strangers choose what events say."""
    return text if text.isprintable() else "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)
