"""Ordered start and stop of the modules, and the checks that make a wiring mistake fail at boot instead of at midnight (I4)."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import structlog

from vivesphere.kernel.backoff import Backoff
from vivesphere.kernel.bus.messages import Request
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.errors import StartError
from vivesphere.kernel.module import Job, Module, ModuleContext
from vivesphere.kernel.principals import Principal
from vivesphere.kernel.services import Health

log = structlog.get_logger("vivesphere.startup")


def wire(module: Module, context: ModuleContext) -> None:
    """Put a module's responders and listeners on the bus and its health in the registry."""
    for request, handler in module.responders.items():
        context.bus.respond(request, handler)
    for listener in module.listeners:
        context.bus.listen(listener.to, listener.handler)
    context.lifetime.add("service entry", context.services.register(module.name, module.health or Health))


def check_answered(requests: Iterable[type[Request[Any]]], answered: Mapping[type[Request[Any]], Principal]) -> None:
    """Every declared request has a responder. Two cannot be: the bus refuses the second."""
    missing = sorted(request.topic for request in requests if request not in answered)
    if missing:
        raise StartError(f"Nobody answers {', '.join(missing)}; the module that owns the topic must respond to it.")


async def begin(module: Module, context: ModuleContext) -> None:
    """Run a module's start, then its durable listeners and its jobs for as long as its lifetime lasts.

    What was recorded while the server was down comes to the durable listeners now, so the module has to be ready for it.
    """
    if module.start is not None:
        await module.start()
    for listener in module.durable_listeners:
        context.bus.listen_durably(listener.to, listener.handler, name=listener.name)
    for job in module.jobs:
        context.lifetime.spawn(keep_running(job, context.clock), name=job.name)


async def end(module: Module, context: ModuleContext, deadline: float) -> None:
    """Stop a module within `deadline` seconds: its own stop first, then everything its lifetime holds."""
    if module.stop is not None:
        await _within(deadline, module.stop, f"{module.name}.stop")
    await context.lifetime.close(deadline)


async def keep_running(job: Job, clock: Clock) -> None:
    """Run a job; if it raises, log it and begin again after a second, doubling to a minute. A job that returns is done."""
    backoff = Backoff()
    while True:
        began = clock.monotonic()
        try:
            await job.run()
        except Exception:
            log.exception("job_failed", job=job.name)
        else:
            return
        await clock.sleep(backoff.after(clock.monotonic() - began))


async def _within(deadline: float, stop: Callable[[], Awaitable[None]], name: str) -> None:
    try:
        async with asyncio.timeout(deadline):
            await stop()
    except Exception:
        log.exception("stop_failed", what=name)
