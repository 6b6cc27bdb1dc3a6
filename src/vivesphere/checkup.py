"""What `vivesphere doctor` looks at. It looks only: nothing is made, locked or changed."""

import os
import platform
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from vivesphere.kernel import paths, release, serving
from vivesphere.kernel.data_directory import DataDirectory
from vivesphere.kernel.db import migrate
from vivesphere.kernel.db.location import place_of
from vivesphere.kernel.errors import StartError
from vivesphere.kernel.settings import Settings
from vivesphere.kernel.vault import KEY_FILE

OLDEST_SQLITE = (3, 37, 0)


class Finding(msgspec.Struct, frozen=True):
    """`failed` keeps the server from starting or loses something; `warning` does not."""

    check: str
    status: Literal["ok", "warning", "failed"]
    detail: str


def findings(settings: Settings) -> tuple[Finding, ...]:
    """Every check, in the order a person would want to mend what fails."""
    data = DataDirectory(settings.server.data_dir)
    return (
        Finding("version", "ok", f"vivesphere {release.version()} on Python {platform.python_version()}"),
        _sqlite(),
        _data_directory(data),
        _master_key(data, settings),
        _database(data, settings),
        _port(data, settings),
        _admin_page(),
        _plugins(),
    )


def _said(check: str, look: Callable[[], str]) -> Finding:
    """What `look` says is well; the StartError it raises is not."""
    try:
        return Finding(check, "ok", look())
    except StartError as error:
        return Finding(check, "failed", str(error))


def _sqlite() -> Finding:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        wanted = ".".join(map(str, OLDEST_SQLITE))
        return Finding("SQLite", "failed", f"This Python has SQLite {sqlite3.sqlite_version}; {wanted} or newer is needed.")
    return Finding("SQLite", "ok", sqlite3.sqlite_version)


def _data_directory(data: DataDirectory) -> Finding:
    if (holder := data.holder()) is not None:
        return Finding("data directory", "ok", f"{data.path}, in use by the server with process id {holder}")
    place = data.path
    while not place.exists():
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        return Finding("data directory", "failed", f"{data.path} cannot be written; name another one in VIVESPHERE_DATA_DIR.")
    return Finding("data directory", "ok", f"{data.path}{'' if place == data.path else ', which the first start will make'}")


def _master_key(data: DataDirectory, settings: Settings) -> Finding:
    if settings.server.master_key is not None:
        return Finding("master key", "ok", "from VIVESPHERE_MASTER_KEY")
    key = data.path / KEY_FILE
    if key.is_file():
        return Finding("master key", "warning", f"{key}; keep a copy elsewhere: without it no secret can be read again")
    if data.database.exists():
        return Finding("master key", "failed", f"{key} is missing; put it back from your copy, or set VIVESPHERE_MASTER_KEY.")
    return Finding("master key", "ok", "the first start will make one")


def _database(data: DataDirectory, settings: Settings) -> Finding:
    try:
        place = place_of(settings.server.database_url, data.database)
        said, warning = migrate.describe(place), migrate.warning(place)
    except StartError as error:
        return Finding("database", "failed", str(error))
    return Finding("database", "ok", said) if warning is None else Finding("database", "warning", f"{said}; but {warning}")


def _port(data: DataDirectory, settings: Settings) -> Finding:
    server = settings.server
    if data.holder() is not None:
        return Finding("address", "ok", f"{server.host}:{server.port}, which the running server may be using")

    def try_it() -> str:
        serving.bind(server.host, server.port).close()
        return f"{server.host}:{server.port} is free"

    return _said("address", try_it)


def _admin_page() -> Finding:
    if (paths.static() / "index.html").is_file():
        return Finding("admin page", "ok", "built")
    return Finding("admin page", "warning", "The admin page is not built; `make run` builds it.")


def _plugins() -> Finding:
    found = sorted(folder.name for folder in _folders(paths.plugins()) if (folder / "plugin.toml").is_file())
    return Finding("plugins", "ok" if found else "warning", f"bundled: {', '.join(found) or 'none'}")


def _folders(place: Path) -> tuple[Path, ...]:
    return tuple(place.iterdir()) if place.is_dir() else ()
