"""The keys of access tokens: replaced without signing anybody out, kept sealed, and shown to whoever must verify."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import structlog
from joserfc import jwt
from joserfc.jwk import KeySet
from tests.modules.auth.world import HOME, AuthWorld, auth_of, command, sessions_of
from tests.support.clock import settle

from vivesphere.contracts.auth import SigningKeyRotated
from vivesphere.kernel import principals
from vivesphere.kernel.principals import module
from vivesphere.kernel.vault import Vault
from vivesphere.modules.auth import rules, session_rules
from vivesphere.modules.auth.errors import TokenRefused
from vivesphere.modules.auth.keyring import CHECKED_EVERY

AUTH = module("auth")


async def kept(world: AuthWorld) -> list[Any]:
    return await world.database.handle(AUTH).read(rules.kept_keys, world.clock.now())


async def test_a_rotation_signs_nobody_out(world: AuthWorld) -> None:
    await world.add()
    before = await world.sign_in()
    rotated = await command(world.module, "auth.keys.rotate")({})
    assert world.said[-1] == SigningKeyRotated(key_id=rotated["key_id"], reason="asked")
    session = await world.sessions.authenticate(before.access_token)
    after = await world.sessions.refresh(before.refresh_token, HOME)
    assert (await world.sessions.authenticate(after.access_token)).id == session.id
    # Neither does a restart between the two.
    restarted = sessions_of(await world.restarted())
    for each in (before, after):
        assert (await restarted.authenticate(each.access_token)).id == session.id


async def test_an_old_key_stays_until_its_last_token_has_expired_and_can_sign_no_more(world: AuthWorld) -> None:
    old = world.keyring.public()[0].kid
    await world.keyring.rotate()
    sealed = next(key for key in await kept(world) if key.id == old)
    assert sealed.ends_at == world.clock.now() + timedelta(minutes=10)
    assert b'"d"' not in world.vault.unseal(sealed.sealed, owner=AUTH, record=f"signing-key/{old}")
    await world.clock.advance(300)
    await world.keyring.rotate()
    assert len(world.keyring.public()) == 3
    await world.clock.advance(300)
    assert old not in {key.kid for key in world.keyring.public()}
    assert len(await kept(world)) == 2
    await world.keyring.rotate()
    assert len(world.keyring.public()) == 3


async def test_two_rotations_at_once_are_two_keys(world: AuthWorld) -> None:
    await world.add()
    tokens = await world.sign_in()
    await asyncio.gather(world.keyring.rotate(), world.keyring.rotate())
    assert len(world.keyring.public()) == len(await kept(world)) == 3
    await world.sessions.authenticate(tokens.access_token)


async def test_a_key_is_replaced_with_age_also_across_restarts(world: AuthWorld) -> None:
    first = world.keyring.public()[0].kid
    task = asyncio.create_task(world.keyring.rotate_with_age())
    await settle()
    await world.clock.advance(timedelta(days=29).total_seconds())
    await settle()
    assert world.keyring.public()[0].kid == first
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    restarted = await world.restarted()
    run = next(job.run for job in restarted.jobs if job.name == "rotate keys")
    task = asyncio.ensure_future(run())
    await world.clock.advance(timedelta(days=1).total_seconds() + CHECKED_EVERY)
    # The writer takes its units in turn: what the job asked for is done when this returns.
    await world.database.handle(AUTH).write(session_rules.prune)
    await settle()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert world.said[-1].reason == "age"  # type: ignore[attr-defined]  # found to be one just now


async def test_keys_that_the_vault_cannot_open_are_replaced_and_a_refresh_goes_on(world: AuthWorld) -> None:
    await world.add()
    tokens = await world.sign_in()
    assert (await sessions_of(await world.restarted()).authenticate(tokens.access_token)).username == "ada"
    with structlog.testing.capture_logs() as lines:
        module = await world.restarted(vault=Vault(bytes(31) + b"x"))
    assert [line["event"] for line in lines] == ["signing_key_replaced"]
    assert isinstance(world.said[-1], SigningKeyRotated)
    assert world.said[-1].reason == "unreadable"
    stranger = sessions_of(module)
    with pytest.raises(TokenRefused):
        await stranger.authenticate(tokens.access_token)
    renewed = await stranger.refresh(tokens.refresh_token, HOME)
    assert principals.kind((await stranger.authenticate(renewed.access_token)).principal) == "user"
    assert not auth_of(module).status().setup_required


async def test_anybody_can_verify_a_token_with_the_published_keys(world: AuthWorld) -> None:
    await world.add()
    before = await world.sign_in()
    await world.keyring.rotate()
    after = await world.sign_in()
    answer = await world.http.client.get("/.well-known/jwks.json")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=300")
    published = answer.json()
    assert [set(key) for key in published["keys"]] == [{"kid", "kty", "crv", "use", "alg", "x"}] * 2
    keys = KeySet.import_key_set(published)
    for each in (before, after):
        claims = jwt.decode(each.access_token, keys, algorithms=["Ed25519"]).claims
        assert (claims["iss"], claims["aud"], claims["name"]) == ("vivesphere", "vivesphere-api", "ada")
