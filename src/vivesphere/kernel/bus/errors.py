"""What the bus refuses, each by a name of its own.

BusError
├── TopicInvalid         the topic or pattern breaks the naming rules
├── PayloadInvalid       the payload is not what the contract says
├── NotPermitted         namespace or permission
├── RateLimited          `retry_after` seconds
├── NoResponder          nobody answers this request
├── RequestTimeout       the responder did not answer in time
├── HopLimitExceeded     the chain of causes is a loop
├── LogUnavailable       the event log cannot be read or written now
└── ListenerUnknown      no durable listener of that name runs
"""

from typing import ClassVar

from vivesphere.kernel.errors import ViveSphereError


class BusError(ViveSphereError):
    """The root of what the bus refuses. Refusals are counted by `slug`."""

    slug: ClassVar[str] = "refused"


class TopicInvalid(BusError):
    slug = "topic-invalid"


class PayloadInvalid(BusError):
    slug = "payload-invalid"


class NotPermitted(BusError):
    slug = "not-permitted"


class RateLimited(BusError):
    """`retry_after` is in seconds."""

    slug = "rate-limited"

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NoResponder(BusError):
    slug = "no-responder"


class RequestTimeout(BusError):
    slug = "request-timeout"


class HopLimitExceeded(BusError):
    slug = "hop-limit-exceeded"


class LogUnavailable(BusError):
    slug = "log-unavailable"


class ListenerUnknown(BusError):
    slug = "listener-unknown"
