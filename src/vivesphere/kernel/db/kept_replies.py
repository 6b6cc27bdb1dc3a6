"""What a unit of work answered under an idempotency key, kept in the unit's own commit: whoever asks again gets it again.

All writes are one thread's, so that of two who ask at once the second finds what the first was answered, and after a crash
there is either the whole act with its reply or nothing. Retention deletes what is old.
"""

import hashlib
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from vivesphere.kernel.cause import Cause
from vivesphere.kernel.db.connection import Connection
from vivesphere.kernel.db.errors import IdempotencyKeyReused
from vivesphere.kernel.principals import Principal

R = TypeVar("R")

LONGEST_KEY = 255
LONGEST_ASKER = 200


class IdempotencyKey(msgspec.Struct, Generic[R], frozen=True):
    """The asker's own name for one act: the same `key` again means the same act again, and `asked`, the question as it came,
    proves that it is. `reply` is what the rule returns, as msgspec can read it again; `operation` sets apart what one asker
    may ask under equal keys."""

    key: str
    asked: bytes
    reply: type[R]
    operation: str = ""

    def __post_init__(self) -> None:
        if not 1 <= len(self.key) <= LONGEST_KEY:
            raise ValueError(f"an idempotency key has 1 to {LONGEST_KEY} characters, not {len(self.key)}")


class Once:
    """One act under a key: what was answered, if it was done before, else where to keep what is."""

    __slots__ = ("_asker", "_fingerprint", "_key", "_reply")

    def __init__(self, key: IdempotencyKey[Any], principal: Principal, cause: Cause) -> None:
        asker = f"{cause.actor} {principal} {key.operation}".rstrip()
        self._asker = asker if len(asker) <= LONGEST_ASKER else hashlib.sha256(asker.encode()).hexdigest()
        self._key = key.key
        self._fingerprint = hashlib.sha256(key.asked).hexdigest()
        self._reply: Any = key.reply

    def kept(self, connection: Connection) -> tuple[Any] | None:
        """The reply, if there is one. Raises IdempotencyKeyReused, or msgspec.ValidationError if an earlier release kept it
        in another form."""
        found = connection.kept_reply(self._asker, self._key)
        if found is None:
            return None
        fingerprint, reply = found
        if fingerprint != self._fingerprint:
            raise IdempotencyKeyReused(f"the idempotency key {self._key} stands for something else that was asked before")
        return (msgspec.json.decode(reply, type=self._reply),)

    def keep(self, connection: Connection, reply: Any, now: datetime) -> None:
        """Raises TypeError or ValueError if the reply could not be read again."""
        text = msgspec.json.encode(reply)
        msgspec.json.decode(text, type=self._reply)
        connection.keep_reply(self._asker, self._key, self._fingerprint, text.decode(), now)
