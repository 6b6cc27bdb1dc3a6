"""Ordered start and stop of the modules, and the checks that make a wiring mistake fail at boot instead of at midnight (I4)."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any

import structlog

from vivesphere.kernel.backoff import Backoff
from vivesphere.kernel.bus.messages import Request
from vivesphere.kernel.catalog import messages_in
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
        context.bus.listen(
            listener.to,
            listener.handler,
            capacity=listener.capacity,
            overflow=listener.overflow,
            key=listener.key,
            lanes=listener.lanes,
        )
    context.lifetime.add("service entry", context.services.register(module.name, module.health or Health))


def check_contracts(contracts: Iterable[ModuleType], modules: Sequence[Module]) -> None:
    """Every page of contracts and every module keeps to its namespace, and no request has two responders.

    Raises StartError with who and what. The bus would refuse most of it, too, but at the first publication.
    """
    for page in contracts:
        owner = page.__name__.rpartition(".")[2]
        for message in messages_in(page):
            if not message.topic.startswith(f"{owner}."):
                raise StartError(f"contracts/{owner}.py declares {message.topic!r}; its topics begin with '{owner}.'.")
    _check_one_responder(modules)
    for module in modules:
        for verb, messages in (("publish", module.publishes), ("answer", module.responders)):
            for message in messages:
                if not message.topic.startswith(f"{module.name}."):
                    raise StartError(
                        f"The module {module.name} wants to {verb} {message.topic}; its topics begin with '{module.name}.'."
                    )


def _check_one_responder(modules: Sequence[Module]) -> None:
    answering: dict[str, str] = {}
    for module in modules:
        for request in module.responders:
            other = answering.setdefault(request.topic, module.name)
            if other != module.name:
                raise StartError(f"{request.topic} is answered by {other} and by {module.name}; a request has one responder.")


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
        context.bus.listen_durably(
            listener.to,
            listener.handler,
            name=listener.name,
            ordered=listener.ordered,
            key=listener.key,
            lanes=listener.lanes,
            start=listener.start,
            max_deliver=listener.max_deliver,
        )
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
