"""Takes one part of the kernel out and puts a no-op in its place, to prove that a named end-to-end test notices.

`python -m tests.support.sabotage serve` is the server with the part that VIVESPHERE_TEST_SABOTAGE names taken out;
`tests/prove_kernel.py` does it with each part in turn. Nothing of this is reachable in the product.
"""

import os
import sqlite3
from collections.abc import Callable
from typing import Any

VARIABLE = "VIVESPHERE_TEST_SABOTAGE"


def authorizer() -> None:
    """The engine asks nobody any more who may touch a table."""
    from vivesphere.kernel.db.sqlite.authorizer import Authorizer

    Authorizer.__call__ = lambda *_: sqlite3.SQLITE_OK  # type: ignore[method-assign]  # the point of this file


def effects_gate() -> None:
    """Acts are simply done: no permission, no journal, no shadow."""
    from vivesphere.kernel.effects import EffectsHandle

    async def perform(self: EffectsHandle, kind: str, target: str, payload: Any, act: Callable[[], Any], **_: Any) -> Any:
        return await act()

    EffectsHandle.perform = perform  # type: ignore[method-assign]  # the point of this file


def hop_limit() -> None:
    """Chains of causes may grow for ever."""
    from vivesphere.kernel.bus import handle
    from vivesphere.kernel.db import unit

    for place in (handle, unit):
        vars(place)["HOP_LIMIT"] = 10**9


def rate_limit() -> None:
    """Everybody may speak as fast as they like."""
    from vivesphere.kernel.bus.limits import TokenBucket

    TokenBucket.take = lambda self: 0.0  # type: ignore[method-assign]  # the point of this file


def journal() -> None:
    """Plans go from step to step and write nothing down."""
    from vivesphere.modules.plans.engine.engine import Engine

    async def forget(self: Engine, transition: Any) -> None: ...

    Engine._write = forget  # type: ignore[method-assign]  # the point of this file


def loop_watch() -> None:
    """Nobody looks who holds the event loop."""
    from vivesphere.kernel.loop_watch import LoopWatch

    LoopWatch.look = lambda self: 60.0  # type: ignore[method-assign]  # the point of this file


def access_reports() -> None:
    """Every single refusal is written into the log."""
    from vivesphere.kernel.db.access_reports import AccessReports

    def tell(self: AccessReports, denied: Any, cause: Any) -> None:
        self._report(denied, cause)

    AccessReports.__call__ = tell  # type: ignore[method-assign]  # the point of this file


PARTS: dict[str, Callable[[], None]] = {
    part.__name__: part for part in (authorizer, effects_gate, hop_limit, rate_limit, journal, loop_watch, access_reports)
}


def apply() -> None:
    """Take out what the environment names, if it names anything."""
    if name := os.environ.get(VARIABLE):
        PARTS[name]()


if __name__ == "__main__":
    apply()
    from vivesphere.__main__ import main

    main()
