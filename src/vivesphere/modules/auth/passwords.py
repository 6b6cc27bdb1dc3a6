"""Passwords: what they must be, and Argon2id (RFC 9106) on threads, few at a time."""

import asyncio
import unicodedata
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from vivesphere.kernel.errors import FieldError, TooManyRequests
from vivesphere.modules.auth.common_passwords import is_common
from vivesphere.modules.auth.errors import PasswordRefused
from vivesphere.modules.auth.settings import AuthSettings

P = ParamSpec("P")
R = TypeVar("R")

SHORTEST = 8
LONGEST = 256
PRODUCT = "vivesphere"


class Passwords:
    """Hashes and verifies. Both take the same time for everybody, the unknown included."""

    def __init__(self, settings: AuthSettings) -> None:
        self._hasher = PasswordHasher(
            time_cost=settings.argon2_passes, memory_cost=settings.argon2_memory_kib, parallelism=settings.argon2_lanes
        )
        # Each hash takes its memory: without a limit, a hundred sign-ins at once would take gigabytes. The threads are its own,
        # so that a burst of sign-ins does not hold up what else waits for a thread.
        self._threads = ThreadPoolExecutor(settings.hashes_at_once, "argon2")
        self._room = settings.hashes_at_once + settings.hashes_waiting
        self._asked = 0
        self._nobody: str | None = None

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def hash(self, password: str, username: str, pointer: str = "/password") -> str:
        """Raises PasswordRefused for one that is too short, too long, or among the first that anybody would try; `pointer` says
        where it stood in what was sent."""
        async with self._turn():
            return await self._on_thread(self._checked_hash, normalized(password), username, pointer)

    async def renew(self, password: str) -> str:
        """Hash a password that was accepted before, whatever the rules are today."""
        async with self._turn():
            return await self._on_thread(self._hasher.hash, normalized(password))

    async def verify(self, password: str, known: str | None) -> bool:
        """Whether the password fits; `known` is None for a user that does not exist, and takes as long.

        Raises TooManyRequests while too many wait already.
        """
        async with self._turn():
            return bool(await self._on_thread(self._verify, normalized(password), known))

    def outdated(self, known: str) -> bool:
        """Whether the hash was made with other parameters than the present ones."""
        return self._hasher.check_needs_rehash(known)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._asked >= self._room:
            raise TooManyRequests("Too many people sign in at this moment; try again in some seconds.", 2.0)
        self._asked += 1
        try:
            yield
        finally:
            self._asked -= 1

    async def _on_thread(self, work: Callable[P, R], *arguments: P.args, **_: P.kwargs) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    def _checked_hash(self, password: str, username: str, pointer: str) -> str:
        check_password(password, username, pointer)
        return self._hasher.hash(password)

    def _verify(self, password: str, known: str | None) -> bool:
        if self._nobody is None:
            self._nobody = self._hasher.hash("nobody's password")
        try:
            self._hasher.verify(known or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return known is not None


def check_password(password: str, username: str = "", pointer: str = "/password") -> None:
    """Raises PasswordRefused, saying why. No rules of composition (ASVS 5.0, 6.2.5): they make passwords worse."""
    length = len(normalized(password))
    detail = ""
    if not SHORTEST <= length <= LONGEST:
        detail = f"must have {SHORTEST} to {LONGEST} characters; it has {length}"
    elif is_common(normalized(password), SHORTEST):
        detail = "is one of those that are tried first, because many people use it; a short sentence is better"
    elif (bare := _bare(password)) and bare in (_bare(username), PRODUCT):
        detail = "is hardly more than a name that anybody would try first; a short sentence is better"
    if detail:
        raise PasswordRefused(f"The password {detail}.", [FieldError(pointer, detail)])


def normalized(password: str) -> str:
    """NFKC, so that a password typed on another keyboard is the same one (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def _bare(text: str) -> str:
    """Without what is put before and after a name to make a password of it: `Vivesphere2026!` is `vivesphere`."""
    return normalized(text).casefold().strip("0123456789 !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
