"""All active runs: one task each, at most so many acting at once."""

import asyncio
import functools

import structlog

from vivesphere.kernel.backoff import Backoff
from vivesphere.kernel.capped import make_room
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.kernel.lifetime import Lifetime
from vivesphere.kernel.principals import Principal
from vivesphere.kernel.services import Health
from vivesphere.modules.plans import rules
from vivesphere.modules.plans.engine.acts import Acts
from vivesphere.modules.plans.engine.definition import Definition, read
from vivesphere.modules.plans.engine.executor import Executor
from vivesphere.modules.plans.engine.journal import RunState, Transition

CACHED_DEFINITIONS = 256

log = structlog.get_logger("vivesphere.plans")


class Engine:
    """Its tasks end with the lifetime; the journal then holds everything that `resume` needs."""

    def __init__(
        self,
        *,
        acts: Acts,
        db: DatabaseHandle,
        clock: Clock,
        lifetime: Lifetime,
        principal: Principal,
        concurrent_runs: int,
    ) -> None:
        self._acts = acts
        self._db = db
        self._clock = clock
        self._lifetime = lifetime
        self._principal = principal
        self._slots = asyncio.Semaphore(concurrent_runs)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._troubled: set[str] = set()
        self._definitions: dict[tuple[str, int], Definition] = {}

    async def resume(self) -> None:
        """Go on with every run that an earlier process left running or waiting."""
        for run_id in await self._db.read(rules.active_runs):
            self.wake(run_id)

    def wake(self, run_id: str, state: RunState | None = None) -> None:
        """Carry a run out from where its journal ends; `state` saves reading it. A run that is being carried out goes on."""
        if run_id in self._tasks:
            return
        task = self._lifetime.spawn(self._carry_out(run_id, state), name=f"run {run_id}")
        self._tasks[run_id] = task
        task.add_done_callback(functools.partial(self._ended, run_id))

    async def halt(self, run_id: str) -> None:
        """Stop carrying a run out. What it had asked the journal to write is written before anything asked after this."""
        if (task := self._tasks.get(run_id)) is not None:
            task.cancel()
            await asyncio.wait([task])

    def health(self) -> Health:
        if not self._troubled:
            return Health()
        return Health("degraded", f"{len(self._troubled)} runs cannot go on now and are tried again; see the log")

    async def _carry_out(self, run_id: str, state: RunState | None) -> None:
        backoff = Backoff()
        while True:
            try:
                state = state or await self._db.read(rules.state, run_id)
                if state is not None:
                    await self._executor(state).carry_out()
            except Exception:  # a run outlives a full disk and a mistake of ours: what is true stands in its journal
                log.exception("run_interrupted", run=run_id)
            else:
                self._troubled.discard(run_id)
                return
            self._troubled.add(run_id)
            state = None
            await self._clock.sleep(backoff.after())

    def _executor(self, state: RunState) -> Executor:
        return Executor(
            state,
            self._definition(state),
            acts=self._acts,
            clock=self._clock,
            write=self._write,
            principal=self._principal,
            slots=self._slots,
        )

    async def _write(self, transition: Transition) -> None:
        await self._db.write(rules.record, transition)

    def _definition(self, state: RunState) -> Definition:
        key = (state.run.plan_id, state.run.version)
        if (known := self._definitions.get(key)) is None:
            make_room(self._definitions, CACHED_DEFINITIONS)
            known = self._definitions[key] = read(state.definition)
        return known

    def _ended(self, run_id: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(run_id) is task:
            del self._tasks[run_id]
        self._troubled.discard(run_id)
