"""Slows down guessing. Wrong passwords are counted three ways, and each count makes the next tries wait, longer each time:

- for a name from an address: the first to hold, and the only one that a person who mistypes ever meets;
- for a name from all addresses, against a guess from each of many. Addresses from which the name has signed in before are
  spared, or any stranger could keep a person out;
- from an address for all names, against one guess for each of many.

A name that does not exist is counted like any other, so that waiting tells nobody which names do.

Kept in memory, the most recent of each: a stranger cannot restart the server to be forgiven, and what strangers may write to
the disk at will they can fill it with.
"""

import ipaddress
from collections import OrderedDict
from typing import Literal

import msgspec

from vivesphere.kernel.clock import Clock
from vivesphere.kernel.errors import TooManyRequests
from vivesphere.modules.auth.settings import AuthSettings

FIRST_WAIT = 1.0
FORGOTTEN_AFTER = 3600.0
KEPT = 10_000
KEPT_ADDRESSES = 8
"""Addresses remembered for a name that has signed in."""


class _Tries(msgspec.Struct):
    failed: int
    last: float
    free_at: float


Scope = Literal["name_and_address", "name", "address"]


class Lock(msgspec.Struct, frozen=True):
    """A count has reached its limit, and the waiting begins, for so many seconds at first."""

    scope: Scope
    wait: float


class _Brake:
    """One way of counting, for at most KEPT keys."""

    def __init__(self, scope: Scope, free: int, longest: float, clock: Clock) -> None:
        self.scope = scope
        self._free = free
        self._longest = longest
        self._clock = clock
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def wait(self, key: str) -> float:
        """Seconds until the next try; zero or less for now."""
        tries = self._tries.get(key)
        return 0.0 if tries is None else tries.free_at - self._clock.monotonic()

    def count(self, key: str) -> Lock | None:
        """One more failure. The lock is said when it begins, not each time that it gets longer."""
        now = self._clock.monotonic()
        tries = self._tries.pop(key, None)
        if tries is None or now - tries.last > FORGOTTEN_AFTER:
            tries = _Tries(0, now, now)
        self._tries[key] = tries
        if len(self._tries) > KEPT:
            self._tries.popitem(last=False)
        tries.failed += 1
        tries.last = now
        over = tries.failed - self._free
        if over < 0:
            return None
        # 2**over of a patient attacker would have more digits than a float holds.
        wait = min(FIRST_WAIT * 2 ** min(over, 30), self._longest)
        tries.free_at = now + wait
        return Lock(self.scope, wait) if over == 0 else None

    def take_back(self, key: str) -> None:
        """The last try was no failure after all."""
        tries = self._tries.get(key)
        if tries is None:
            return
        tries.failed -= 1
        if tries.failed < self._free:
            tries.free_at = self._clock.monotonic()

    def forget(self, key: str) -> None:
        self._tries.pop(key, None)

    def __len__(self) -> int:
        return len(self._tries)


class Lockout:
    def __init__(self, settings: AuthSettings, clock: Clock) -> None:
        longest = settings.longest_wait_minutes * 60.0
        self._pairs = _Brake("name_and_address", settings.free_attempts, longest, clock)
        self._names = _Brake("name", settings.account_attempts, longest, clock)
        self._addresses = _Brake("address", settings.address_attempts, longest, clock)
        self._homes: OrderedDict[str, OrderedDict[str, None]] = OrderedDict()

    def begin(self, name: str, address: str) -> tuple[Lock, ...]:
        """Raises TooManyRequests while locked. The try counts as failed until `succeeded` or `not_tried` says otherwise:
        guesses that run side by side must not all pass before the first one fails. Gives the locks that begin with it."""
        counts = self._counts(name, address)
        wait = max(brake.wait(key) for brake, key in counts)
        if wait > 0:
            raise TooManyRequests(f"Too many wrong passwords; wait {wait:.0f} s and try again.", wait)
        return tuple(lock for brake, key in counts if (lock := brake.count(key)) is not None)

    def succeeded(self, name: str, address: str) -> None:
        """Forgives what was mistyped, and this try. Not what else came from the address or for the name: a guesser may well
        have an account, and who is guessed at signs in every day."""
        self.not_tried(name, address)
        self._pairs.forget(_pair(name, address))
        network = _network(address)
        homes = self._homes.pop(name, OrderedDict())
        self._homes[name] = homes
        homes[network] = None
        homes.move_to_end(network)
        if len(homes) > KEPT_ADDRESSES:
            homes.popitem(last=False)
        if len(self._homes) > KEPT:
            self._homes.popitem(last=False)

    def not_tried(self, name: str, address: str) -> None:
        """The password was not looked at."""
        for brake, key in self._counts(name, address):
            brake.take_back(key)

    def forgive(self, name: str) -> None:
        """Somebody who may has set a new password. The address it was tried from must still wait out its own."""
        self._names.forget(name)

    def _counts(self, name: str, address: str) -> list[tuple[_Brake, str]]:
        network = _network(address)
        counts = [(self._pairs, _pair(name, address)), (self._addresses, network)]
        if network not in self._homes.get(name, ()):
            counts.append((self._names, name))
        return counts


def _pair(name: str, address: str) -> str:
    return f"{_network(address)} {name}"


def _network(address: str) -> str:
    """An IPv6 client owns a /64, so that is its address here."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else address
