"""What was answered under an idempotency key: the act is done once, and whoever asks again gets the same reply."""

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from tests.kernel.db.test_writer import put_and_end_all_unseen
from tests.kernel.db.world import NOTES, Noted, World, a_world, items, letters, notes, put, together
from tests.support.engines import on_sqlite

from vivesphere.kernel import principals
from vivesphere.kernel.cause import Cause, Mode, acting_under
from vivesphere.kernel.db.errors import AccessDenied, DatabaseError, IdempotencyKeyReused, TransactionLost
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.db.kept_replies import LONGEST_KEY, IdempotencyKey

pytestmark = pytest.mark.usefixtures("engine")


class Made(msgspec.Struct):
    number: int
    body: str


def make(tx: Unit, body: str) -> Made:
    number = tx.execute(sa.select(sa.func.count(notes.c.id))).scalar_one()
    tx.execute(sa.insert(notes), {"body": f"{body} {number}"})
    tx.emit(Noted(body=body))
    return Made(number + 1, body)


def refuse(tx: Unit, body: str) -> Made:
    make(tx, body)
    raise ValueError(body)


def key(name: str = "k", asked: bytes = b"a note", operation: str = "") -> IdempotencyKey[Made]:
    return IdempotencyKey(name, asked, Made, operation)


async def test_asked_again_the_reply_comes_again_and_nothing_is_done(world: World) -> None:
    first = await world.notes.write_once(key(), make, "one")
    again = await world.notes.write_once(key(), make, "one")
    assert first == again == Made(1, "one")
    assert len(await world.bodies(notes)) == 1
    assert len(world.dispatched) == len(await world.logged()) == 1


async def test_two_who_ask_at_once_are_served_one_after_the_other(world: World) -> None:
    ask = partial(world.notes.write_once, key(), make, "one")
    assert await together(world.system, ask, ask, ask) == [Made(1, "one")] * 3
    assert len(await world.bodies(notes)) == len(world.dispatched) == 1


@on_sqlite
async def test_it_is_kept_across_a_restart(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        await world.notes.write_once(key(), make, "one")
        with sa.create_engine(f"sqlite:///{tmp_path / 'vivesphere.db'}").connect() as other:
            kept = other.execute(sa.text("SELECT asker, key, reply FROM kept_replies")).all()
    assert kept == [(f"{NOTES} {NOTES}", "k", '{"number":1,"body":"one"}')]


async def test_another_question_under_the_key_is_refused(world: World) -> None:
    await world.notes.write_once(key(), make, "one")
    with pytest.raises(IdempotencyKeyReused, match="k stands for something else"):
        await world.notes.write_once(key(asked=b"another note"), make, "two")
    assert len(await world.bodies(notes)) == 1


async def test_a_key_is_one_askers_in_one_operation(world: World) -> None:
    await world.notes.write_once(key(), make, "one")
    await world.notes.write_once(key(operation="copy"), make, "two")
    for person in ("ann", "bob", "x" * 190):
        with acting_under(Cause(source=NOTES, actor=principals.user(person))):
            await world.notes.write_once(key(), make, person)
            await world.notes.write_once(key(), make, person)
    assert len(await world.bodies(notes)) == 5


async def test_an_act_that_failed_may_be_asked_again(world: World) -> None:
    with pytest.raises(ValueError, match="one"):
        await world.notes.write_once(key(), refuse, "one")
    assert await world.notes.write_once(key(), make, "one") == Made(1, "one")
    assert len(await world.bodies(notes)) == 1


@on_sqlite
async def test_of_a_transaction_that_was_lost_no_reply_is_kept(world: World) -> None:
    def make_and_lose(tx: Unit, body: str) -> Made:
        put_and_end_all_unseen(tx, body)
        return Made(0, body)

    answers = await together(
        world.system,
        partial(world.notes.write_once, key("lost"), make_and_lose, "lost"),
        partial(world.notes.write_once, key(), make, "one"),
    )
    assert [type(answer) for answer in answers] == [TransactionLost, Made]
    assert await world.system.read(lambda tx: tx.execute(sa.text("SELECT key FROM kept_replies")).scalars().all()) == ["k"]


@pytest.mark.parametrize("reply", [object(), Made(number="three", body="one")])  # type: ignore[arg-type]  # that is the point
async def test_a_reply_that_could_not_be_read_again_undoes_the_act(world: World, reply: Any) -> None:
    def answer(tx: Unit) -> Made:
        make(tx, "one")
        return reply  # type: ignore[no-any-return]  # that is the point

    with pytest.raises((TypeError, ValueError)):
        await world.notes.write_once(key(), answer)
    assert await world.bodies(notes) == []
    assert world.dispatched == []


async def test_a_reply_kept_in_a_form_that_is_no_longer_read_is_an_error_and_not_another_act(world: World) -> None:
    await world.notes.write_once(IdempotencyKey("k", b"a note", str), put, notes, "one")
    with pytest.raises(msgspec.ValidationError):
        await world.notes.write_once(key(), make, "one")
    assert await world.bodies(notes) == ["one"]


async def test_of_what_only_pretends_nothing_is_kept(world: World) -> None:
    with acting_under(Cause(source=NOTES, actor=NOTES, mode=Mode.SHADOW)):
        assert await world.notes.write_once(key(), make, "pretended") == Made(1, "pretended")
    assert await world.notes.write_once(key(), make, "one") == Made(1, "one")
    assert len(await world.bodies(notes)) == 1


async def test_a_plugin_is_answered_once_too(world: World) -> None:
    asked = IdempotencyKey("k", b"an item", str)
    assert [await world.quotes.write_once(asked, put, items, "one") for _ in range(2)] == ["one", "one"]
    assert await world.bodies(items) == ["one"]


async def test_the_rule_is_still_held_to_its_own_tables(world: World) -> None:
    with pytest.raises(AccessDenied):
        await world.notes.write_once(IdempotencyKey("k", b"", str), put, letters, "not mine")
    assert await world.notes.write_once(IdempotencyKey("k", b"", str), put, notes, "mine") == "mine"


@pytest.mark.parametrize("name", ["", "k" * (LONGEST_KEY + 1)])
def test_a_key_has_a_length(name: str) -> None:
    with pytest.raises(ValueError, match="1 to 255 characters"):
        key(name)


async def test_what_was_answered_can_be_asked_for_before_anything_is_done(world: World) -> None:
    assert await world.notes.answered(key()) is None
    no_key: IdempotencyKey[Made] | None = None
    assert await world.notes.answered(no_key) is None
    made = await world.notes.write_once(key(), make, "one")
    assert await world.notes.answered(key()) == made
    with pytest.raises(IdempotencyKeyReused):
        await world.notes.answered(key(asked=b"another note"))
    assert len(await world.bodies(notes)) == 1


async def test_without_a_key_everybody_is_served_anew(world: World) -> None:
    assert await world.notes.write_once(None, make, "one") != await world.notes.write_once(None, make, "one")


async def test_a_key_that_cannot_be_looked_up_fails_its_asker_alone(world: World) -> None:
    answers = await together(
        world.system,
        partial(world.notes.write_once, key("\ud800"), make, "one"),
        partial(world.notes.write, put, notes, "a neighbour"),
    )
    assert isinstance(answers[0], UnicodeEncodeError)
    assert answers[1] == "a neighbour"


async def test_a_reply_that_cannot_be_written_down_fails_its_asker_alone(world: World) -> None:
    endless: list[Any] = []
    endless.append(endless)
    answers = await together(
        world.system,
        partial(world.notes.write_once, IdempotencyKey("k", b"", list[Any]), lambda tx: endless),
        partial(world.notes.write, put, notes, "a neighbour"),
    )
    assert isinstance(answers[0], RecursionError)
    assert answers[1] == "a neighbour"


@on_sqlite
async def test_a_database_that_cannot_look_a_key_up_says_so(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        with closing(sqlite3.connect(tmp_path / "vivesphere.db")) as raw:
            raw.execute("DROP TABLE kept_replies")
        with pytest.raises(DatabaseError, match="no such table"):
            await world.notes.write_once(key(), make, "one")
        await world.notes.write(put, notes, "goes on")
        assert await world.bodies(notes) == ["goes on"]
