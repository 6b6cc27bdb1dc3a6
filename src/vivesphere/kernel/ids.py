"""Identifiers: UUIDv7 (RFC 9562), so that ids made later sort later."""

from uuid_utils import uuid7

AFTER_EVERY_ID = "~"
"""Sorts after every id: where a list that shows the newest first begins."""


def new_id() -> str:
    """A new UUIDv7 in its canonical 36-character form."""
    return str(uuid7())
