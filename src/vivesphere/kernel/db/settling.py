"""What is to be written to settle a durable listener's events, in the epilogue of the commit that handled them."""

from collections.abc import Sequence
from typing import NamedTuple

from vivesphere.kernel.bus.in_flight import Settlement


class Settling(NamedTuple):
    """The rows of each statement's parameters, in the order in which the statements run.

    `floors` (listener, floor): a cursor moves there, never back. `handled` (listener, seq): nothing is due of it any more.
    `ahead` (listener, seq): but the cursor has not passed it, and without a row `done` it would come again; a handler may say
    so twice, and in one commit. `swept` (listener, after, floor): rows `done` that the cursor has just passed.
    """

    floors: Sequence[tuple[str, int]]
    handled: Sequence[tuple[str, int]]
    ahead: Sequence[tuple[str, int]]
    swept: Sequence[tuple[str, int, int]]

    @classmethod
    def of(cls, settlements: Sequence[Settlement]) -> "Settling":
        floors: dict[str, int] = {}
        for each in settlements:
            floors[each.listener] = max(each.floor, floors.get(each.listener, 0))
        return cls(
            floors=tuple(floors.items()),
            handled=[(each.listener, each.seq) for each in settlements],
            ahead=[(each.listener, each.seq) for each in settlements if each.seq > each.floor],
            swept=[(each.listener, each.swept, each.floor) for each in settlements if each.swept is not None],
        )
