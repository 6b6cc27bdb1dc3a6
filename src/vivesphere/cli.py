"""The command line: every command, but for those about events and the database."""

import gc
import getpass
import json
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from vivesphere.cli_access import access
from vivesphere.cli_database import db
from vivesphere.cli_events import events
from vivesphere.cli_operator import ask_running_server, load_settings, operate, operate_existing, run
from vivesphere.kernel.errors import ViveSphereError


class _Group(click.Group):
    """Turns our own errors into one sentence and exit code 2."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for each in args:
            try:
                each.encode()
            except UnicodeEncodeError:
                raise click.UsageError(f"{each!a} is not UTF-8, and nothing here is called so.") from None
        return super().parse_args(ctx, args)

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

    run(app.serve(load_settings()))


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
    findings = checkup.findings(load_settings())
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
    operate("auth.user.add", {"username": username, "role": role, "password": _ask_password(from_stdin=password_stdin)})
    click.echo(f"{username} may sign in.")


@user.command("passwd")
@click.argument("username")
@_password
def user_passwd(username: str, *, password_stdin: bool) -> None:
    """Set a person's password; every session of theirs ends."""
    operate("auth.user.passwd", {"username": username, "password": _ask_password(from_stdin=password_stdin)})
    click.echo(f"{username} has a new password.")


@cli.group()
def settings() -> None:
    """What the server is set to."""


@settings.command("show")
@click.option("--json", "as_json", is_flag=True, help="Everything that is known of each setting, as JSON.")
def settings_show(*, as_json: bool) -> None:
    """Show every setting with its value and where the value comes from; secrets are masked. A reload changes `live` ones."""
    found = operate_existing("settings.show", {})
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for each in found:
        value = "" if each["value"] is None else json.dumps(each["value"], ensure_ascii=False)
        live = ", live" if each["live"] else ""
        click.echo(f"{each['environment']} = {value}  ({each['source']}{live})")


@settings.command("reload")
def settings_reload() -> None:
    """Let the running server read its settings file anew; nothing changes if anything in it is wrong."""
    changed = ask_running_server("settings.reload", {}, "it reads its settings when it starts")
    for key in changed["keys"]:
        click.echo(f"{key} has changed.")
    for key in changed["restart_needed"]:
        click.echo(f"{key} will change at the next start.")
    if not any(changed.values()):
        click.echo("Nothing has changed.")


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


db.add_command(access)
cli.add_command(db)
cli.add_command(events)
