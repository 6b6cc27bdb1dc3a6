"""Writes `docs/reference/` from the code (`make docs`). A test holds the committed files against what this makes."""

from pathlib import Path

import click
from docs.reference_writer.bus import bus_page
from docs.reference_writer.installation import indented, new_installation
from docs.reference_writer.settings import settings_page

REFERENCE = Path(__file__).resolve().parent / "reference"


def documents() -> dict[str, bytes]:
    """Every generated document, by its file name in `docs/reference/`."""
    installation = new_installation()
    return {
        "openapi.json": indented(installation.openapi),
        "asyncapi.json": indented(installation.asyncapi),
        "bus.md": bus_page(installation.catalog).encode(),
        "settings.md": settings_page().encode(),
    }


@click.command()
def main() -> None:
    """Write docs/reference/ from the code."""
    for name, content in documents().items():
        (REFERENCE / name).write_bytes(content)
        click.echo(f"wrote docs/reference/{name}")


if __name__ == "__main__":
    main()
