"""`ETag` and `If-Match` (RFC 9110, 8.8.3 and 13.1.1) of what has a version: who edits what somebody else changed hears of it.

A route that shows one thing answers with `tagged`; one that edits it takes `if_match: IfMatch` and hands what `versions_in`
makes of it on to the rule, which compares it with the version inside the unit of work that makes the edit.
"""

import re
from typing import Annotated, TypeVar

from litestar import Response
from litestar.params import HeaderParameter

T = TypeVar("T")

IfMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        max_length=1000,
        description="The `ETag` of what you have seen. If it was changed meanwhile, nothing is done (412).",
    ),
]

_TAG = re.compile(r'(W/)?"([^"]*)"')


def tagged(view: T, version: int | None) -> Response[T]:
    """The answer with the version as its `ETag`; what has none is not tagged."""
    return Response(view, headers={} if version is None else {"ETag": f'"{version}"'})


def versions_in(if_match: str | None) -> frozenset[int] | None:
    """The versions that the editor would edit; None for any. Weak tags, and those that no version has, match nothing."""
    if if_match is None or if_match.strip() == "*":
        return None
    return frozenset(int(tag) for weak, tag in _TAG.findall(if_match) if not weak and re.fullmatch(r"[0-9]{1,19}", tag))
