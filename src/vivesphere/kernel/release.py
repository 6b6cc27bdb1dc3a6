"""Which release this is."""

from importlib import metadata


def version() -> str:
    """The installed distribution's version; one that is not installed (a bare checkout on the path) has none."""
    try:
        return metadata.version("vivesphere")
    except metadata.PackageNotFoundError:
        return "0+checkout"
