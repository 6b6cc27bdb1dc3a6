"""Sign-ins and their refresh tokens: how they go on, how they end, and what a stolen one is worth."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from tests.modules.auth.world import BROWSER, FIREFOX, HOME, AuthWorld, auth_world, sessions_of
from tests.support.clock import settle
from tests.support.engines import on_sqlite

from vivesphere.contracts.auth import RefreshTokenReused, SessionEnded
from vivesphere.kernel import principals
from vivesphere.kernel.vault import Vault
from vivesphere.modules.auth import session_rules
from vivesphere.modules.auth.devices import device_name
from vivesphere.modules.auth.errors import SessionUnknown, TokenRefused
from vivesphere.modules.auth.session_service import PRUNED_EVERY, Client

pytestmark = pytest.mark.usefixtures("engine")

THIEF = Client(address="203.0.113.9", agent="curl/8.5.0")


async def test_a_refresh_token_works_once_and_its_successor_goes_on(world: AuthWorld) -> None:
    await world.add()
    first = await world.sign_in()
    second = await world.sessions.refresh(first.refresh_token, HOME)
    third = await world.sessions.refresh(second.refresh_token, HOME)
    assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3
    session = await world.sessions.authenticate(third.access_token)
    assert session.id == (await world.sessions.authenticate(first.access_token)).id


async def test_what_is_over_is_deleted_after_a_while(world: AuthWorld) -> None:
    await world.add()
    tokens = await world.sign_in()
    await world.clock.advance(timedelta(days=8, hours=1).total_seconds())
    task = asyncio.create_task(world.sessions.prune())
    await settle()
    await world.clock.advance(PRUNED_EVERY)
    db = world.database.handle(principals.module("auth"))
    # The writer takes its units in turn: what the job asked for is done when this returns.
    assert await db.write(session_rules.prune) == 0
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    with pytest.raises(TokenRefused):
        await world.sessions.refresh(tokens.refresh_token, HOME)


async def test_a_sign_out_ends_the_session_at_once_and_for_good(world: AuthWorld) -> None:
    await world.add("ada")
    await world.add("bob")
    one, two, other = await world.sign_in("ada"), await world.sign_in("ada"), await world.sign_in("bob")
    session = await world.sessions.authenticate(one.access_token)
    await world.sessions.logout(session, other.refresh_token)
    await world.sessions.authenticate(other.access_token)
    await world.sessions.refresh(other.refresh_token, HOME)
    with pytest.raises(TokenRefused):
        await world.sessions.authenticate(one.access_token)
    with pytest.raises(TokenRefused):
        await world.sessions.refresh(one.refresh_token, HOME)
    await world.sessions.logout(await world.sessions.authenticate(two.access_token), two.refresh_token)
    await world.sessions.logout(session, "unknown")
    restarted = sessions_of(await world.restarted())
    for token in (one.access_token, two.access_token):
        with pytest.raises(TokenRefused, match="ended"):
            await restarted.authenticate(token)


async def test_a_stolen_refresh_token_ends_the_whole_sign_in(world: AuthWorld) -> None:
    await world.add()
    mine, elsewhere = await world.sign_in(), await world.sign_in()
    session = await world.sessions.authenticate(mine.access_token)
    stolen = await world.sessions.refresh(mine.refresh_token, HOME)
    await world.clock.advance(10)
    with pytest.raises(TokenRefused, match="used before"):
        await world.sessions.refresh(mine.refresh_token, THIEF)
    told = RefreshTokenReused(
        user_id=principals.name(session.principal), session_id=session.id, address="203.0.113.9", device="curl"
    )
    assert world.said[-1] == told
    assert type(told).durable
    for token in (mine.access_token, stolen.access_token):
        with pytest.raises(TokenRefused, match="ended"):
            await world.sessions.authenticate(token)
    for token in (stolen.refresh_token, mine.refresh_token):
        with pytest.raises(TokenRefused, match="unknown or has expired"):
            await world.sessions.refresh(token, HOME)
    assert world.said.count(told) == 1
    await world.sessions.refresh(elsewhere.refresh_token, HOME)


async def test_two_tabs_that_refresh_at_once_get_the_same_successor(world: AuthWorld) -> None:
    await world.add()
    tokens = await world.sign_in(client=BROWSER)
    both = await asyncio.gather(*(world.sessions.refresh(tokens.refresh_token, BROWSER, tokens.csrf) for _ in range(2)))
    assert both[0].refresh_token == both[1].refresh_token != tokens.refresh_token
    await world.clock.advance(9.9)
    late = await world.sessions.refresh(tokens.refresh_token, BROWSER, tokens.csrf)
    assert late.refresh_token == both[0].refresh_token
    assert not [event for event in world.said if isinstance(event, RefreshTokenReused)]
    await world.sessions.refresh(late.refresh_token, BROWSER, tokens.csrf)


async def test_a_replay_is_theft_once_the_successor_was_used_however_soon(world: AuthWorld) -> None:
    await world.add()
    first = await world.sign_in()
    second = await world.sessions.refresh(first.refresh_token, HOME)
    await world.sessions.refresh(second.refresh_token, HOME)
    with pytest.raises(TokenRefused, match="used before"):
        await world.sessions.refresh(first.refresh_token, THIEF)


async def test_a_thief_within_the_grace_is_found_out_when_either_goes_on(world: AuthWorld) -> None:
    """The grace makes no second line of the family: both hold the one successor, and the second to use it is seen."""
    await world.add()
    first = await world.sign_in()
    mine = await world.sessions.refresh(first.refresh_token, HOME)
    theirs = await world.sessions.refresh(first.refresh_token, THIEF)
    assert theirs.refresh_token == mine.refresh_token
    await world.clock.advance(600)
    further = await world.sessions.refresh(theirs.refresh_token, THIEF)
    await world.clock.advance(600)
    with pytest.raises(TokenRefused, match="used before"):
        await world.sessions.refresh(mine.refresh_token, HOME)
    with pytest.raises(TokenRefused):
        await world.sessions.refresh(further.refresh_token, THIEF)


async def test_without_a_grace_the_second_of_two_at_once_ends_it(tmp_path: Path) -> None:
    async with auth_world(tmp_path, {"VIVESPHERE_AUTH_REFRESH_GRACE_SECONDS": "0"}) as world:
        await world.add()
        tokens = await world.sign_in()
        outcomes = await asyncio.gather(
            *(world.sessions.refresh(tokens.refresh_token, HOME) for _ in range(2)), return_exceptions=True
        )
        assert [type(outcome) for outcome in outcomes if isinstance(outcome, BaseException)] == [TokenRefused]
        won = next(outcome for outcome in outcomes if not isinstance(outcome, BaseException))
        with pytest.raises(TokenRefused):
            await world.sessions.authenticate(won.access_token)


async def test_a_lost_answer_is_given_again_after_a_restart_unless_the_vault_is_another(world: AuthWorld) -> None:
    await world.add()
    tokens = await world.sign_in()
    lost = await world.sessions.refresh(tokens.refresh_token, HOME)
    restarted = sessions_of(await world.restarted())
    assert (await restarted.refresh(tokens.refresh_token, HOME)).refresh_token == lost.refresh_token
    stranger = sessions_of(await world.restarted(vault=Vault(bytes(31) + b"x")))
    with pytest.raises(TokenRefused, match="a moment ago"):
        await stranger.refresh(tokens.refresh_token, HOME)


@on_sqlite  # what is looked at is the file; what is written into it is the same on both
async def test_no_token_is_on_the_disk(world: AuthWorld) -> None:
    await world.add()
    tokens = await world.sign_in()
    renewed = await world.sessions.refresh(tokens.refresh_token, HOME)
    for file in world.tmp_path.glob("vivesphere.db*"):
        content = file.read_bytes()
        assert tokens.refresh_token.encode() not in content
        assert renewed.refresh_token.encode() not in content


async def test_a_sign_in_that_is_not_used_ends(world: AuthWorld) -> None:
    await world.add()
    tokens = await world.sign_in()
    await world.clock.advance(timedelta(hours=167).total_seconds())
    tokens = await world.sessions.refresh(tokens.refresh_token, HOME)
    await world.clock.advance(timedelta(hours=168).total_seconds())
    with pytest.raises(TokenRefused, match="expired"):
        await world.sessions.refresh(tokens.refresh_token, HOME)
    with pytest.raises(TokenRefused):
        await world.sessions.refresh("never given out", HOME)


async def test_a_sign_in_ends_in_the_end_however_much_it_is_used(world: AuthWorld) -> None:
    await world.add()
    tokens = await world.sign_in()
    for _ in range(4):
        await world.clock.advance(timedelta(days=6).total_seconds())
        tokens = await world.sessions.refresh(tokens.refresh_token, HOME)
    await world.clock.advance(timedelta(days=5, hours=23, minutes=55).total_seconds())
    last = await world.sessions.refresh(tokens.refresh_token, HOME)
    assert (last.access_lasts, last.refresh_lasts) == (300, 300)
    await world.clock.advance(300)
    with pytest.raises(TokenRefused):
        await world.sessions.authenticate(last.access_token)
    with pytest.raises(TokenRefused):
        await world.sessions.refresh(last.refresh_token, HOME)


async def test_a_browsers_token_is_no_programs_and_the_other_way_round(world: AuthWorld) -> None:
    await world.add()
    browser, program = await world.sign_in(client=BROWSER), await world.sign_in()
    assert browser.csrf
    assert not program.csrf
    for token, csrf in ((browser.refresh_token, None), (browser.refresh_token, "wrong"), (program.refresh_token, "any")):
        with pytest.raises(TokenRefused, match="unknown"):
            await world.sessions.refresh(token, HOME, csrf)
    # Nothing of that was a use.
    await world.sessions.refresh(browser.refresh_token, BROWSER, browser.csrf)
    await world.sessions.refresh(program.refresh_token, HOME)


async def test_sign_ins_are_listed_newest_first_with_their_last_use(world: AuthWorld) -> None:
    await world.add("ada")
    await world.add("bob")
    first, second = await world.sign_in("ada"), await world.sign_in("ada", BROWSER)
    await world.sign_in("bob")
    session = await world.sessions.authenticate(first.access_token)
    user_id = principals.name(session.principal)
    await world.clock.advance(60)
    await world.sessions.refresh(first.refresh_token, THIEF)
    listed = (await world.sessions.list_sign_ins(user_id, None, 50, current=session.id)).items
    assert [(each.device, each.address, each.browser, each.current) for each in listed] == [
        ("Firefox on Linux", "10.0.0.1", True, False),
        ("curl", "203.0.113.9", False, True),
    ]
    assert listed[1].used_at - listed[1].created_at == timedelta(seconds=60)
    assert listed[1].ends_at - listed[1].created_at == timedelta(days=30)
    page = await world.sessions.list_sign_ins(user_id, None, 1)
    rest = await world.sessions.list_sign_ins(user_id, page.next_cursor, 1)
    assert [each.id for each in (*page.items, *rest.items)] == [each.id for each in listed]
    assert rest.next_cursor is None
    assert second.csrf not in repr(listed)


async def test_a_sign_in_is_ended_from_elsewhere_at_once(world: AuthWorld) -> None:
    await world.add("ada")
    await world.add("bob")
    one, two = await world.sign_in("ada"), await world.sign_in("ada")
    session, other = [await world.sessions.authenticate(each.access_token) for each in (one, two)]
    bob = await world.sessions.authenticate((await world.sign_in("bob")).access_token)
    ada_id, bob_id = principals.name(session.principal), principals.name(bob.principal)
    for user_id, session_id in ((bob_id, other.id), (ada_id, bob.id), (ada_id, "nothing")):
        with pytest.raises(SessionUnknown):
            await world.sessions.revoke(user_id, session_id)
    await world.sessions.revoke(ada_id, other.id)
    assert world.said[-1] == SessionEnded(user_id=ada_id, session_id=other.id, reason="revoked")
    with pytest.raises(TokenRefused, match="ended"):
        await world.sessions.authenticate(two.access_token)
    with pytest.raises(TokenRefused):
        await world.sessions.refresh(two.refresh_token, HOME)
    with pytest.raises(SessionUnknown):
        await world.sessions.revoke(ada_id, other.id)
    await world.sign_in("ada")
    assert await world.sessions.revoke_all(ada_id, keep=session.id) == 1
    await world.sessions.authenticate(one.access_token)
    assert await world.sessions.revoke_all(ada_id) == 1
    assert (await world.sessions.list_sign_ins(ada_id, None, 50)).items == []


async def test_a_browser_is_forgotten_with_its_csrf_token_alone(world: AuthWorld) -> None:
    await world.add()
    browser, program = await world.sign_in(client=BROWSER), await world.sign_in()
    for token, csrf in ((browser.refresh_token, "wrong"), (browser.refresh_token, ""), (program.refresh_token, ""), ("", "")):
        await world.sessions.forget_browser(token, csrf)
    await world.sessions.authenticate(browser.access_token)
    await world.sessions.authenticate(program.access_token)
    await world.clock.advance(700)
    await world.sessions.forget_browser(browser.refresh_token, browser.csrf)
    with pytest.raises(TokenRefused):
        await world.sessions.refresh(browser.refresh_token, BROWSER, browser.csrf)


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Version/18 Safari/604.1",
            "Safari on iPhone",
        ),
        (
            "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
            "Chrome on Android",
        ),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15", "macOS"),
        ("Mozilla/5.0 Firefox/140", "Firefox"),
        ("Mozilla/5.0", "Unknown device"),
        ("python-httpx/0.28.1", "python-httpx"),
        ("<script>alert(1)</script>", "Unknown device"),
        ("", "Unknown device"),
    ],
)
def test_a_device_is_called_by_what_it_says_of_itself(agent: str, name: str) -> None:
    assert device_name(agent) == name
