"""A pytest plugin for plugin authors: `pytest_plugins = "vivesphere.sdk.testing"` in the test file.

The fixture `plugin` is the plugin in whose folder the test lies, enabled as the server would enable it, with a real bus in
memory. `await plugin.say("!roll 2d6")` types at it, `await plugin.run("dice.roll", notation="2d6")` runs its tool,
`plugin.http` answers instead of the internet, `plugin.sql` is a real database with the tables it declares,
`plugin.clock` stands still until `await plugin.clock.advance(60)`.

A test file also imports `PluginInTest` from here, before pytest could rewrite the asserts: hence PYTEST_DONT_REWRITE.
"""

import asyncio
import heapq
import itertools
import shlex
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
import structlog

from vivesphere.contracts.tools import RunTool, ToolFailed, ToolResult
from vivesphere.kernel import principals
from vivesphere.kernel.bus.bus import Bus
from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.bus.limits import BusSettings, Limits
from vivesphere.kernel.bus.messages import JSON, Event
from vivesphere.kernel.cause import cause_for
from vivesphere.kernel.ids import new_id
from vivesphere.kernel.lifetime import LeftBehind, Lifetime
from vivesphere.kernel.permissions import Permissions
from vivesphere.kernel.principals import Principal
from vivesphere.sdk.chat import Message, Reply
from vivesphere.sdk.context import HttpAnswer, PluginContext, Tools
from vivesphere.sdk.declarations import Listener
from vivesphere.sdk.errors import PluginError
from vivesphere.sdk.loading import PluginCode, make_plugins
from vivesphere.sdk.manifest import MANIFEST, Manifest, read_manifest
from vivesphere.sdk.testing_sql import SqlInTest


class FakeClock:
    """A clock that stands still until a test moves it. Sleepers wake, in order, when `advance` passes their moment."""

    def __init__(self, now: datetime = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)) -> None:
        self._start = now
        self._elapsed = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def timestamp(self) -> float:
        return self.now().timestamp()

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), wake))
        await wake

    async def advance(self, seconds: float) -> None:
        """Move time on, waking each sleeper at its own moment and letting it run before the next."""
        await settle()
        target = self._elapsed + seconds
        while self._sleepers and self._sleepers[0][0] <= target:
            at, _, wake = heapq.heappop(self._sleepers)
            if wake.done():
                continue
            self._elapsed = at
            wake.set_result(None)
            await settle()
        self._elapsed = target
        await settle()


async def settle(turns: int = 20) -> None:
    """Let the loop run what is ready now."""
    for _ in range(turns):
        await asyncio.sleep(0)


class FakeHttp:
    """Answers from `answers`, by URL; what it has no answer for cannot be reached. `sent` is what the plugin asked for."""

    def __init__(self) -> None:
        self.answers: dict[str, HttpAnswer] = {}
        self.sent: list[tuple[str, str, JSON]] = []

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> HttpAnswer:
        return self._answer("GET", url, dict(headers or {}))

    async def post_json(self, url: str, body: JSON, *, headers: Mapping[str, str] | None = None) -> HttpAnswer:
        return self._answer("POST", url, body)

    def _answer(self, method: str, url: str, body: JSON) -> HttpAnswer:
        self.sent.append((method, url, body))
        if url not in self.answers:
            raise PluginError(f"{url} cannot be reached.")
        return self.answers[url]


class PluginInTest:
    """One enabled plugin. `events` are what it published; `tool_results` answers its `context.tools`, by name."""

    def __init__(self, code: PluginCode, manifest: Manifest) -> None:
        self.code = code
        self.manifest = manifest
        self.clock = FakeClock()
        self.http = FakeHttp()
        self.sql = SqlInTest(manifest, self.clock)
        self.events: list[Event] = []
        self.tool_results: dict[str, JSON] = {}
        self.lifetime = Lifetime(f"plugin {manifest.id}")
        permissions = Permissions()
        permissions.grant_plugin(principals.plugin(manifest.id), frozenset(manifest.permissions))
        self.bus = Bus(permissions=permissions, limits=Limits(BusSettings(), self.clock), clock=self.clock)
        self.bus.record_with(self._record)
        handle = BusHandle(self.bus, principals.plugin(manifest.id), self.lifetime)
        self._system = Lifetime("test")
        BusHandle(self.bus, principals.module("tools"), self._system).respond(RunTool, self._run_tool)
        self.context = PluginContext(
            id=manifest.id,
            bus=handle,
            tools=Tools(handle),
            http=self.http,
            sql=self.sql,
            config={key: each.default for key, each in manifest.config.items()},
            log=structlog.get_logger(f"vivesphere.plugins.{manifest.id}"),
            clock=self.clock,
            lifetime=self.lifetime,
        )

    async def enable(self) -> None:
        await self.code.on_enable(self.context)
        for each in self.code.listeners:
            self._listen(each)

    async def disable(self) -> LeftBehind:
        """As the server does it; what is given back must be empty."""
        await self.code.on_disable(self.context)
        left = await self.lifetime.close(deadline=1)
        self.code.unload()
        await self._system.close(deadline=1)
        await self.sql.close()
        return left

    async def say(self, text: str, *, sender: str = "ann", private: bool = False) -> str | None:
        """Type `!command arguments` as a person in a channel; gives what the bot says. PluginError is its complaint."""
        name, *arguments = shlex.split(text.removeprefix("!"))
        found = _named(self.code.commands, name, lambda each: each.name)
        message = Message(
            message_id=new_id(),
            bot_id="test",
            account_id="test",
            platform="test",
            channel="#test",
            sender=sender,
            sender_id=sender,
            text=text,
            private=private,
            command=name,
            arguments=tuple(arguments),
        )
        said = await found.run(self.context, message)
        return said.text if isinstance(said, Reply) else said

    async def run(self, tool: str, /, **arguments: JSON) -> Any:
        """The tool's result as JSON. Raises msgspec.ValidationError for wrong arguments, or what the tool raises."""
        found = _named(self.code.tools, tool, lambda each: each.declaration.name)
        return msgspec.json.decode(msgspec.json.encode(await found.run(self.context, arguments)))

    async def publish(self, module: str, event: Event) -> None:
        """Let a module of the server say something, and let the plugin's listeners hear it."""
        await BusHandle(self.bus, principals.module(module), self._system).publish(event)
        await settle()

    def _listen(self, listener: Listener) -> None:
        self.context.bus.listen(listener.pattern, lambda envelope: listener.run(self.context, envelope))

    async def _record(self, principal: Principal, event: Event) -> None:
        """A durable event goes straight to its listeners: there is no log here."""
        self.events.append(event)
        self.bus.dispatch((self.bus.envelope(event, cause_for(principal)),))

    async def _run_tool(self, request: RunTool) -> ToolResult | ToolFailed:
        if request.tool not in self.tool_results:
            return ToolFailed(reason="error", detail=f"The test has no result for {request.tool}.", duration_ms=0.0)
        return ToolResult(result=self.tool_results[request.tool], duration_ms=0.0)


@pytest_asyncio.fixture
async def plugin(request: pytest.FixtureRequest) -> AsyncIterator[PluginInTest]:
    """The plugin whose folder the test lies in, enabled; at the end it is disabled and must have left nothing behind."""
    folder = plugin_folder(request.path)
    enabled = PluginInTest(PluginCode.load(make_plugins(), folder), read_manifest(folder))
    await enabled.enable()
    yield enabled
    left = await enabled.disable()
    assert not left, f"disabling {enabled.manifest.id} left behind: {', '.join(left.items)}"  # noqa: S101 - a test's finding


def plugin_folder(path: Path) -> Path:
    """The nearest folder above `path` that has a `plugin.toml`."""
    for folder in path.parents:
        if (folder / MANIFEST).is_file():
            return folder
    raise LookupError(f"{path} lies in no plugin: there is no {MANIFEST} in any folder above it")


def _named(found: Iterable[Any], name: str, of: Callable[[Any], str]) -> Any:
    by_name = {of(each): each for each in found}
    if name not in by_name:
        raise LookupError(f"the plugin has no {name!r}; it has {', '.join(by_name) or 'none'}")
    return by_name[name]
