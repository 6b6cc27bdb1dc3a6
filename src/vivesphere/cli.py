"""The command line. What the server must be asked goes over the operator socket, or is done here while no server runs."""

import asyncio
import gc
import getpass
import os
import sys
import warnings
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from vivesphere.kernel.data_directory import DataDirectory
from vivesphere.kernel.errors import ViveSphereError
from vivesphere.kernel.settings import Settings

T = TypeVar("T")


class _Group(click.Group):
    """Turns our own errors into one sentence and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ViveSphereError as error:
            click.secho(str(error), fg="red", err=True)
            ctx.exit(2)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """ViveSphere: a self-hosted server that runs bots."""


@cli.command()
def serve() -> None:
    """Run the server until SIGTERM or Ctrl-C."""
    # Hardly anything that a start makes is garbage, and looking for it takes a tenth of the start; `app.serve` looks again.
    gc.disable()
    # structlog and httpx load these where they find them, to print what a server never prints: 5 MB and a sixth of the imports.
    with _as_if_missing("rich", "pygments"):
        from vivesphere import app  # noqa: PLC0415 - the server's imports cost half a second; `version` and `--help` need none

    _run(app.serve(_settings()))


@cli.command()
def version() -> None:
    """Print the version."""
    from vivesphere.kernel import release  # noqa: PLC0415 - reading package metadata is slow and only needed here

    click.echo(f"vivesphere {release.version()}")


@cli.command()
def doctor() -> None:
    """Check this machine and the data directory; exit with 1 if something must be mended."""
    from rich.console import Console  # noqa: PLC0415 - rich costs 60 ms that `serve` need not pay
    from rich.table import Table  # noqa: PLC0415 - the same

    from vivesphere import checkup  # noqa: PLC0415 - the server's imports, only needed here

    table = Table("", "check", "finding", box=None)
    marks = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "failed": "[red]✗[/]"}
    findings = checkup.findings(_settings())
    for finding in findings:
        table.add_row(marks[finding.status], finding.check, finding.detail)
    Console().print(table)
    if any(finding.status == "failed" for finding in findings):
        sys.exit(1)


@cli.group()
def user() -> None:
    """People who may sign in."""


_password = click.option(
    "--password-stdin", is_flag=True, help="Read the password from the first line of standard input instead of asking for it."
)


@user.command("add")
@click.argument("username")
@click.option("--role", default="owner", show_default=True, help="owner, admin, manager, editor or viewer.")
@_password
def user_add(username: str, role: str, *, password_stdin: bool) -> None:
    """Add a person who may sign in."""
    _operate("auth.user.add", {"username": username, "role": role, "password": _ask_password(from_stdin=password_stdin)})
    click.echo(f"{username} may sign in.")


@user.command("passwd")
@click.argument("username")
@_password
def user_passwd(username: str, *, password_stdin: bool) -> None:
    """Set a person's password; every session of theirs ends."""
    _operate("auth.user.passwd", {"username": username, "password": _ask_password(from_stdin=password_stdin)})
    click.echo(f"{username} has a new password.")


@contextmanager
def _as_if_missing(*packages: str) -> Iterator[None]:
    """Inside the block an import of these packages fails, as it would if they were not installed."""
    absent = [package for package in packages if package not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None is how the import system is told "not there"
    try:
        yield
    finally:
        for package in absent:
            del sys.modules[package]


def _settings() -> Settings:
    return Settings.load(os.environ)


def _ask_password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    with warnings.catch_warnings():
        # Without a terminal the password would be read in the open, after a warning that nobody can heed.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
        except getpass.GetPassWarning:
            sentence = "There is no terminal to ask for the password on; give it with --password-stdin."
            raise click.UsageError(sentence) from None


def _operate(command: str, arguments: dict[str, Any]) -> Any:
    """Ask the running server; if none runs, be the server for the moment that the command takes."""
    from vivesphere.kernel.operator_socket import ask_server  # noqa: PLC0415 - `serve` starts faster without the client

    settings = _settings()
    socket = DataDirectory(settings.server.data_dir).operator_socket
    try:
        return _run(ask_server(socket, command, arguments))
    except (ConnectionError, FileNotFoundError):
        from vivesphere import app  # noqa: PLC0415 - only needed while no server runs

        return _run(app.operate_offline(settings, command, arguments))


def _run(work: Coroutine[Any, Any, T]) -> T:
    import uvloop  # noqa: PLC0415 - loaded where a loop is started

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
