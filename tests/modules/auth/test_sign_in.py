"""Signing in and out, the first user, and what follows from a change."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.modules.auth.world import PASSWORD, AuthWorld, auth_world
from tests.support.clock import settle

from vivesphere.contracts.auth import LoginFailed, LoginSucceeded, PasswordChanged, RefreshTokenReused, UserCreated
from vivesphere.kernel import principals
from vivesphere.kernel.errors import InvalidInput, StartError, TooManyRequests
from vivesphere.kernel.vault import Vault
from vivesphere.modules.auth import rules
from vivesphere.modules.auth.errors import (
    CredentialsWrong,
    PasswordRefused,
    RoleUnknown,
    SetupDone,
    SetupRefused,
    TokenRefused,
    UsernameTaken,
    UserUnknown,
)
from vivesphere.modules.auth.roles import ROLES
from vivesphere.modules.auth.service import PRUNED_EVERY, AuthService


def service_of(module: Any) -> AuthService:
    service = module.provides["auth"]
    assert isinstance(service, AuthService)
    return service


def command(world: AuthWorld, name: str) -> Any:
    return next(each.run for each in world.module.operator_commands if each.name == name)


async def test_a_user_signs_in_whatever_the_case_of_the_name(world: AuthWorld) -> None:
    await world.add("Ada", "manager")
    tokens = await world.auth.login("aDA", PASSWORD, "10.0.0.1")
    assert (tokens.token_type, tokens.expires_in) == ("Bearer", 600)
    session = await world.auth.authenticate(tokens.access_token)
    validated = world.auth.validate(session)
    assert (validated.user.username, validated.user.role) == ("Ada", "manager")
    assert "bots.>" in validated.permissions
    user_id = validated.user.id
    assert world.said == [
        UserCreated(user_id=user_id, username="Ada", role="manager"),
        LoginSucceeded(user_id=user_id, address="10.0.0.1"),
    ]


async def test_an_unknown_name_and_a_wrong_password_are_told_alike(world: AuthWorld) -> None:
    await world.add("ada")
    told = []
    for name in ("ada", "nobody", "n" * 150):
        with pytest.raises(CredentialsWrong) as refused:
            await world.auth.login(name, "wrong password", "10.0.0.1")
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
            await world.auth.login(name, "wrong password", "10.0.0.1")
    parameters = [known.rsplit("$", 2)[0] for known in verified]
    assert len(parameters) == 2
    assert parameters[0] == parameters[1]


async def test_guessing_is_slowed_for_known_and_unknown_alike(world: AuthWorld) -> None:
    await world.add("ada")
    for name in ("ada", "nobody"):
        outcomes = await asyncio.gather(
            *(world.auth.login(name, "wrong password", "10.0.0.1") for _ in range(10)), return_exceptions=True
        )
        kinds = [type(outcome) for outcome in outcomes]
        assert kinds.count(CredentialsWrong) == 5
        assert kinds.count(TooManyRequests) == 5
    with pytest.raises(TooManyRequests):
        await world.sign_in("ada")
    await world.auth.login("ada", PASSWORD, "10.0.0.2")
    await world.clock.advance(1)
    await world.sign_in("ada")


async def test_a_hash_of_old_parameters_is_renewed_at_the_next_sign_in(world: AuthWorld) -> None:
    await world.add("ada")
    stronger = service_of(await world.restarted({"VIVESPHERE_AUTH_ARGON2_PASSES": "2"}))
    await stronger.login("ada", PASSWORD, "10.0.0.1")
    user = await world.database.handle(principals.module("auth")).read(rules.find_user, "ada")
    assert user is not None
    assert "t=2" in user.password_hash
    await stronger.login("ada", PASSWORD, "10.0.0.1")


async def test_a_refresh_token_works_once_and_its_successor_goes_on(world: AuthWorld) -> None:
    await world.add()
    first = await world.sign_in()
    second = await world.auth.refresh(first.refresh_token)
    third = await world.auth.refresh(second.refresh_token)
    assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3
    session = await world.auth.authenticate(third.access_token)
    assert session.id == (await world.auth.authenticate(first.access_token)).id


async def test_a_stolen_refresh_token_ends_the_whole_sign_in(world: AuthWorld) -> None:
    await world.add()
    mine, elsewhere = await world.sign_in(), await world.sign_in()
    session = await world.auth.authenticate(mine.access_token)
    stolen = await world.auth.refresh(mine.refresh_token)
    with pytest.raises(TokenRefused, match="used before"):
        await world.auth.refresh(mine.refresh_token)
    assert world.said[-1] == RefreshTokenReused(user_id=principals.name(session.principal))
    for token in (mine.access_token, stolen.access_token):
        with pytest.raises(TokenRefused, match="ended"):
            await world.auth.authenticate(token)
    for token in (stolen.refresh_token, mine.refresh_token):
        with pytest.raises(TokenRefused, match="unknown or has expired"):
            await world.auth.refresh(token)
    assert world.said.count(RefreshTokenReused(user_id=principals.name(session.principal))) == 1
    await world.auth.refresh(elsewhere.refresh_token)


async def test_of_two_refreshes_at_once_one_wins_and_the_family_falls(world: AuthWorld) -> None:
    await world.add()
    tokens = await world.sign_in()
    outcomes = await asyncio.gather(*(world.auth.refresh(tokens.refresh_token) for _ in range(2)), return_exceptions=True)
    won = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    assert len(won) == 1
    assert [type(outcome) for outcome in outcomes if isinstance(outcome, BaseException)] == [TokenRefused]
    with pytest.raises(TokenRefused):
        await world.auth.refresh(won[0].refresh_token)
    with pytest.raises(TokenRefused):
        await world.auth.authenticate(won[0].access_token)


async def test_a_refresh_token_is_kept_as_a_digest_and_expires(world: AuthWorld) -> None:
    await world.add()
    tokens = await world.sign_in()
    assert tokens.refresh_token.encode() not in (world.tmp_path / "vivesphere.db").read_bytes()
    await world.clock.advance(timedelta(days=29).total_seconds())
    tokens = await world.auth.refresh(tokens.refresh_token)
    await world.clock.advance(timedelta(days=30).total_seconds())
    with pytest.raises(TokenRefused, match="expired"):
        await world.auth.refresh(tokens.refresh_token)
    with pytest.raises(TokenRefused):
        await world.auth.refresh("never given out")


async def test_what_is_over_is_deleted_after_a_while(world: AuthWorld) -> None:
    await world.add()
    tokens = await world.sign_in()
    await world.clock.advance(timedelta(days=31, hours=1).total_seconds())
    task = asyncio.create_task(world.auth.prune())
    await settle()
    await world.clock.advance(PRUNED_EVERY)
    db = world.database.handle(principals.module("auth"))
    # The writer takes its units in turn: what the job asked for is done when this returns.
    assert await db.write(rules.prune) == 0
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    with pytest.raises(TokenRefused):
        await world.auth.refresh(tokens.refresh_token)


async def test_a_sign_out_ends_the_session_at_once_and_for_good(world: AuthWorld) -> None:
    await world.add("ada")
    await world.add("bob")
    one, two, other = await world.sign_in("ada"), await world.sign_in("ada"), await world.sign_in("bob")
    session = await world.auth.authenticate(one.access_token)
    await world.auth.logout(session, other.refresh_token)
    await world.auth.authenticate(other.access_token)
    await world.auth.refresh(other.refresh_token)
    with pytest.raises(TokenRefused):
        await world.auth.authenticate(one.access_token)
    with pytest.raises(TokenRefused):
        await world.auth.refresh(one.refresh_token)
    await world.auth.logout(await world.auth.authenticate(two.access_token), two.refresh_token)
    await world.auth.logout(session, "unknown")
    restarted = service_of(await world.restarted())
    for token in (one.access_token, two.access_token):
        with pytest.raises(TokenRefused, match="ended"):
            await restarted.authenticate(token)


async def test_the_signing_key_outlives_a_restart_but_not_its_vault(world: AuthWorld) -> None:
    await world.add()
    tokens = await world.sign_in()
    assert (await service_of(await world.restarted()).authenticate(tokens.access_token)).username == "ada"
    with structlog.testing.capture_logs() as lines:
        stranger = service_of(await world.restarted(vault=Vault(bytes(31) + b"x")))
    assert [line["event"] for line in lines] == ["signing_key_replaced"]
    with pytest.raises(TokenRefused):
        await stranger.authenticate(tokens.access_token)
    await stranger.authenticate((await stranger.refresh(tokens.refresh_token)).access_token)


async def test_the_first_user_comes_by_the_newest_link_and_only_once(world: AuthWorld) -> None:
    assert world.auth.status().setup_required
    older, link = world.auth.setup_link(), await command(world, "auth.setup_link")({})
    assert older is not None
    token = link["path"].removeprefix("/setup?token=")
    for wrong in ("", "x", older.removeprefix("/setup?token=")):
        with pytest.raises(SetupRefused):
            await world.auth.set_up(wrong, "ada", PASSWORD, "10.0.0.1")
    with pytest.raises(PasswordRefused):
        await world.auth.set_up(token, "ada", "short", "10.0.0.1")
    tokens = await world.auth.set_up(token, "ada", PASSWORD, "10.0.0.1")
    session = await world.auth.authenticate(tokens.access_token)
    assert world.auth.validate(session).permissions == [">"]
    assert not world.auth.status().setup_required
    with pytest.raises(SetupDone):
        await world.auth.set_up(token, "eve", PASSWORD, "10.0.0.1")
    assert await command(world, "auth.setup_link")({}) is None


async def test_without_a_link_no_token_is_right(world: AuthWorld) -> None:
    with pytest.raises(SetupRefused):
        await world.auth.set_up("", "ada", PASSWORD, "10.0.0.1")


async def test_of_two_first_users_at_once_one_wins(world: AuthWorld) -> None:
    link = world.auth.setup_link()
    assert link is not None
    token = link.removeprefix("/setup?token=")
    outcomes = await asyncio.gather(
        *(world.auth.set_up(token, name, PASSWORD, "10.0.0.1") for name in ("ada", "eve")), return_exceptions=True
    )
    assert sorted(isinstance(outcome, SetupDone) for outcome in outcomes) == [False, True]


async def test_the_admin_password_makes_admin_on_the_first_start_alone(tmp_path: Path) -> None:
    environ = {"VIVESPHERE_ADMIN_PASSWORD": PASSWORD}
    async with auth_world(tmp_path, environ) as world:
        assert not world.auth.status().setup_required
        tokens = await world.sign_in("admin")
        assert world.auth.validate(await world.auth.authenticate(tokens.access_token)).user.role == "owner"
        again = service_of(await world.restarted({"VIVESPHERE_ADMIN_PASSWORD": "another password"}))
        await again.login("admin", PASSWORD, "10.0.0.1")


async def test_an_admin_password_that_is_too_short_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"VIVESPHERE_ADMIN_PASSWORD cannot be used: The password must have 8 to 256"):
        async with auth_world(tmp_path, {"VIVESPHERE_ADMIN_PASSWORD": "short"}):
            pass


async def test_permissions_are_in_force_when_the_answer_comes(world: AuthWorld) -> None:
    added = await command(world, "auth.user.add")({"username": "vic", "password": PASSWORD, "role": "viewer"})
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
    await command(world, "auth.user.passwd")({"username": "ADA", "password": "another password"})
    assert isinstance(world.said[-1], PasswordChanged)
    for each in tokens:
        with pytest.raises(TokenRefused):
            await world.auth.authenticate(each.access_token)
        with pytest.raises(TokenRefused):
            await world.auth.refresh(each.refresh_token)
    with pytest.raises(CredentialsWrong):
        await world.sign_in("ada")
    await world.auth.login("ada", "another password", "10.0.0.1")
    with pytest.raises(UserUnknown):
        await world.auth.change_password("nobody", PASSWORD)


@pytest.mark.parametrize("arguments", [{}, {"username": 5, "password": "x", "role": "owner"}, {"more": 1}])
async def test_an_operator_command_says_what_is_missing(world: AuthWorld, arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="arguments of this command"):
        await command(world, "auth.user.add")(arguments)


async def test_there_is_a_project_from_the_start_and_a_restart_makes_no_second(world: AuthWorld) -> None:
    projects = await service_of(await world.restarted()).list_projects(None, 50)
    assert [(project.id, project.name) for project in projects.items] == [("default", "Default")]
    assert projects.next_cursor is None


async def test_a_role_that_is_gone_gives_nothing(world: AuthWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.add("ada", "viewer")
    tokens = await world.sign_in("ada")
    assert isinstance(ROLES, dict)
    monkeypatch.delitem(ROLES, "viewer")
    await world.add("bob", "owner")
    validated = world.auth.validate(await world.auth.authenticate(tokens.access_token))
    assert (validated.user.role, validated.permissions) == ("", [])
