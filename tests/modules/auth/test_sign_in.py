"""Signing in and out, the first user, and what follows from a change."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.modules.auth.world import BROWSER, HOME, PASSWORD, AuthWorld, auth_of, auth_world, command

from vivesphere.contracts.auth import LoginFailed, LoginLocked, LoginSucceeded, PasswordChanged, SessionEnded, UserCreated
from vivesphere.kernel import principals
from vivesphere.kernel.errors import InvalidInput, StartError, TooManyRequests
from vivesphere.modules.auth import rules
from vivesphere.modules.auth.errors import (
    CredentialsWrong,
    CurrentPasswordWrong,
    PasswordRefused,
    RoleUnknown,
    SetupDone,
    SetupRefused,
    TokenRefused,
    UsernameTaken,
    UserUnknown,
)
from vivesphere.modules.auth.roles import ROLES
from vivesphere.modules.auth.session_service import Client

pytestmark = pytest.mark.usefixtures("engine")


async def test_a_user_signs_in_whatever_the_case_of_the_name(world: AuthWorld) -> None:
    await world.add("Ada", "manager")
    tokens = await world.auth.login("aDA", PASSWORD, HOME)
    assert (tokens.access_lasts, tokens.csrf) == (600, "")
    session = await world.sessions.authenticate(tokens.access_token)
    validated = world.auth.validate(session)
    assert (validated.user.username, validated.user.role) == ("Ada", "manager")
    assert "bots.>" in validated.permissions
    user_id = validated.user.id
    assert world.said == [
        UserCreated(user_id=user_id, username="Ada", role="manager"),
        LoginSucceeded(user_id=user_id, address="10.0.0.1", session_id=session.id, device="httpx"),
    ]


async def test_an_unknown_name_and_a_wrong_password_are_told_alike(world: AuthWorld) -> None:
    await world.add("ada")
    told = []
    for name in ("ada", "nobody", "n" * 150):
        with pytest.raises(CredentialsWrong) as refused:
            await world.auth.login(name, "wrong password", HOME)
        told.append((refused.value.detail, refused.value.status, refused.value.slug, refused.value.errors))
    assert told[0] == told[1] == told[2]
    assert world.said[1:] == [LoginFailed(username=name[:64], address="10.0.0.1") for name in ("ada", "nobody", "n" * 150)]


async def test_an_unknown_name_costs_a_hash_too(world: AuthWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.add("ada")
    hasher = world.auth._passwords._hasher
    verified: list[str] = []
    verify = type(hasher).verify

    def counting(self: Any, known: str, password: str) -> bool:
        verified.append(known)
        return bool(verify(self, known, password))

    monkeypatch.setattr(type(hasher), "verify", counting)
    for name in ("ada", "nobody"):
        with pytest.raises(CredentialsWrong):
            await world.auth.login(name, "wrong password", HOME)
    parameters = [known.rsplit("$", 2)[0] for known in verified]
    assert len(parameters) == 2
    assert parameters[0] == parameters[1]


async def test_guessing_is_slowed_for_known_and_unknown_alike(world: AuthWorld) -> None:
    await world.add("ada")
    for name in ("ada", "nobody"):
        outcomes = await asyncio.gather(
            *(world.auth.login(name, "wrong password", HOME) for _ in range(10)), return_exceptions=True
        )
        kinds = [type(outcome) for outcome in outcomes]
        assert kinds.count(CredentialsWrong) == 5
        assert kinds.count(TooManyRequests) == 5
    with pytest.raises(TooManyRequests):
        await world.sign_in("ada")
    await world.auth.login("ada", PASSWORD, Client(address="10.0.0.2"))
    await world.clock.advance(1)
    await world.sign_in("ada")


async def test_a_hash_of_old_parameters_is_renewed_at_the_next_sign_in(world: AuthWorld) -> None:
    await world.add("ada")
    stronger = auth_of(await world.restarted({"VIVESPHERE_AUTH_ARGON2_PASSES": "2"}))
    await stronger.login("ada", PASSWORD, HOME)
    user = await world.database.handle(principals.module("auth")).read(rules.find_user, "ada")
    assert user is not None
    assert "t=2" in user.password_hash
    await stronger.login("ada", PASSWORD, HOME)


async def test_the_first_user_comes_by_the_newest_link_and_only_once(world: AuthWorld) -> None:
    assert world.auth.status().setup_required
    older, link = world.auth.setup_link(), await command(world.module, "auth.setup_link")({})
    assert older is not None
    token = link["path"].removeprefix("/setup?token=")
    for wrong in ("", "x", older.removeprefix("/setup?token=")):
        with pytest.raises(SetupRefused):
            await world.auth.set_up(wrong, "ada", PASSWORD, HOME)
    with pytest.raises(PasswordRefused):
        await world.auth.set_up(token, "ada", "short", HOME)
    tokens = await world.auth.set_up(token, "ada", PASSWORD, HOME)
    session = await world.sessions.authenticate(tokens.access_token)
    assert world.auth.validate(session).permissions == [">"]
    assert not world.auth.status().setup_required
    with pytest.raises(SetupDone):
        await world.auth.set_up(token, "eve", PASSWORD, HOME)
    assert await command(world.module, "auth.setup_link")({}) is None


async def test_without_a_link_no_token_is_right(world: AuthWorld) -> None:
    with pytest.raises(SetupRefused):
        await world.auth.set_up("", "ada", PASSWORD, HOME)


async def test_of_two_first_users_at_once_one_wins(world: AuthWorld) -> None:
    link = world.auth.setup_link()
    assert link is not None
    token = link.removeprefix("/setup?token=")
    outcomes = await asyncio.gather(
        *(world.auth.set_up(token, name, PASSWORD, HOME) for name in ("ada", "eve")), return_exceptions=True
    )
    assert sorted(isinstance(outcome, SetupDone) for outcome in outcomes) == [False, True]


async def test_the_admin_password_makes_admin_on_the_first_start_alone(tmp_path: Path) -> None:
    environ = {"VIVESPHERE_ADMIN_PASSWORD": PASSWORD}
    async with auth_world(tmp_path, environ) as world:
        assert not world.auth.status().setup_required
        tokens = await world.sign_in("admin")
        assert world.auth.validate(await world.sessions.authenticate(tokens.access_token)).user.role == "owner"
        again = auth_of(await world.restarted({"VIVESPHERE_ADMIN_PASSWORD": "another password"}))
        await again.login("admin", PASSWORD, HOME)


async def test_an_admin_password_that_is_too_short_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"VIVESPHERE_ADMIN_PASSWORD cannot be used: The password must have 8 to 256"):
        async with auth_world(tmp_path, {"VIVESPHERE_ADMIN_PASSWORD": "short"}):
            pass


async def test_permissions_are_in_force_when_the_answer_comes(world: AuthWorld) -> None:
    added = await command(world.module, "auth.user.add")({"username": "vic", "password": PASSWORD, "role": "viewer"})
    vic = principals.user(added["id"])
    assert world.bus.permissions.allows(vic, "bots.bot.read", "default")
    assert not world.bus.permissions.allows(vic, "bots.bot.write", "default")
    with pytest.raises(UsernameTaken, match="VIC"):
        await world.add("VIC")
    with pytest.raises(RoleUnknown, match="owner, admin, manager, editor, viewer"):
        await world.add("eve", "emperor")


async def test_a_new_password_ends_every_sign_in(world: AuthWorld) -> None:
    await world.add("ada")
    tokens = [await world.sign_in("ada") for _ in range(2)]
    await command(world.module, "auth.user.passwd")({"username": "ADA", "password": "another password"})
    changed = next(index for index, event in enumerate(world.said) if isinstance(event, PasswordChanged))
    assert [event.reason for event in world.said[changed + 1 :] if isinstance(event, SessionEnded)] == ["password_changed"] * 2
    for each in tokens:
        with pytest.raises(TokenRefused):
            await world.sessions.authenticate(each.access_token)
        with pytest.raises(TokenRefused):
            await world.sessions.refresh(each.refresh_token, HOME)
    with pytest.raises(CredentialsWrong):
        await world.sign_in("ada")
    await world.auth.login("ada", "another password", HOME)
    with pytest.raises(UserUnknown):
        await world.auth.set_password("nobody", PASSWORD)


@pytest.mark.parametrize("arguments", [{}, {"username": 5, "password": "x", "role": "owner"}, {"more": 1}])
async def test_an_operator_command_says_what_is_missing(world: AuthWorld, arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="arguments of this command"):
        await command(world.module, "auth.user.add")(arguments)


async def test_there_is_a_project_from_the_start_and_a_restart_makes_no_second(world: AuthWorld) -> None:
    projects = await auth_of(await world.restarted()).list_projects(None, 50)
    assert [(project.id, project.name) for project in projects.items] == [("default", "Default")]
    assert projects.next_cursor is None


async def test_a_role_that_is_gone_gives_nothing(world: AuthWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.add("ada", "viewer")
    tokens = await world.sign_in("ada")
    assert isinstance(ROLES, dict)
    monkeypatch.delitem(ROLES, "viewer")
    await world.add("bob", "owner")
    validated = world.auth.validate(await world.sessions.authenticate(tokens.access_token))
    assert (validated.user.role, validated.permissions) == ("", [])


async def test_a_lock_is_told_once_when_it_begins(world: AuthWorld) -> None:
    await world.add("ada")
    for _ in range(7):
        with pytest.raises((CredentialsWrong, TooManyRequests)):
            await world.auth.login("ada", "wrong password", HOME)
        await world.clock.advance(2)
    locked = LoginLocked(username="ada", address="10.0.0.1", scope="name_and_address", seconds=1)
    assert [event for event in world.said if isinstance(event, LoginLocked)] == [locked]


async def test_a_change_of_ones_own_password_ends_the_other_sign_ins(world: AuthWorld) -> None:
    await world.add("ada")
    mine, other = await world.sign_in(), await world.sign_in()
    session = await world.sessions.authenticate(mine.access_token)
    with pytest.raises(CurrentPasswordWrong):
        await world.auth.change_own_password(session, "wrong password", "another password", "10.0.0.1")
    with pytest.raises(PasswordRefused) as refused:
        await world.auth.change_own_password(session, PASSWORD, "password123", "10.0.0.1")
    assert refused.value.errors[0].pointer == "/new_password"
    await world.auth.change_own_password(session, PASSWORD, "another password", "10.0.0.1")
    await world.sessions.authenticate(mine.access_token)
    await world.sessions.refresh(mine.refresh_token, HOME)
    with pytest.raises(TokenRefused):
        await world.sessions.authenticate(other.access_token)
    await world.auth.login("ada", "another password", HOME)


async def test_a_password_cannot_be_guessed_from_a_page_left_open(world: AuthWorld) -> None:
    await world.add("ada")
    session = await world.sessions.authenticate((await world.sign_in()).access_token)
    for _ in range(5):
        with pytest.raises(CurrentPasswordWrong):
            await world.auth.change_own_password(session, "wrong password", "another password", "10.0.0.1")
    with pytest.raises(TooManyRequests):
        await world.auth.change_own_password(session, PASSWORD, "another password", "10.0.0.1")


async def test_a_sign_in_does_not_escape_a_change_of_password_at_the_same_moment(world: AuthWorld) -> None:
    await world.add("ada")
    db = world.database.handle(principals.module("auth"))
    seen = await db.read(rules.find_user, "ada")
    assert seen is not None
    await world.clock.advance(1)
    await world.auth.set_password("ada", "another password")
    with pytest.raises(CredentialsWrong):
        await world.sessions.begin(seen, HOME)
    # Nor does the hash of the old password come back over the new one.
    await db.write(rules.renew_hash, seen, "hash of the old password")
    await world.auth.login("ada", "another password", HOME)
    with pytest.raises(CurrentPasswordWrong):
        await db.write(rules.change_password, seen.id, "hash", known=seen.password_changed_at)


async def test_a_new_password_by_the_operator_forgives_wrong_ones(world: AuthWorld) -> None:
    await world.add("ada")
    for number in range(25):
        with pytest.raises(CredentialsWrong):
            await world.auth.login("ada", "wrong password", Client(address=f"10.0.1.{number}"))
    with pytest.raises(TooManyRequests):
        await world.sign_in()
    await world.auth.set_password("ada", "another password")
    await world.auth.login("ada", "another password", HOME)


async def test_who_is_refused_because_too_many_wait_is_not_counted(world: AuthWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.add("ada")
    monkeypatch.setattr(world.auth._passwords, "_room", 0)
    for _ in range(10):
        with pytest.raises(TooManyRequests, match="sign in at this moment"):
            await world.sign_in()
    monkeypatch.setattr(world.auth._passwords, "_room", 10)
    await world.sign_in()


async def test_a_hash_that_nobody_has_time_to_renew_stays_as_it_is(world: AuthWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.add("ada")
    stronger = auth_of(await world.restarted({"VIVESPHERE_AUTH_ARGON2_PASSES": "2"}))

    async def no_time(_password: str) -> str:
        raise TooManyRequests("Too many.", 1)

    monkeypatch.setattr(stronger._passwords, "renew", no_time)
    await stronger.login("ada", PASSWORD, HOME)


async def test_the_operator_sees_where_somebody_is_signed_in_and_ends_it(world: AuthWorld) -> None:
    await world.add("ada")
    tokens = await world.sign_in(client=BROWSER)
    listed = await command(world.module, "auth.user.sessions")({"username": "ADA"})
    assert [(each["device"], each["browser"], each["current"]) for each in listed] == [("Firefox on Linux", True, False)]
    assert await command(world.module, "auth.user.sign_out")({"username": "ada"}) == {"count": 1}
    with pytest.raises(TokenRefused):
        await world.sessions.authenticate(tokens.access_token)
    with pytest.raises(UserUnknown):
        await command(world.module, "auth.user.sign_out")({"username": "nobody"})
