"""Whose units are written next, without a thread or a file."""

import asyncio
from collections import Counter

import pytest

from vivesphere.kernel import principals
from vivesphere.kernel.cause import Cause
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.db.sqlite import turns
from vivesphere.kernel.db.sqlite.turns import Turns
from vivesphere.kernel.db.work import Work
from vivesphere.kernel.principals import Principal

A, B, C = (principals.module(name) for name in "abc")
QUOTES, DICE = (principals.plugin(name) for name in ("quotes", "dice"))


def nothing(_tx: Unit, _number: int) -> None: ...


def waiting(*who: Principal) -> Turns:
    loop = asyncio.get_running_loop()
    found = Turns()
    for number, each in enumerate(who):
        cause = Cause(source=each, actor=each)
        found.add(Work(each, cause, loop.create_future(), rule=nothing, args=(number,), kwargs={}))
    return found


def who(group: list[Work]) -> list[Principal]:
    return [work.principal for work in group]


async def test_a_flooder_delays_nobody_by_more_than_one_group() -> None:
    line = waiting(*[A] * 10_000, B, C)
    group = line.next_group()
    assert Counter(who(group)) == {A: turns.GROUP - 2, B: 1, C: 1}
    assert who(line.next_group()) == [A] * turns.GROUP


async def test_what_one_leaves_of_its_share_is_for_those_that_need_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "GROUP", 12)
    line = waiting(*[A] * 100, *[B] * 100, *[C] * 2)
    assert who(line.next_group()) == [A] * 5 + [B] * 5 + [C] * 2
    assert who(line.next_group()) == [A] * 6 + [B] * 6


async def test_with_more_principals_than_room_each_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "GROUP", 2)
    assert who(waiting(A, A, B, B, C, C).next_group()) == [A, B, C]


async def test_units_of_one_principal_keep_their_order() -> None:
    line = waiting(B, A, B, A, B)
    assert [work.args[0] for work in line.next_group()] == [1, 3, 0, 2, 4]
    assert not line
    assert line.next_group() == []


async def test_the_group_after_a_cut_one_begins_with_the_next_in_line() -> None:
    line = waiting(A, A, A, B, C)
    group = line.next_group()
    line.put_back(group, 2)
    assert who(group) == [A, A]
    again = line.next_group()
    assert [(work.principal, work.args[0]) for work in again] == [(B, 3), (C, 4), (A, 2)]
    line.put_back(again, 1)
    assert who(line.next_group()) == [C, A]


async def test_guests_come_one_by_one_in_turn_with_ours() -> None:
    line = waiting(QUOTES, QUOTES, DICE, A, A)
    groups = []
    while line:
        groups.append(who(line.next_group()))
    assert groups == [[A, A], [QUOTES], [DICE], [QUOTES]]


async def test_a_flood_of_one_guest_costs_another_one_turn() -> None:
    line = waiting(*[QUOTES] * 1000, DICE, *[A] * 1000)
    groups = [who(line.next_group()) for _ in range(4)]
    assert groups == [[A] * turns.GROUP, [QUOTES], [A] * turns.GROUP, [DICE]]
