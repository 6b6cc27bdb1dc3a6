"""What the bus refuses, each by a name of its own.

BusError
├── TopicInvalid         the topic or pattern breaks the naming rules
├── PayloadInvalid       the payload is not what the contract says
├── NotPermitted         namespace or permission
├── RateLimited          `retry_after` seconds
├── NoResponder          nobody answers this request
├── RequestTimeout       the responder did not answer in time
├── HopLimitExceeded     the chain of causes is a loop
└── LogUnavailable       the event log cannot be read or written now
"""

from vivesphere.kernel.errors import ViveSphereError


class BusError(ViveSphereError):
    """The root of what the bus refuses."""


class TopicInvalid(BusError):
    pass


class PayloadInvalid(BusError):
    pass


class NotPermitted(BusError):
    pass


class RateLimited(BusError):
    """`retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NoResponder(BusError):
    pass


class RequestTimeout(BusError):
    pass


class HopLimitExceeded(BusError):
    pass


class LogUnavailable(BusError):
    pass
