"""Where migrations, bundled plugins and the page lie: beside the sources in a checkout, inside the package in a wheel."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def migrations() -> Path:
    """The Alembic folder: `env.py` and `versions`."""
    return _shipped("migrations")


def plugins() -> Path:
    """The bundled plugins, one folder each."""
    return _shipped("plugins")


def static() -> Path:
    """The built page. In a checkout it is there once it has been built."""
    return PACKAGE / "admin" / "static"


def _shipped(name: str) -> Path:
    inside = PACKAGE / f"_{name}"
    return inside if inside.is_dir() else PACKAGE.parent.parent / name
