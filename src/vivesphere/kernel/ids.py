"""Identifiers: UUIDv7 (RFC 9562), so that ids made later sort later."""

from uuid_utils import uuid7


def new_id() -> str:
    """A new UUIDv7 in its canonical 36-character form."""
    return str(uuid7())
