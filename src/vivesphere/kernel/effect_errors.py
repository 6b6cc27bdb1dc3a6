"""What the effects gate raises, drawn once.

ViveSphereError
└── EffectError
    ├── EffectRefused      the gate said no: nothing left the process
    ├── EffectFailed       it was tried and did not happen, or a read brought no answer
    │   └── NothingHappened    raised by an act that knows that it changed nothing
    └── EffectUnknown      it may or may not have happened; only a person can tell
"""

from vivesphere.kernel.errors import ViveSphereError


class EffectError(ViveSphereError):
    """`detail` is one sentence for the person who asked."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class EffectRefused(EffectError):
    pass


class EffectFailed(EffectError):
    pass


class NothingHappened(EffectFailed):
    """To be raised by an act before its first byte is sent, or when the other side says that it did nothing."""


class EffectUnknown(EffectError):
    pass
