"""`make baseline`: writes down what is promised today, so that nobody takes it back by accident."""

import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click
import msgspec
from docs.reference_writer.installation import indented, new_installation
from tests.contracts.breaking import breaking_bus, breaking_http, promised
from tests.contracts.samples import SAMPLES, durable_events, record

BASELINE = Path(__file__).parent / "baseline"
BROKEN = "broken.json"


class Broken(msgspec.Struct, frozen=True):
    """A promise that was broken on purpose."""

    on: date
    reason: str
    changes: tuple[str, ...]


def read(folder: Path, name: str) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.json.decode((folder / f"{name}.json").read_bytes())
    return document


def today_promised() -> dict[str, dict[str, Any]]:
    """What the code promises, in the form of a baseline."""
    installation = new_installation()
    bus = promised(installation.asyncapi)
    # Who hears an event inside the server is nobody's promise.
    bus["operations"] = {name: each for name, each in bus["operations"].items() if not name.startswith("hear.")}
    return {"openapi": promised(installation.openapi), "asyncapi": bus}


def broken(folder: Path, now: dict[str, dict[str, Any]], today: date) -> list[str]:
    """What the baseline has promised and `now` takes back."""
    found = [*breaking_http(read(folder, "openapi"), now["openapi"], today)]
    found += breaking_bus(read(folder, "asyncapi"), now["asyncapi"])
    # An event is compared both ways, and may break both.
    return list(dict.fromkeys(found))


def renew(folder: Path, now: dict[str, dict[str, Any]], reason: str, today: date) -> list[str]:
    """Write the baseline anew. What it would break is returned and nothing written, unless a reason is given and kept."""
    changes = broken(folder, now, today)
    if changes and not reason:
        return changes
    if changes:
        kept = msgspec.json.decode((folder / BROKEN).read_bytes(), type=list[Broken])
        kept.append(Broken(today, reason, tuple(changes)))
        (folder / BROKEN).write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=2) + b"\n")
    for name, document in now.items():
        (folder / f"{name}.json").write_bytes(indented(document))
    return []


@click.command()
@click.argument("reason", default="")
def main(reason: str) -> None:
    """Renew the baseline and record samples of new durable events. A breaking change needs a REASON, which is kept."""
    refused = renew(BASELINE, today_promised(), reason.strip(), datetime.now(UTC).date())
    if refused:
        click.echo("This breaks whoever relies on what was promised:", err=True)
        click.echo("".join(f"- {change}\n" for change in refused), err=True)
        click.echo(
            "Let the old form answer too and deprecate it (vivesphere.kernel.http.deprecation), or say why not: "
            'make baseline REASON="…"',
            err=True,
        )
        sys.exit(1)
    for path in record(durable_events(), SAMPLES):
        click.echo(f"recorded {path.name}")
    click.echo("The baseline is what is promised today.")


if __name__ == "__main__":
    main()
