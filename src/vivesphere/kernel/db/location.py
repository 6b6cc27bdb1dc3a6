"""Which file the database is: the settings' URL, read."""

from pathlib import Path

from vivesphere.kernel.errors import StartError

NOT_UNDERSTOOD = "VIVESPHERE_DATABASE_URL is not understood: write sqlite:///path/to/file.db or the path of a file."
_SQLITE = frozenset({"sqlite", "sqlite+pysqlite", "sqlite+aiosqlite"})
_POSTGRESQL = frozenset({"postgres", "postgresql"})


def database_file(url: str | None, default: Path) -> Path:
    """The SQLite file that `url` names: `sqlite:///relative`, `sqlite:////absolute`, or a bare path; without one, `default`.

    Raises StartError for anything else. The URL itself is not repeated in the message: it may hold a password.
    """
    if not url:
        return default
    scheme, separator, rest = url.partition("://")
    if not separator:
        file = _file(url)
        # A URL with a slash too few is no file's name, and may hold a password that would then stand in the directory.
        if ":" in url:
            raise StartError(NOT_UNDERSTOOD)
        return file
    if scheme.partition("+")[0] in _POSTGRESQL:
        raise StartError(
            "PostgreSQL is not supported yet: leave VIVESPHERE_DATABASE_URL out to use SQLite in the data directory, "
            "or name a file in it."
        )
    if scheme not in _SQLITE or not rest.startswith("/"):
        raise StartError(NOT_UNDERSTOOD)
    return _file(rest[1:].partition("?")[0])


def _file(path: str) -> Path:
    if path in ("", ":memory:") or path.startswith("file:"):
        raise StartError(
            "The database has to be a file, since several connections share it: "
            "write sqlite:///path/to/file.db in VIVESPHERE_DATABASE_URL."
        )
    return Path(path).expanduser().absolute()
