"""The sealed form of a backup: encrypted with a key from a passphrase, in chunks, so that memory stays flat.

    VSBACKUP | header's length (4 bytes, big-endian) | header (JSON) | check (16) | chunk | chunk | … | last chunk

Every chunk is AES-256-GCM under a nonce of 7 random bytes, the chunk's number (4) and whether it is the last (1): the STREAM
construction (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance, 2015).
So chunks cannot be changed, left out, put in another order or cut off at the end. The header's SHA-256 is bound to each of
them: what it says of the backup can be read without the passphrase and not changed without being noticed. The check is the
tag of an empty chunk, so that a wrong passphrase is told before gigabytes are read.
"""

import hashlib
import secrets
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Final, Literal

import msgspec
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vivesphere.kernel.db.backup.errors import BackupDamaged, PassphraseWrong
from vivesphere.kernel.db.backup.progress import Progress, untold

SHORTEST_PASSPHRASE: Final = 12
CHUNK: Final = 1 << 20

_MAGIC: Final = b"VSBACKUP"
_FORMAT: Final = 1
_LENGTH: Final = 4
_TAG: Final = 16
_MOST_HEADER: Final = 1 << 24
_CHECK_NUMBER: Final = 0xFFFF_FFFF
_MOST_MEMORY: Final = 1 << 20
"""KiB that a file may ask for to make its key: it may be a stranger's."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup says of itself. `database` is what it was made of; `rows` counts each table."""

    revision: str
    made_at: datetime
    database: Literal["sqlite", "postgresql"]
    release: str
    rows: dict[str, int]


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    format: int = _FORMAT
    salt: bytes
    passes: int = 3
    memory: int = 64 * 1024
    lanes: int = 4
    nonce: bytes
    chunk: int = CHUNK
    plain_bytes: int
    manifest: Manifest


class _Sealer:
    """The key and the place in the stream. `bound` is the digest of all that stands before the check."""

    def __init__(self, passphrase: str, header: _Header, bound: bytes) -> None:
        self._key = AESGCM(
            hash_secret_raw(
                passphrase.encode(),
                header.salt,
                time_cost=header.passes,
                memory_cost=header.memory,
                parallelism=header.lanes,
                hash_len=32,
                type=Type.ID,
            )
        )
        self._nonce = header.nonce
        self._bound = bound

    def seal(self, number: int, plain: bytes, *, last: bool) -> bytes:
        return self._key.encrypt(self._nonce_of(number, last=last), plain, self._bound)

    def open(self, number: int, sealed: bytes, *, last: bool) -> bytes:
        """Raises InvalidTag."""
        return self._key.decrypt(self._nonce_of(number, last=last), sealed, self._bound)

    def _nonce_of(self, number: int, *, last: bool) -> bytes:
        return self._nonce + number.to_bytes(4, "big") + bytes([last])


def check_passphrase(passphrase: str) -> None:
    """Raises PassphraseWrong for one that is too short to seal with."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise PassphraseWrong(f"The passphrase is too short: give at least {SHORTEST_PASSPHRASE} characters.")


def seal(plain: Path, sealed: Path, passphrase: str, manifest: Manifest, progress: Progress = untold) -> None:
    """Write the sealed form of a file over `sealed`."""
    check_passphrase(passphrase)
    whole = plain.stat().st_size
    header = _Header(salt=secrets.token_bytes(16), nonce=secrets.token_bytes(7), plain_bytes=whole, manifest=manifest)
    written = msgspec.json.encode(header)
    front = _MAGIC + len(written).to_bytes(_LENGTH, "big") + written
    sealer = _Sealer(passphrase, header, hashlib.sha256(front).digest())
    with plain.open("rb") as source, sealed.open("wb") as target:
        target.write(front + sealer.seal(_CHECK_NUMBER, b"", last=True))
        for number, last, size in _chunks(header):
            target.write(sealer.seal(number, source.read(size), last=last))
            progress("encrypted", min((number + 1) * header.chunk, whole), whole)


def is_sealed(file: Path) -> bool:
    """Whether it begins as a sealed backup does."""
    with file.open("rb") as begun:
        return begun.read(len(_MAGIC)) == _MAGIC


def manifest_of(file: Path) -> Manifest:
    """What a sealed backup says of itself; who has no passphrase cannot tell whether it is true. Raises BackupDamaged for one
    that is cut short."""
    with file.open("rb") as source:
        front, header = _front(source, file)
    if file.stat().st_size != len(front) + _TAG + header.plain_bytes + _TAG * len(list(_chunks(header))):
        raise BackupDamaged(f"{file.name} is cut short, or something was added to it; take another backup.")
    return header.manifest


def unseal(sealed: Path, plain: Path | None, passphrase: str, progress: Progress = untold) -> Manifest:
    """Write what is inside over `plain`; without one, only prove that all of it opens.

    Raises PassphraseWrong, or BackupDamaged; what stands in `plain` by then is worth nothing.
    """
    if plain is None:
        return _read_through(sealed, passphrase, None, progress)
    with plain.open("wb") as target:
        return _read_through(sealed, passphrase, target, progress)


def _read_through(sealed: Path, passphrase: str, target: IO[bytes] | None, progress: Progress) -> Manifest:
    with sealed.open("rb") as source:
        front, header = _front(source, sealed)
        sealer = _Sealer(passphrase, header, hashlib.sha256(front).digest())
        try:
            sealer.open(_CHECK_NUMBER, source.read(_TAG), last=True)
        except InvalidTag:
            raise PassphraseWrong(
                f"{sealed.name} does not open: the passphrase is not the one it was made with, or its beginning was changed."
            ) from None
        for number, last, size in _chunks(header):
            try:
                opened = sealer.open(number, source.read(size + _TAG), last=last)
            except InvalidTag:
                raise _changed(sealed) from None
            if target is not None:
                target.write(opened)
            progress("decrypted", min((number + 1) * header.chunk, header.plain_bytes), header.plain_bytes)
        if source.read(1):
            raise _changed(sealed)
    return header.manifest


def _changed(sealed: Path) -> BackupDamaged:
    return BackupDamaged(f"{sealed.name} was cut short or changed since it was made; take another backup.")


def _chunks(header: _Header) -> Iterator[tuple[int, bool, int]]:
    """Number, whether it is the last, and bytes of each chunk. There is one at least: an empty file has an empty one."""
    count = max(-(-header.plain_bytes // header.chunk), 1)
    for number in range(count):
        last = number == count - 1
        yield number, last, header.plain_bytes - number * header.chunk if last else header.chunk


def _front(source: IO[bytes], file: Path) -> tuple[bytes, _Header]:
    """All that stands before the check, and what it says. Raises BackupDamaged for what no version of ours would write."""
    begun = source.read(len(_MAGIC) + _LENGTH)
    length = int.from_bytes(begun[len(_MAGIC) :], "big")
    if not begun.startswith(_MAGIC) or len(begun) < len(_MAGIC) + _LENGTH or length > _MOST_HEADER:
        raise BackupDamaged(f"{file.name} is not a sealed backup of ViveSphere, or its beginning was changed.")
    written = source.read(length)
    try:
        known = msgspec.json.decode(written, type=_Format)
        if known.format != _FORMAT:
            raise BackupDamaged(f"{file.name} was written by a newer ViveSphere (format {known.format}); restore it with that.")
        header = msgspec.json.decode(written, type=_Header)
    except msgspec.MsgspecError:
        raise BackupDamaged(f"{file.name} was cut short or its beginning was changed; take another backup.") from None
    if not _is_sane(header):
        raise BackupDamaged(f"{file.name} has a beginning that no ViveSphere writes; take another backup.")
    return begun + written, header


class _Format(msgspec.Struct, frozen=True):
    format: int


def _is_sane(header: _Header) -> bool:
    return (
        len(header.salt) == 16
        and len(header.nonce) == 7
        and 1 <= header.passes <= 20
        and 8 * header.lanes <= header.memory <= _MOST_MEMORY
        and 1 <= header.lanes <= 64
        and 1 <= header.chunk <= 1 << 26
        and 0 <= header.plain_bytes <= header.chunk * _CHECK_NUMBER
    )
