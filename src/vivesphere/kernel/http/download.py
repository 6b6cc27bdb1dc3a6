"""A file as an attachment: streamed in pieces, and from where a broken download stopped (RFC 9110, section 14: one byte range).

A range holds for the file that `ETag` names: who sends `If-Range` with another one is sent the whole file.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

from litestar import Request
from litestar.params import HeaderParameter
from litestar.response import Stream

from vivesphere.kernel.errors import Refusal

PIECE = 1 << 18
MEDIA_TYPE = "application/octet-stream"

_RANGE = re.compile(r"bytes=(?P<first>[0-9]{0,18})-(?P<last>[0-9]{0,18})")

Range = Annotated[
    str | None,
    HeaderParameter(name="Range", max_length=100, description="One range of bytes: `bytes=1000-` goes on from there."),
]


class RangeUnsatisfiable(Refusal):
    status = 416
    slug = "range-unsatisfiable"
    title = "Range not satisfiable"


async def attachment(request: Request[Any, Any, Any], file: Path, wanted: str | None) -> Stream:
    """The answer that sends the file, or the range of it that `wanted` names. Raises FileNotFoundError, RangeUnsatisfiable."""
    known = await asyncio.to_thread(file.stat)
    etag = f'"{known.st_mtime_ns:x}-{known.st_size:x}"'
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"', "Accept-Ranges": "bytes", "ETag": etag}
    if request.headers.get("if-range", etag) != etag:
        wanted = None
    asked = _range(wanted, known.st_size)
    first, last = asked or (0, known.st_size - 1)
    if asked:
        headers["Content-Range"] = f"bytes {first}-{last}/{known.st_size}"
    headers["Content-Length"] = str(last - first + 1)
    return Stream(_pieces(file, first, last + 1), media_type=MEDIA_TYPE, headers=headers, status_code=206 if asked else 200)


def _range(wanted: str | None, size: int) -> tuple[int, int] | None:
    """The first and the last byte that are asked for. What is no single range of bytes is ignored, as the RFC has it."""
    found = _RANGE.fullmatch(wanted or "")
    if found is None or not (found["first"] or found["last"]):
        return None
    if not found["first"]:
        first, last = max(size - int(found["last"]), 0), size - 1
    else:
        first, last = int(found["first"]), min(int(found["last"] or size - 1), size - 1)
    if first > last:
        raise RangeUnsatisfiable(f"The file has {size} bytes, and none of the range that was asked for.")
    return first, last


async def _pieces(file: Path, begin: int, end: int) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(file.open, "rb") as source:
        source.seek(begin)
        while begin < end and (piece := await asyncio.to_thread(source.read, min(PIECE, end - begin))):
            begin += len(piece)
            yield piece
