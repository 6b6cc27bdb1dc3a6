"""The effects gate: what is journaled, what is never done twice, who may, and what shadow mode holds back."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog
import trustme
from tests.kernel.http_peer import Peer, closed_port, http_peer, ok
from tests.support.clock import FakeClock
from tests.support.database import open_database

from vivesphere.kernel import effects as gate_module
from vivesphere.kernel import principals
from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.cause import Cause, Mode, acting_under
from vivesphere.kernel.db import effect_records
from vivesphere.kernel.db.effect_records import EffectRecord
from vivesphere.kernel.db.errors import DatabaseUnavailable
from vivesphere.kernel.db.handle import DatabaseHandle, Unit
from vivesphere.kernel.effects import (
    EffectFailed,
    EffectRefused,
    Effects,
    EffectsHandle,
    EffectsSettings,
    EffectUnknown,
    HttpRequest,
    NothingHappened,
)
from vivesphere.kernel.outbound import Outbound
from vivesphere.kernel.permissions import Permissions

pytestmark = pytest.mark.usefixtures("engine")

TOOLS = principals.module("tools")
QUOTES = principals.plugin("quotes")
ANNA = principals.user("anna")


async def loopback(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


def a_gate(db: DatabaseHandle, permissions: Permissions, *, allow_private: bool = True) -> Effects:
    return Effects(
        db=db,
        permissions=permissions,
        outbound=Outbound(EffectsSettings(allow_private_addresses=allow_private), resolve=loopback),
        clock=FakeClock(),
        log=structlog.get_logger(),
    )


@pytest.fixture
async def system_db(tmp_path: Path) -> AsyncIterator[DatabaseHandle]:
    async with open_database(tmp_path, models=()) as database:
        yield database.handle(principals.SYSTEM)


@pytest.fixture
def permissions() -> Permissions:
    return Permissions()


@pytest.fixture
async def gate(system_db: DatabaseHandle, permissions: Permissions) -> AsyncIterator[Effects]:
    made = a_gate(system_db, permissions)
    yield made
    await made.close()


@pytest.fixture
def effects(gate: Effects) -> EffectsHandle:
    return gate.handle(TOOLS)


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with http_peer() as peer:
        yield peer


class Act:
    """An act that counts how often it happened, and ends as the test says."""

    def __init__(self, ending: Callable[[], JSON] | BaseException = lambda: {"n": 1}) -> None:
        self.ending = ending
        self.times = 0

    async def __call__(self) -> JSON:
        self.times += 1
        if isinstance(self.ending, BaseException):
            raise self.ending
        return self.ending()


async def journal(gate: Effects) -> list[EffectRecord]:
    columns = [effect_records.effects.c[field] for field in EffectRecord.__struct_fields__]

    def everything(tx: Unit) -> list[EffectRecord]:
        return [EffectRecord(**row._mapping) for row in tx.execute(sa.select(*columns).order_by(effect_records.effects.c.id))]

    return await gate.db.read(everything)


def live(actor: principals.Principal = ANNA, mode: Mode = Mode.LIVE) -> Cause:
    return Cause(source=principals.module("plans"), actor=actor, project="garden", mode=mode, hop=3)


async def test_the_intent_is_on_disk_before_the_act_begins_and_the_result_afterwards(
    gate: Effects, effects: EffectsHandle
) -> None:
    during: list[EffectRecord] = []

    async def act() -> JSON:
        during.extend(await journal(gate))
        return {"id": 7}

    with acting_under(live()) as cause:
        assert await effects.perform("mail.send", "anna@example.org", {"subject": "hi"}, act) == {"id": 7}
    [before], [after] = during, await journal(gate)
    assert (before.status, before.finished_at) == ("intended", None)
    assert (after.id, after.status, after.result, after.payload) == (before.id, "done", {"id": 7}, {"subject": "hi"})
    assert (after.source, after.actor, after.project, after.correlation_id) == (TOOLS, ANNA, "garden", cause.correlation_id)
    assert after.finished_at is not None


async def test_a_key_seen_before_gives_the_recorded_result_and_does_nothing(effects: EffectsHandle) -> None:
    act = Act()
    for _ in range(3):
        assert await effects.perform("mail.send", "anna", None, act, idempotency_key="k") == {"n": 1}
    assert act.times == 1


async def test_without_a_key_every_asking_acts(effects: EffectsHandle) -> None:
    act = Act()
    for _ in range(2):
        await effects.perform("mail.send", "anna", None, act)
    assert act.times == 2


async def test_what_proves_that_nothing_happened_is_failed_and_may_be_done_again(gate: Effects, effects: EffectsHandle) -> None:
    act = Act(NothingHappened("the mail server is away"))
    with pytest.raises(EffectFailed, match="the mail server is away"):
        await effects.perform("mail.send", "anna", None, act, idempotency_key="k")
    [record] = await journal(gate)
    assert (record.status, record.detail) == ("failed", "the mail server is away")
    act.ending = lambda: "sent"
    assert await effects.perform("mail.send", "anna", None, act, idempotency_key="k") == "sent"
    assert act.times == 2


@pytest.mark.parametrize(
    "ending",
    [
        RuntimeError("half way"),
        ConnectionRefusedError("a second connection"),
        EffectRefused("an inner effect"),
        object,
        lambda: "x" * (gate_module.LARGEST_RESULT + 1),
    ],
)
async def test_whatever_else_ends_an_act_leaves_it_unknown_and_it_is_not_repeated(
    gate: Effects, effects: EffectsHandle, ending: Any
) -> None:
    act = Act(ending)
    for _ in range(2):
        with pytest.raises(EffectUnknown, match="may or may not have happened"):
            await effects.perform("mail.send", "anna", None, act, idempotency_key="k")
    assert act.times == 1
    assert [(record.status, bool(record.detail)) for record in await journal(gate)] == [("unknown", True)]


async def test_a_person_can_have_an_unknown_act_tried_again_or_taken_as_done(effects: EffectsHandle) -> None:
    act = Act(RuntimeError("half way"))
    for key in ("again", "done"):
        with pytest.raises(EffectUnknown):
            await effects.perform("mail.send", "anna", None, act, idempotency_key=key)
    act.ending = lambda: "sent"
    assert await effects.resolve("again", "retry")
    assert await effects.resolve("done", "done")
    assert not await effects.resolve("never heard of", "retry")
    assert await effects.perform("mail.send", "anna", None, act, idempotency_key="again") == "sent"
    assert await effects.perform("mail.send", "anna", None, act, idempotency_key="done") is None
    assert act.times == 3


async def test_an_act_under_way_is_not_begun_a_second_time(effects: EffectsHandle) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> JSON:
        begun.set()
        await go_on.wait()
        return "sent"

    first = asyncio.create_task(effects.perform("mail.send", "anna", None, slow, idempotency_key="k"))
    await begun.wait()
    second = Act()
    with pytest.raises(EffectUnknown, match="is under way"):
        await effects.perform("mail.send", "anna", None, second, idempotency_key="k")
    go_on.set()
    assert (await first, second.times) == ("sent", 0)


async def test_cancelled_while_acting_it_is_unknown(gate: Effects, effects: EffectsHandle) -> None:
    begun = asyncio.Event()

    async def endless() -> JSON:
        begun.set()
        await asyncio.Event().wait()
        return None

    task = asyncio.create_task(effects.perform("mail.send", "anna", None, endless))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [record.status for record in await journal(gate)] == ["unknown"]


async def test_cancelled_before_it_began_it_is_failed(gate: Effects, effects: EffectsHandle) -> None:
    act = Act()
    task = asyncio.create_task(effects.perform("mail.send", "anna", None, act, idempotency_key="k"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    [record] = await journal(gate)
    assert (record.status, record.detail, act.times) == ("failed", "cancelled before it began", 0)


async def test_cancelled_while_its_key_is_looked_up_it_leaves_the_known_act_alone(
    gate: Effects, effects: EffectsHandle
) -> None:
    await effects.perform("mail.send", "anna", None, Act(), idempotency_key="k")
    task = asyncio.create_task(effects.perform("mail.send", "anna", None, Act(), idempotency_key="k"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [record.status for record in await journal(gate)] == ["done"]


async def test_cancelled_when_it_was_done_it_is_written_down_as_done(gate: Effects, effects: EffectsHandle) -> None:
    async def act() -> JSON:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        return "sent"

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(effects.perform("mail.send", "anna", None, act))
    assert [(record.status, record.result) for record in await journal(gate)] == [("done", "sent")]


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours runs after it."""


async def test_what_a_dead_process_left_behind_is_unknown_at_the_next_start(
    gate: Effects, effects: EffectsHandle, permissions: Permissions
) -> None:
    with pytest.raises(Killed):
        await effects.perform("mail.send", "anna", None, Act(Killed()), idempotency_key="k")
    assert [record.status for record in await journal(gate)] == ["intended"]
    restarted = a_gate(gate.db, permissions)
    assert (await restarted.recover(), await restarted.recover()) == (1, 0)
    act = Act()
    with pytest.raises(EffectUnknown):
        await restarted.handle(TOOLS).perform("mail.send", "anna", None, act, idempotency_key="k")
    assert act.times == 0
    await restarted.close()


class Failing:
    """A handle whose journal can be opened but not closed, as when the disk fills up in between."""

    def __init__(self, db: DatabaseHandle) -> None:
        self.db = db

    async def write(self, rule: Callable[..., Any], *args: Any) -> Any:
        if rule is effect_records.finish:
            raise DatabaseUnavailable("the disk is full")
        return await self.db.write(rule, *args)


async def test_an_act_that_cannot_be_written_down_is_unknown(
    gate: Effects, permissions: Permissions, monkeypatch: pytest.MonkeyPatch
) -> None:
    effects = gate.handle(TOOLS)
    db, act = gate.db, Act()
    monkeypatch.setattr(gate, "db", Failing(db))
    with pytest.raises(EffectUnknown, match="was done, but that could not be written down"):
        await effects.perform("mail.send", "anna", None, act, idempotency_key="k")
    with pytest.raises(asyncio.CancelledError):
        await effects.perform("mail.send", "anna", None, Act(asyncio.CancelledError()))
    monkeypatch.setattr(gate, "db", db)
    with pytest.raises(EffectUnknown):
        await effects.perform("mail.send", "anna", None, act, idempotency_key="k")
    assert act.times == 1


@pytest.mark.parametrize("mode", [Mode.SHADOW, Mode.REPLAY])
async def test_outside_live_mode_acts_are_recorded_and_not_done(gate: Effects, effects: EffectsHandle, mode: Mode) -> None:
    act = Act()
    with acting_under(live(mode=mode)):
        assert await effects.perform("mail.send", "anna", {"a": 1}, act, idempotency_key="k", stand_in={"id": "none"}) == {
            "id": "none"
        }
    [record] = await journal(gate)
    assert (record.status, record.payload, record.result, act.times) == ("shadow", {"a": 1}, {"id": "none"}, 0)
    assert await effects.perform("mail.send", "anna", {"a": 1}, act, idempotency_key="k") == {"n": 1}


async def test_a_key_is_for_one_act(effects: EffectsHandle) -> None:
    await effects.perform("mail.send", "anna", None, Act(), idempotency_key="k")
    with pytest.raises(EffectRefused, match=r"used before, for mail\.send anna"):
        await effects.perform("mail.send", "bert", None, Act(), idempotency_key="k")


async def test_modules_share_their_keys_and_plugins_do_not(gate: Effects, permissions: Permissions) -> None:
    permissions.grant_plugin(QUOTES, frozenset({"effects.>"}))
    act = Act()
    for principal in (TOOLS, principals.module("plans"), QUOTES, QUOTES):
        await gate.handle(principal).perform("mail.send", "anna", None, act, idempotency_key="k")
    assert act.times == 2


@pytest.mark.parametrize("key", ["", "x" * 151])
async def test_a_key_that_cannot_be_kept_is_refused(effects: EffectsHandle, key: str) -> None:
    with pytest.raises(EffectRefused, match="1 to 150 characters"):
        await effects.perform("mail.send", "anna", None, Act(), idempotency_key=key)


async def test_a_payload_that_cannot_be_kept_is_refused(effects: EffectsHandle) -> None:
    act = Act()
    with pytest.raises(EffectRefused, match="larger than"):
        await effects.perform("mail.send", "anna", "x" * 70_000, act)
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ValueError, match="is not JSON"):
        await effects.perform("mail.send", "anna", endless, act)
    assert act.times == 0


async def test_a_kind_is_a_word_or_words_with_dots(effects: EffectsHandle) -> None:
    with pytest.raises(ValueError, match="not a kind of effect"):
        await effects.perform("Mail Send", "anna", None, Act())


async def test_a_plugin_needs_the_permission_of_the_kind(gate: Effects, permissions: Permissions, peer: Peer) -> None:
    peer.answers["/"] = ok()
    quotes, act = gate.handle(QUOTES), Act()
    permissions.grant_plugin(QUOTES, frozenset({"effects.http.read"}))
    await quotes.fetch(HttpRequest(method="GET", url=peer.url("/")))
    for attempt in (
        quotes.perform("mail.send", "anna", None, act),
        quotes.fetch(HttpRequest(method="POST", url=peer.url("/"))),
        quotes.connect("irc", "127.0.0.1", peer.port),
    ):
        with pytest.raises(EffectRefused, match=r"plugin:quotes needs the permission effects\."):
            await attempt
    assert (act.times, len(peer.asked), await journal(gate)) == (0, 1, [])


async def test_a_plugin_does_not_get_past_its_grants_by_asking_a_module(effects: EffectsHandle) -> None:
    act = Act()
    with acting_under(live(actor=QUOTES)), pytest.raises(EffectRefused, match="plugin:quotes"):
        await effects.perform("mail.send", "anna", None, act)
    with acting_under(live(actor=principals.member("account", "someone"))):
        await effects.perform("mail.send", "anna", None, act)
    assert act.times == 1


async def test_a_read_goes_out_in_shadow_mode_and_is_not_journaled(gate: Effects, effects: EffectsHandle, peer: Peer) -> None:
    peer.answers["/"] = ok(b"seen")
    with acting_under(live(mode=Mode.SHADOW)):
        assert (await effects.fetch(HttpRequest(method="GET", url=peer.url("/")))).body == b"seen"
    assert await journal(gate) == []


async def test_a_request_carries_the_chain_outside(effects: EffectsHandle, peer: Peer) -> None:
    with acting_under(live()) as cause:
        await effects.fetch(HttpRequest(method="GET", url=peer.url("/")))
    with acting_under(Cause(source=TOOLS, actor=TOOLS, correlation_id="not a uuid")):
        await effects.fetch(HttpRequest(method="GET", url=peer.url("/")))
    first, second = (asked.headers["traceparent"].split("-") for asked in peer.asked)
    assert (first[0], first[1], len(first[2]), first[3]) == ("00", cause.correlation_id.replace("-", ""), 16, "01")
    assert len(second[1]) == 32
    assert [asked.headers["x-vivesphere-hop"] for asked in peer.asked] == ["3", "0"]


async def test_a_post_is_an_act_and_its_answer_is_kept(gate: Effects, effects: EffectsHandle, peer: Peer) -> None:
    peer.answers["/"] = ok(b"\x00made", "X-Id: 7", status="201 Created")
    request = HttpRequest(method="POST", url=peer.url("/?token=hush"), body=b"hush", headers={"Authorization": "hush"})
    answers = [await effects.fetch(request, idempotency_key="k") for _ in range(2)]
    assert answers[0] == answers[1]
    assert (answers[0].status, answers[0].body, answers[0].header("x-id")) == (201, b"\x00made", "7")
    [asked], [record] = peer.asked, await journal(gate)
    assert (asked.path, asked.body) == ("/?token=hush", b"hush")
    assert (record.kind, record.target, record.status) == ("http.write", f"POST {peer.url('/')}", "done")
    assert "hush" not in json.dumps([record.target, record.payload])
    assert isinstance(record.payload, dict)
    assert record.payload["bytes"] == 4


async def test_a_post_in_shadow_mode_stays_at_home(effects: EffectsHandle, peer: Peer) -> None:
    with acting_under(live(mode=Mode.SHADOW)):
        answer = await effects.fetch(HttpRequest(method="DELETE", url=peer.url("/")))
    assert (answer.status, answer.stand_in, peer.connections) == (200, True, 0)


async def test_the_largest_answer_that_is_kept_fits_the_journal(effects: EffectsHandle, peer: Peer) -> None:
    peer.answers["/"] = ok(b"x" * 400_000)
    answer = await effects.fetch(HttpRequest(method="POST", url=peer.url("/")), idempotency_key="k")
    assert (answer.truncated, len(answer.body)) == (True, 256 * 1024)


async def test_a_post_whose_answer_is_lost_is_unknown_and_not_sent_again(
    gate: Effects, effects: EffectsHandle, peer: Peer
) -> None:
    peer.answers["/"] = b""
    request = HttpRequest(method="POST", url=peer.url("/"))
    for _ in range(2):
        with pytest.raises(EffectUnknown):
            await effects.fetch(request, idempotency_key="k")
    assert len(peer.asked) == 1


async def test_a_post_that_nobody_takes_is_failed(gate: Effects, effects: EffectsHandle) -> None:
    with closed_port() as port, pytest.raises(NothingHappened):
        await effects.fetch(HttpRequest(method="POST", url=f"http://peer.test:{port}/"))
    assert [record.status for record in await journal(gate)] == ["failed"]


async def test_a_post_to_a_private_address_is_refused(gate: Effects, permissions: Permissions, peer: Peer) -> None:
    guarded = a_gate(gate.db, permissions, allow_private=False)
    with pytest.raises(EffectRefused, match=r"127\.0\.0\.1"):
        await guarded.handle(TOOLS).fetch(HttpRequest(method="POST", url=peer.url("/")))
    assert ([record.status for record in await journal(gate)], peer.connections) == (["failed"], 0)
    await guarded.close()


async def test_a_request_that_may_not_be_sent_is_refused_before_it_is_journaled(gate: Effects, effects: EffectsHandle) -> None:
    with pytest.raises(EffectRefused, match="http://"):
        await effects.fetch(HttpRequest(method="POST", url="file:///etc/passwd"))
    assert await journal(gate) == []


async def test_a_connection_is_opened_in_shadow_mode_too(effects: EffectsHandle, peer: Peer) -> None:
    with acting_under(live(mode=Mode.SHADOW)):
        reader, writer = await effects.connect("irc", "127.0.0.1", peer.port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 404")
    writer.close()
    await writer.wait_closed()


async def test_a_connection_that_cannot_be_made_says_why(effects: EffectsHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    with closed_port() as port, pytest.raises(EffectFailed, match=f"127.0.0.1:{port}: "):
        await effects.connect("irc", "127.0.0.1", port)
    with pytest.raises(EffectFailed):
        await effects.connect("irc", "a" * 64 + ".test", port)

    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(gate_module, "CONNECT_TIMEOUT", 0.01)
    monkeypatch.setattr(asyncio, "open_connection", never)
    with pytest.raises(EffectFailed, match="did not answer within"):
        await effects.connect("irc", "127.0.0.1", port)


async def test_a_connection_checks_the_certificate_for_the_name(effects: EffectsHandle) -> None:
    authority, server = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("irc.test").configure_cert(server)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    async with http_peer(server) as peer:
        with pytest.raises(EffectFailed, match="certificate"):
            await effects.connect("irc", "localhost", peer.port, tls=trust)
