"""The web chat's browsers: who looks at which conversation, and the WebSocket each of them holds."""

import asyncio
from collections import defaultdict
from datetime import datetime

import msgspec
from litestar.exceptions import WebSocketDisconnect

from vivesphere.contracts.bots import MessageReceived, MessageSent
from vivesphere.kernel import principals
from vivesphere.kernel.bus.limits import TokenBucket
from vivesphere.kernel.bus.messages import Envelope
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.errors import NotFound, PermissionMissing
from vivesphere.kernel.http.authentication import Session
from vivesphere.kernel.http.sockets import GOING_AWAY, Socket, accept, signed_out, stopping
from vivesphere.modules.bots.accounts import Accounts
from vivesphere.modules.bots.connectors import webchat
from vivesphere.modules.bots.connectors.connector import NotConnected
from vivesphere.modules.bots.connectors.webchat import WebchatConnector
from vivesphere.modules.bots.records import Direction, MessageRecord
from vivesphere.modules.bots.rules import Fleet
from vivesphere.modules.bots.schemas import ChatError, Said, Shown
from vivesphere.modules.bots.service import BotService

WAITING_FRAMES = 200
MESSAGES_PER_SECOND = 2.0
MESSAGES_AT_ONCE = 20.0
TOO_SLOW = 4408

Frame = Shown | ChatError


class Browser:
    """One open chat page. `frames` wait to be sent; None asks for the end."""

    def __init__(self, account_id: str, user_id: str, bot_name: str) -> None:
        self.place = (account_id, user_id)
        self.bot_name = bot_name
        self.frames: asyncio.Queue[Frame | None] = asyncio.Queue(WAITING_FRAMES)
        self.shown: set[str] = set()

    def offer(self, frame: Frame) -> None:
        """Queue a frame. A browser that does not read is let go: it finds everything in the history when it comes back."""
        if self.frames.full():
            self.end()
        else:
            self.frames.put_nowait(frame)

    def end(self) -> None:
        while self.frames.full():
            self.frames.get_nowait()
        self.frames.put_nowait(None)


class Chat:
    """Hands what is said in the web chat to every browser of the person it concerns."""

    def __init__(self, service: BotService, accounts: Accounts, clock: Clock) -> None:
        self._service = service
        self._accounts = accounts
        self._clock = clock
        self._browsers: dict[tuple[str, str], set[Browser]] = defaultdict(set)

    async def hear_received(self, envelope: Envelope[MessageReceived]) -> None:
        message = envelope.payload
        if message.platform == webchat.NAME:
            self._show(message, "in", message.sender, envelope.time)

    async def hear_sent(self, envelope: Envelope[MessageSent]) -> None:
        if envelope.payload.platform == webchat.NAME:
            self._show(envelope.payload, "out", None, envelope.time)

    def close(self) -> None:
        """Ask every browser to go."""
        for browsers in self._browsers.values():
            for browser in browsers:
                browser.end()

    async def serve(self, socket: Socket, session: Session, bot_id: str) -> None:
        """Talk with one browser until it goes or the server stops. Raises BotUnknown, NotFound or PermissionMissing first."""
        if principals.kind(session.principal) != "user":
            raise PermissionMissing("The web chat is for people: sign in as a user.")
        fleet = await self._service.find_bot(bot_id)
        browser = Browser(_webchat_of(fleet), principals.name(session.principal), fleet.bots[0].name)
        # The page is told of new messages before the history is read, so that none falls in between.
        self._browsers[browser.place].add(browser)
        try:
            for message in await self._service.conversation(*browser.place):
                browser.shown.add(message.id)
                browser.offer(_from_history(message))
            await accept(socket)
            await self._exchange(socket, browser, session.username)
        finally:
            self._browsers[browser.place].discard(browser)
            if not self._browsers[browser.place]:
                del self._browsers[browser.place]

    async def _exchange(self, socket: Socket, browser: Browser, username: str) -> None:
        reading = asyncio.create_task(self._read(socket, browser, username))
        writing = asyncio.create_task(_write(socket, browser))
        stopped = asyncio.create_task(stopping(socket).wait())
        over = asyncio.create_task(signed_out(socket))
        tasks = (reading, writing, stopped, over)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if not writing.cancelled() and isinstance(writing.exception(), OSError):
            return  # the browser is gone; uvicorn says so by an OSError to whoever sends
        if not over.cancelled():
            await socket.close(*over.result())
        elif reading.cancelled():
            await socket.close(GOING_AWAY if stopping(socket).is_set() else TOO_SLOW)
        for task in tasks:
            if not task.cancelled():
                task.result()

    async def _read(self, socket: Socket, browser: Browser, username: str) -> None:
        bucket = TokenBucket(MESSAGES_PER_SECOND, MESSAGES_AT_ONCE, self._clock)
        while True:
            try:
                text = await socket.receive_data(mode="text")
            except WebSocketDisconnect:
                return
            problem = "You are typing too fast." if bucket.take() else await self._take(text, browser, username)
            if problem is not None:
                browser.offer(ChatError(problem))

    async def _take(self, text: str, browser: Browser, username: str) -> str | None:
        """Returns why the frame was not taken."""
        account_id, user_id = browser.place
        try:
            said = msgspec.json.decode(text, type=Said)
        except msgspec.MsgspecError as error:
            return f'Send {{"type": "message", "text": "…"}}: {error}'
        if not said.text.strip():
            return "The message has no text."
        connector = self._accounts.connector(account_id)
        try:
            if not isinstance(connector, WebchatConnector):
                raise NotConnected("This bot's web chat is stopped; start it first.")
            await connector.say(user_id, username, said.text)
        except NotConnected as stopped:
            return stopped.detail
        return None

    def _show(self, message: MessageReceived | MessageSent, direction: Direction, sender: str | None, at: datetime) -> None:
        for browser in tuple(self._browsers.get((message.account_id, message.channel), ())):
            if message.message_id in browser.shown:
                continue
            browser.offer(
                Shown(
                    id=message.message_id,
                    direction=direction,
                    sender=browser.bot_name if sender is None else sender,
                    text=message.text,
                    at=at,
                )
            )


async def _write(socket: Socket, browser: Browser) -> None:
    while (frame := await browser.frames.get()) is not None:
        await socket.send_data(msgspec.json.encode(frame).decode(), mode="text")


def _webchat_of(fleet: Fleet) -> str:
    for account in fleet.accounts:
        if account.platform == webchat.NAME:
            return account.id
    raise NotFound("This bot has no web chat account; add one with platform webchat.")


def _from_history(message: MessageRecord) -> Shown:
    return Shown(id=message.id, direction=message.direction, sender=message.sender, text=message.text, at=message.at)
