"""What audit refuses."""

from collections.abc import Sequence

from vivesphere.kernel.errors import FieldError, InvalidInput, NotFound, Refusal


class CursorForeign(Refusal):
    """HTTP 400: the cursor is one of another log, so that its place means nothing here."""

    slug = "cursor-foreign"
    title = "The cursor is of another database"

    def __init__(self) -> None:
        detail = "is of another database, whose places mean nothing in this one; begin again without a cursor"
        super().__init__(f"The cursor {detail}.", [FieldError("/cursor", detail)])


class EventUnknown(NotFound):
    slug = "event-unknown"
    title = "No such event"

    def __init__(self, event_id: str) -> None:
        super().__init__(
            f"There is no recorded event {event_id[:80]!r} that you may hear; it was live only, or retention has deleted it."
        )


class LetterUnknown(NotFound):
    slug = "dead-letter-unknown"
    title = "No such dead letter"

    def __init__(self, letter_id: str) -> None:
        super().__init__(f"There is no dead letter {letter_id[:80]!r} that you may hear; it may have been retried or dropped.")


class ListenerNotRunning(NotFound):
    slug = "listener-unknown"
    title = "No such listener"

    def __init__(self, listener: str, running: Sequence[str]) -> None:
        known = ", ".join(sorted(running)) or "none"
        super().__init__(f"No durable listener {listener[:200]!r} runs; the ones that do: {known}.")


class FilterInvalid(InvalidInput):
    """A part of a filter that cannot be understood; `pointer` says which."""

    def __init__(self, pointer: str, detail: str) -> None:
        name = pointer.rpartition("/")[2]
        super().__init__(f"{name}: {detail}.", [FieldError(pointer, detail)])
