"""`vivesphere db`: the database and its backups.

What may go on beside a running server asks it; while none runs, and for everything else, the command holds the data directory
itself. No offline command starts the application: a start would migrate.
"""

import getpass
import json
import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vivesphere.cli_operator import ServerNotRunning, ask_running_server, follow_running_server, load_settings, run
from vivesphere.kernel.clock import SystemClock
from vivesphere.kernel.data_directory import DataDirectory
from vivesphere.kernel.errors import ViveSphereError

if TYPE_CHECKING:
    from vivesphere.kernel.db.backup.progress import Progress
    from vivesphere.kernel.db.backup.restoring import Restored
    from vivesphere.kernel.db.location import Place
    from vivesphere.kernel.db.moving.transfer import Mover
    from vivesphere.kernel.db.revising import Revised, Reviser

VARIABLE = "VIVESPHERE_BACKUP_PASSPHRASE"


class DatabaseCommandFailed(ViveSphereError):
    """The message is a sentence."""


@click.group()
def db() -> None:
    """The database: schema, checks, backups, moving it."""


_passphrase_file = click.option(
    "--passphrase-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"Read the passphrase from the first line of this file. Else it is taken from {VARIABLE}, or asked for.",
)
_force = click.option("--force", is_flag=True, help="Replace what is there; it is kept under another name.")


@db.command()
@click.argument("revision", required=False)
def upgrade(revision: str | None) -> None:
    """Run pending migrations, all of them or up to REVISION. A start does so by itself. Stop the server first."""
    with _offline() as (data, place), _bar() as progress:
        done = _reviser(data, place).upgrade(revision, progress)
    _echo_revised(done)


@db.command()
@click.argument("revision")
def downgrade(revision: str) -> None:
    """Go back to the schema of REVISION, such as for an older version; a backup is made first. Stop the server first."""
    with _offline() as (data, place), _bar() as progress:
        done = _reviser(data, place).downgrade(revision, progress)
    _echo_revised(done)


@db.command()
def current() -> None:
    """Show at which revision the schema is."""
    try:
        found = ask_running_server("data.database.current", {}, "")
    except ServerNotRunning:
        import msgspec  # noqa: PLC0415 - as everything that `--help` does not need

        from vivesphere.kernel.db.revising import standing  # noqa: PLC0415 - SQLAlchemy takes a quarter of a second

        with _offline() as (_, place):
            found = msgspec.to_builtins(standing(place))
    pending = ", ".join(found["pending"])
    click.echo(f"{found['database']}: {found['revision'] or 'not there yet'}{f', pending: {pending}' if pending else ''}")


@db.command()
@click.option("--json", "as_json", is_flag=True, help="A list of what was found, as JSON.")
def check(*, as_json: bool) -> None:
    """Look for everything that should not be; exit with 1 if something is found."""
    try:
        found = _follow("data.database.check", {})
    except ServerNotRunning:
        import msgspec  # noqa: PLC0415 - as above

        from vivesphere import tables  # noqa: PLC0415 - the modules' models, only needed here
        from vivesphere.kernel.db.checking import check as look  # noqa: PLC0415 - as above

        with _offline() as (_, place), _bar() as progress:
            found = msgspec.to_builtins(look(place, tables.owners(), progress))
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        for fault in found:
            click.echo(f"{click.style(fault['check'], fg='red')}: {_visible(fault['detail'])}")
        if not found:
            click.echo("Nothing is wrong with the database.")
    if found:
        sys.exit(1)


@db.command()
@click.option("--encrypt", is_flag=True, help="Encrypt it with a passphrase, without which nobody can restore it.")
@_passphrase_file
def backup(passphrase_file: Path | None, *, encrypt: bool) -> None:
    """Make a backup, while the server runs or not. The key of the vault is not in it."""
    passphrase = _passphrase(passphrase_file, confirm=True) if encrypt or passphrase_file else None
    data = DataDirectory(load_settings().server.data_dir)
    try:
        made = _follow("data.backups.create", {} if passphrase is None else {"passphrase": passphrase})
        name, size = made["name"], made["bytes"]
    except ServerNotRunning:
        with _offline() as (data, place), _bar() as progress:
            name, size = _back_up_offline(data, place, passphrase, progress)
    click.echo(f"{data.backups / name} ({size:,} bytes, verified)")
    click.echo("The key of the vault is not in it: keep master.key and vault.json, too, apart from it.")


@db.command()
@click.argument("backup_file", metavar="BACKUP")
@_force
@_passphrase_file
def restore(backup_file: str, passphrase_file: Path | None, *, force: bool) -> None:
    """Put BACKUP, a name in the folder of backups or a file, in the place of the database. Stop the server first."""
    with _offline() as (data, place):
        from vivesphere.kernel.db.backup.sealing import is_sealed  # noqa: PLC0415 - as above

        file = next((each for each in (data.backups / backup_file, Path(backup_file)) if each.is_file()), None)
        if file is None:
            raise DatabaseCommandFailed(f"There is no backup {backup_file!a}, neither in {data.backups} nor as a file.")
        passphrase = _passphrase(passphrase_file) if is_sealed(file) else None
        with _bar() as progress:
            restored = _restore(file, data, place, passphrase=passphrase, force=force, progress=progress)
    click.echo(f"{place} holds {sum(restored.rows.values()):,} rows of {file.name} at revision {restored.revision}.")
    if restored.kept is not None:
        click.echo(f"What was there before is {restored.kept}.")
    click.echo("The secrets in it open with the master key of that time only: put master.key and vault.json back, too.")


@db.command()
@click.option("--full", is_flag=True, help="Write everything anew, without gaps. Stop the server first.")
def vacuum(*, full: bool) -> None:
    """Give the room of what was deleted back to the disk."""
    from vivesphere.kernel.db.vacuuming import vacuum as give_back  # noqa: PLC0415 - as above

    try:
        if full:
            raise ServerNotRunning("it must not")
        found = _follow("data.database.vacuum", {})
        before, after = found["before"], found["after"]
    except ServerNotRunning:
        with _offline() as (_, place), _bar() as progress:
            done = give_back(place, full=full, progress=progress)
        before, after = done.before, done.after
    click.echo(f"{max(before - after, 0):,} bytes were given back; {after:,} are left.")


@db.command()
@click.argument("target_url")
@_force
def move(target_url: str, *, force: bool) -> None:
    """Copy everything to TARGET_URL, SQLite or PostgreSQL, and prove that it is the same. Stop the server first.

    TARGET_URL may be -: then it is read from standard input, so that no password stands in the list of processes.
    """
    url = sys.stdin.readline().strip() if target_url == "-" else target_url
    with _offline() as (data, source), _bar() as progress:
        from vivesphere.kernel.db.location import SqlitePlace, place_of  # noqa: PLC0415 - as above

        target = place_of(url, data.database)
        began = time.perf_counter()
        moved = _mover(data).move(source, target, force=force, progress=progress)
    rate = moved.rows / max(time.perf_counter() - began, 0.001)
    click.echo(f"{moved.rows:,} rows of {len(moved.tables)} tables are the same in both ({rate:,.0f} rows/s).")
    if moved.kept is not None:
        click.echo(f"What was there before is {moved.kept}.")
    click.echo(f"From now on start with:\nVIVESPHERE_DATABASE_URL={target.file if isinstance(target, SqlitePlace) else url}")


@contextmanager
def _offline() -> Iterator[tuple[DataDirectory, "Place"]]:
    """The data directory, held, and the database. Raises StartError while a server runs."""
    from vivesphere.kernel.db.location import place_of  # noqa: PLC0415 - as above

    server = load_settings().server
    data = DataDirectory(server.data_dir)
    if not data.path.is_dir():
        raise ServerNotRunning(
            f"There is no data directory {data.path}; name yours in VIVESPHERE_DATA_DIR, or start the server."
        )
    data.hold()
    try:
        yield data, place_of(server.database_url, data.database)
    finally:
        data.release()


def _reviser(data: DataDirectory, place: "Place") -> "Reviser":
    from vivesphere import tables  # noqa: PLC0415 - as above
    from vivesphere.kernel.db.revising import Reviser  # noqa: PLC0415 - as above

    return Reviser(place, data.backups, tables.owners())


def _mover(data: DataDirectory) -> "Mover":
    from vivesphere import tables  # noqa: PLC0415 - as above
    from vivesphere.kernel.db.moving.transfer import Mover  # noqa: PLC0415 - as above

    return Mover(tables.owners(), data.backups, SystemClock.now())


def _back_up_offline(data: DataDirectory, place: "Place", passphrase: str | None, progress: "Progress") -> tuple[str, int]:
    from vivesphere.kernel import paths, release  # noqa: PLC0415 - as above
    from vivesphere.kernel.db import migrate  # noqa: PLC0415 - as above
    from vivesphere.kernel.db.backup.making import Wanted, make  # noqa: PLC0415 - as above
    from vivesphere.kernel.db.backup.origins import origin_of  # noqa: PLC0415 - as above

    wanted = Wanted(
        reason="manual",
        made_at=SystemClock.now(),
        known=migrate.revisions(paths.migrations()),
        release=release.version(),
        passphrase=passphrase,
    )
    made = make(origin_of(place), data.backups, wanted, progress)
    return made.name, made.bytes


def _restore(
    file: Path, data: DataDirectory, place: "Place", *, passphrase: str | None, force: bool, progress: "Progress"
) -> "Restored":
    from vivesphere.kernel import paths  # noqa: PLC0415 - as above
    from vivesphere.kernel.db.backup.restoring import restore, restore_into_server  # noqa: PLC0415 - as above
    from vivesphere.kernel.db.location import SqlitePlace  # noqa: PLC0415 - as above

    if isinstance(place, SqlitePlace):
        now = SystemClock.now()
        return restore(file, place, paths.migrations(), now=now, passphrase=passphrase, force=force, progress=progress)
    return restore_into_server(file, place, _mover(data), data.backups, passphrase=passphrase, force=force, progress=progress)


def _follow(command: str, arguments: dict[str, Any]) -> Any:
    """What a command of the running server comes to, with its progress shown. Raises ServerNotRunning."""

    async def following(progress: "Progress") -> Any:
        async with aclosing(follow_running_server(command, arguments, "it goes on without one")) as items:
            async for item in items:
                if "result" in item:
                    return item["result"]
                progress(*item["progress"])
        raise ServerNotRunning("The server has stopped.")

    with _bar() as progress:
        return run(following(progress))


@contextmanager
def _bar() -> Iterator["Progress"]:
    """How far a long work has come, on the terminal's last line; nothing where there is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _what, _done, _whole: None
        return
    from rich.console import Console  # noqa: PLC0415 - rich costs 60 ms, and is for terminals only
    from rich.progress import Progress as Bar  # noqa: PLC0415 - the same

    with Bar(console=Console(stderr=True), transient=True) as bar:
        shown: dict[str, Any] = {}

        def show(what: str, done: int, whole: int, /) -> None:
            if what not in shown:
                shown[what] = bar.add_task(what)
            bar.update(shown[what], completed=done, total=whole)

        yield show


def _passphrase(file: Path | None, *, confirm: bool = False) -> str:
    if file is not None:
        with file.open(encoding="utf-8") as lines:
            return lines.readline().rstrip("\r\n")
    if known := os.environ.get(VARIABLE):
        return known
    with warnings.catch_warnings():
        # Without a terminal it would be read in the open, after a warning that nobody can heed.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm))
        except getpass.GetPassWarning:
            sentence = f"There is no terminal to ask for the passphrase on; give --passphrase-file or {VARIABLE}."
            raise click.UsageError(sentence) from None


def _echo_revised(done: "Revised") -> None:
    if done.before == done.after:
        click.echo(f"The schema is at {done.after} already.")
        return
    click.echo(f"The schema was at {done.before or 'nothing'} and is at {done.after}.")
    if done.backup is not None:
        click.echo(f"As it was before, the database is in the backup {done.backup}.")


def _visible(text: str) -> str:
    """Names of tables and values may be a stranger's: nothing of them reaches the terminal as a command."""
    return text if text.isprintable() else "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
