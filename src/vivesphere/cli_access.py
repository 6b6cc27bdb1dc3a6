"""`vivesphere db access`: who may touch which table, and why."""

import json
from typing import Any

import click

from vivesphere.cli_operator import operate_existing

KEEPER = {"principal": "system", "why": "keeper"}
"""Of every table but its own, so that it is not told of line by line."""


@click.command()
@click.argument("table", required=False)
@click.option("--json", "as_json", is_flag=True, help="Everything that is known of it, as JSON.")
def access(table: str | None, *, as_json: bool) -> None:
    """Show who may read and who may write each table, or the one that TABLE names, and what that rests on."""
    found = operate_existing("data.access.list", {} if table is None else {"table": table})
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    if not found:
        raise click.ClickException(f"There is no table {table!a}; nobody may touch what is not known.")
    for each in found:
        project = f" of project {each['project']}" if each["project"] else ""
        click.echo(f"{click.style(each['stored_as'], bold=True)} ({each['access_level']}{project})")
        for action in ("read", "write"):
            click.echo(f"  {action:5} {', '.join(map(_shown, _told(each[action]))) or 'nobody'}")
    click.secho("The server itself (system) may read and write all of them.", dim=True)


def _told(holders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [holder for holder in holders if holder != KEEPER]


def _shown(holder: dict[str, Any]) -> str:
    return f"{click.style(holder['principal'], fg='green')} ({holder['why']})"
