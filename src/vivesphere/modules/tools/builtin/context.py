"""What a builtin tool may use of the world."""

from dataclasses import dataclass

from vivesphere.kernel.clock import Clock
from vivesphere.kernel.effects import EffectsHandle


@dataclass(frozen=True, slots=True)
class BuiltinContext:
    effects: EffectsHandle
    clock: Clock
