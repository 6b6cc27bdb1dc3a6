"""The HTTP edge of bots."""

from typing import Annotated

from litestar import Controller, get, post, websocket
from litestar.params import Parameter

from vivesphere.kernel.http.authentication import requires, session_of
from vivesphere.kernel.http.idempotency import Asking
from vivesphere.kernel.http.paging import DEFAULT_LIMIT, Page, PageCursor, PageLimit, decode_cursor, page
from vivesphere.kernel.http.sockets import Socket
from vivesphere.modules.bots import schemas
from vivesphere.modules.bots.chat import Chat
from vivesphere.modules.bots.records import AccountRecord, AccountState, BotRecord, MessageQuery
from vivesphere.modules.bots.schemas import Account, Bot, Message, NewAccount, NewBot, PlatformInfo
from vivesphere.modules.bots.service import BotService

Channel = Annotated[str | None, Parameter(max_length=200, description="Only this channel.")]
AccountId = Annotated[str | None, Parameter(max_length=36, description="Only this account.")]


class BotController(Controller):
    path = "/api/v1/bots"

    @get(guards=[requires("bots.bot.read")])
    async def list_bots(self, bots: BotService, limit: PageLimit = DEFAULT_LIMIT, cursor: PageCursor = None) -> Page[Bot]:
        """Every bot of the project with its accounts, oldest first."""
        fleet = await bots.list_bots(decode_cursor(cursor, str), limit + 1)
        shown = [schemas.show_bot(bot, fleet.accounts, bots.state_of) for bot in fleet.bots]
        return page(shown, limit, lambda bot: bot.id)

    @post(guards=[requires("bots.bot.write")])
    async def create_bot(self, bots: BotService, data: NewBot, asking: Asking) -> Bot:
        """Make a bot. It has no accounts yet."""
        made = await bots.create_bot(data.name, data.prefix, once=asking.once(BotRecord))
        return schemas.show_bot(made, (), bots.state_of)

    @get("/{bot_id:str}", guards=[requires("bots.bot.read")])
    async def get_bot(self, bots: BotService, bot_id: str) -> Bot:
        return await _bot(bots, bot_id)

    @post("/{bot_id:str}/accounts", guards=[requires("bots.account.write")])
    async def add_account(self, bots: BotService, bot_id: str, data: NewAccount, asking: Asking) -> Account:
        """Add a login on a platform. It is stopped until it is started."""
        once = asking.once(AccountRecord)
        made = await bots.add_account(bot_id, data.platform, data.config, secret=data.secret, once=once)
        # Whoever asks again is told the same, though the account may have been started meanwhile.
        return schemas.show_account(made, lambda _account_id: AccountState())

    @post("/{bot_id:str}/accounts/{account_id:str}/start", guards=[requires("bots.account.write")], status_code=200)
    async def start_account(self, bots: BotService, bot_id: str, account_id: str) -> Account:
        """Connect, and connect again whenever the server starts, until it is stopped."""
        (account,) = await bots.start(bot_id, account_id)
        return schemas.show_account(account, bots.state_of)

    @post("/{bot_id:str}/accounts/{account_id:str}/stop", guards=[requires("bots.account.write")], status_code=200)
    async def stop_account(self, bots: BotService, bot_id: str, account_id: str) -> Account:
        """Disconnect. Messages that are queued wait for the next start."""
        (account,) = await bots.stop(bot_id, account_id)
        return schemas.show_account(account, bots.state_of)

    @post("/{bot_id:str}/start", guards=[requires("bots.account.write")], status_code=200)
    async def start_bot(self, bots: BotService, bot_id: str) -> Bot:
        """Start all of the bot's accounts."""
        await bots.start(bot_id)
        return await _bot(bots, bot_id)

    @post("/{bot_id:str}/stop", guards=[requires("bots.account.write")], status_code=200)
    async def stop_bot(self, bots: BotService, bot_id: str) -> Bot:
        """Stop all of the bot's accounts."""
        await bots.stop(bot_id)
        return await _bot(bots, bot_id)

    @get("/{bot_id:str}/messages", guards=[requires("bots.message.read")])
    async def list_messages(
        self,
        *,
        bots: BotService,
        bot_id: str,
        account_id: AccountId = None,
        channel: Channel = None,
        limit: PageLimit = DEFAULT_LIMIT,
        cursor: PageCursor = None,
    ) -> Page[Message]:
        """What came and went, newest first. Of the web chat everybody sees only their own conversation."""
        query = MessageQuery(
            bot_id=bot_id,
            limit=limit + 1,
            account_id=account_id,
            channel=channel,
            before=decode_cursor(cursor, str),
        )
        found = [schemas.show_message(message) for message in await bots.list_messages(query)]
        return page(found, limit, lambda message: message.id)

    @websocket("/{bot_id:str}/chat", guards=[requires("bots.message.send")])
    async def chat(self, socket: Socket, chat: Chat, bot_id: str) -> None:
        """The web chat: the last 50 messages, then what is said as it is said."""
        await chat.serve(socket, session_of(socket), bot_id)


class PlatformController(Controller):
    path = "/api/v1/platforms"

    @get(guards=[requires("bots.bot.read")])
    async def list_platforms(self, bots: BotService) -> Page[PlatformInfo]:
        """Where bots can have accounts, and what an account needs there."""
        return Page(items=[schemas.show_platform(platform) for platform in bots.platforms()])


async def _bot(bots: BotService, bot_id: str) -> Bot:
    fleet = await bots.find_bot(bot_id)
    return schemas.show_bot(fleet.bots[0], fleet.accounts, bots.state_of)
