"""The admin UI: a single-page application, so a path that is no file is answered with its `index.html`."""

import asyncio
import mimetypes
from pathlib import Path
from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

from vivesphere.kernel.http.authentication import public
from vivesphere.kernel.http.headers import UI_POLICY
from vivesphere.kernel.http.problems import PathUnknown

INDEX = "index.html"
FOREVER = "public, max-age=31536000, immutable"
RESERVED = (".well-known", "api", "health", "metrics", "schema")
"""First parts of paths that belong to the server: a mistyped one must not be answered with a page."""


class StaticFile(msgspec.Struct, frozen=True):
    content: bytes
    etag: str
    media_type: str
    cache: str


def static_files(root: Path) -> HTTPRouteHandler:
    """The route that serves everything below `root`."""

    @get(["/", "/{path:path}"], guards=[public], include_in_schema=False)
    async def admin_ui(request: Request[Any, Any, Any], path: str = "") -> Response[bytes]:
        wanted = path.strip("/")
        if wanted.split("/", 1)[0] in RESERVED:
            raise PathUnknown(f"There is nothing at /{wanted}.")
        found = await asyncio.to_thread(find, root, wanted)
        headers = {"ETag": found.etag, "Cache-Control": found.cache, "Content-Security-Policy": UI_POLICY}
        if request.headers.get("if-none-match") == found.etag:
            return Response(b"", status_code=304, headers=headers)
        return Response(found.content, media_type=found.media_type, headers=headers)

    return admin_ui


def find(root: Path, wanted: str) -> StaticFile:
    """The file at that path, or the index. Raises PathUnknown for a missing file that has an ending, and without a UI."""
    if "\0" in wanted:
        raise PathUnknown("There is no such file.")
    file = (root / wanted).resolve()
    # `resolve` undoes `..` and symbolic links, so that nothing outside of `root` can be named.
    if wanted and file.is_relative_to(root.resolve()) and _is_file(file):
        return _read(file, FOREVER if wanted.startswith("assets/") else "no-cache")
    if "." in wanted.rsplit("/", 1)[-1]:
        raise PathUnknown(f"There is no file /{wanted}.")
    try:
        return _read(root / INDEX, "no-cache")
    except FileNotFoundError:
        raise PathUnknown("The admin page is not built; run `make run`, which builds it.") from None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        # A name longer than the file system allows is no file's (ENAMETOOLONG).
        return False


def _read(file: Path, cache: str) -> StaticFile:
    known = file.stat()
    media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return StaticFile(
        content=file.read_bytes(),
        etag=f'"{known.st_mtime_ns:x}-{known.st_size:x}"',
        media_type=media_type,
        cache=cache,
    )
