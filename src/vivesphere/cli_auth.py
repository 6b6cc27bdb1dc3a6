"""`vivesphere user` and `vivesphere auth`: who may sign in, where they are signed in, and the keys of their tokens."""

import getpass
import sys
import warnings
from datetime import datetime

import click

from vivesphere.cli_operator import operate, operate_existing


@click.group()
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


@user.command("sessions")
@click.argument("username")
def user_sessions(username: str) -> None:
    """List where a person is signed in, the newest first."""
    found = operate_existing("auth.user.sessions", {"username": username})
    for each in found:
        used = datetime.fromisoformat(each["used_at"]).astimezone()
        click.echo(f"{each['id']}  {each['device']} from {each['address']}, used {used:%Y-%m-%d %H:%M}")
    if not found:
        click.echo(f"{username} is not signed in anywhere.")


@user.command("sign-out")
@click.argument("username")
def user_sign_out(username: str) -> None:
    """Sign a person out everywhere, at once."""
    ended = operate_existing("auth.user.sign_out", {"username": username})["count"]
    click.echo(f"{username} was signed out of {ended} {'session' if ended == 1 else 'sessions'}.")


@click.group()
def auth() -> None:
    """What signing in rests on."""


@auth.command("rotate-keys")
def rotate_keys() -> None:
    """Sign access tokens with a new key from now on. Nobody is signed out."""
    rotated = operate_existing("auth.keys.rotate", {})
    click.echo(
        f"Access tokens are signed with the key {rotated['key_id']}; what was signed before stays good until it expires."
    )


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
