"""Passwords: what they must be, and Argon2id (RFC 9106) on threads, few at a time."""

import asyncio
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from vivesphere.kernel.errors import FieldError
from vivesphere.modules.auth.errors import PasswordRefused
from vivesphere.modules.auth.settings import AuthSettings

SHORTEST = 8
LONGEST = 256


class Passwords:
    """Hashes and verifies. Both take the same time for everybody, the unknown included."""

    def __init__(self, settings: AuthSettings) -> None:
        self._hasher = PasswordHasher(
            time_cost=settings.argon2_passes, memory_cost=settings.argon2_memory_kib, parallelism=settings.argon2_lanes
        )
        # Each hash takes its memory: without a limit, a hundred sign-ins at once would take gigabytes.
        self._slots = asyncio.Semaphore(settings.hashes_at_once)
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """Raises PasswordRefused for a password that is too short or too long."""
        check_password(password)
        return await self.renew(password)

    async def renew(self, password: str) -> str:
        """Hash a password that was accepted before, whatever the rules are today."""
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, normalized(password))

    async def verify(self, password: str, known: str | None) -> bool:
        """Whether the password fits; `known` is None for a user that does not exist, and takes as long."""
        async with self._slots:
            return await asyncio.to_thread(self._verify, normalized(password), known)

    def outdated(self, known: str) -> bool:
        """Whether the hash was made with other parameters than the present ones."""
        return self._hasher.check_needs_rehash(known)

    def _verify(self, password: str, known: str | None) -> bool:
        if self._nobody is None:
            self._nobody = self._hasher.hash("nobody's password")
        try:
            self._hasher.verify(known or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return known is not None


def check_password(password: str) -> None:
    """Raises PasswordRefused, saying why."""
    length = len(normalized(password))
    if SHORTEST <= length <= LONGEST:
        return
    detail = f"must have {SHORTEST} to {LONGEST} characters; it has {length}"
    raise PasswordRefused(f"The password {detail}.", [FieldError("/password", detail)])


def normalized(password: str) -> str:
    """NFKC, so that a password typed on another keyboard is the same one (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
