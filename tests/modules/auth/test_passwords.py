"""Passwords, names, roles, and the brake on guessing."""

from itertools import pairwise

import pytest
from tests.support.clock import FakeClock

from vivesphere.kernel.errors import TooManyRequests
from vivesphere.kernel.permissions import Permissions, PermissionSnapshot
from vivesphere.kernel.principals import user
from vivesphere.modules.auth import lockout
from vivesphere.modules.auth.errors import PasswordRefused, UsernameRefused
from vivesphere.modules.auth.lockout import Lockout
from vivesphere.modules.auth.passwords import Passwords, check_password
from vivesphere.modules.auth.roles import ROLES, highest
from vivesphere.modules.auth.service import check_username, name_key
from vivesphere.modules.auth.settings import AuthSettings

CHEAP = AuthSettings(argon2_passes=1, argon2_memory_kib=8, argon2_lanes=1)


@pytest.mark.parametrize(("password", "said"), [("", "has 0"), ("a" * 7, "has 7"), ("a" * 257, "has 257"), ("é" * 7, "has 7")])
def test_a_refused_password_is_told_why(password: str, said: str) -> None:
    with pytest.raises(PasswordRefused, match=f"8 to 256 characters; it {said}") as refused:
        check_password(password)
    assert refused.value.errors[0].pointer == "/password"


@pytest.mark.parametrize("password", ["a" * 8, "a" * 256, "🐎🐎🐎🐎🐎🐎🐎🐎", "        "])
def test_what_is_long_enough_is_good(password: str) -> None:
    check_password(password)


async def test_a_password_fits_itself_alone_however_it_is_composed() -> None:
    passwords = Passwords(CHEAP)
    known = await passwords.hash("caf\u00e9 caf\u00e9")
    assert known.startswith("$argon2id$")
    assert await passwords.verify("cafe\u0301 cafe\u0301", known)
    assert not await passwords.verify("cafe cafe", known)
    assert not await passwords.verify("caf\u00e9 caf\u00e9", None)
    assert not await passwords.verify("nobody's password", None)
    assert not await passwords.verify("caf\u00e9 caf\u00e9", "not a hash")
    assert not passwords.outdated(known)
    assert Passwords(AuthSettings(argon2_passes=2, argon2_memory_kib=8, argon2_lanes=1)).outdated(known)


@pytest.mark.parametrize("username", ["", " ", "a b", "a\nb", "a\u200bb", "a" * 65, "a\x00"])
def test_a_refused_name_is_told_why(username: str) -> None:
    with pytest.raises(UsernameRefused, match="1 to 64 visible characters"):
        check_username(username)


def test_names_differ_in_more_than_case() -> None:
    assert check_username("Ada") == "Ada"
    assert name_key("ADA") == name_key("ada") == name_key("\uff21da")
    assert name_key("STRASSE") == name_key("straße")


async def test_guessing_must_wait_longer_each_time() -> None:
    clock = FakeClock()
    brake = Lockout(3, clock)
    for _ in range(3):
        brake.begin("ada", "10.0.0.1")
    for wait in (1, 2, 4, 8):
        with pytest.raises(TooManyRequests) as refused:
            brake.begin("ada", "10.0.0.1")
        assert refused.value.retry_after == wait
        await clock.advance(wait)
        brake.begin("ada", "10.0.0.1")
    brake.begin("ada", "10.0.0.2")
    brake.begin("bob", "10.0.0.1")
    for _ in range(20):
        await clock.advance(900)
        brake.begin("ada", "10.0.0.1")
    with pytest.raises(TooManyRequests) as refused:
        brake.begin("ada", "10.0.0.1")
    assert refused.value.retry_after == lockout.LONGEST_WAIT
    await clock.advance(lockout.FORGOTTEN_AFTER + 1)
    for _ in range(3):
        brake.begin("ada", "10.0.0.1")


def test_a_right_password_forgives_and_names_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockout, "KEPT", 2)
    brake = Lockout(2, FakeClock())
    for _ in range(5):
        brake.begin("ada", "10.0.0.1")
        brake.succeeded("ada", "10.0.0.1")
    for name in "abcdef":
        brake.begin(name, "10.0.0.1")
    assert len(brake._tries) == 2


def test_each_role_holds_what_the_next_one_holds() -> None:
    permissions = Permissions()
    permissions.install(PermissionSnapshot(grants={user(role): {"*": patterns} for role, patterns in ROLES.items()}))
    roles = list(ROLES)
    for role, lower in pairwise(roles):
        for pattern in ROLES[lower]:
            assert permissions.allows(user(role), pattern.replace(">", "thing.read"), "default"), (role, pattern)
    assert not permissions.allows(user("viewer"), "tools.tool.run", "default")
    assert not permissions.allows(user("viewer"), "audit.entry.read", "default")
    assert not permissions.allows(user("editor"), "bots.account.write", "default")
    assert not permissions.allows(user("manager"), "secrets.secret.reveal", "default")
    assert not permissions.allows(user("admin"), "backup.archive.read", "default")
    assert highest({"viewer", "manager"}) == "manager"
    assert highest(set()) == ""
