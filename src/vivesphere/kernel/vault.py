"""The vault: seals bytes so that only their owner's record opens them again, and only with this installation's master key.

Envelope encryption, AES-256-GCM (NIST SP 800-38D) twice: a data key made for the one record seals it, the master key seals the
data key. A sealed record, format 1:

    version 1 | master key id 8 | nonce 12 | sealed data key 48 | nonce 12 | sealed bytes n + 16

Both seals authenticate version, key id, owner and record, so a sealed value moved to another record or owner does not open.

The master key is VIVESPHERE_MASTER_KEY, else the file `master.key` in the data directory, made on the first start. The variable
is a key if it is 32 bytes in base64 (44 characters, `openssl rand -base64 32`) or hex (64), else a passphrase of at least 16
characters, stretched by Argon2id (RFC 9106, the second recommended option) with the salt in `vault.json`.

`vault.json` lies in the data directory beside the key and holds the salt and a sealed check value, nothing secret. It is how a
wrong or lost key stops the start instead of being replaced by a new key that opens nothing. A backup needs both files.
"""

import base64
import binascii
import hashlib
import os
import secrets
from pathlib import Path
from typing import Final, Protocol

import msgspec
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vivesphere.kernel.errors import StartError, ViveSphereError
from vivesphere.kernel.principals import SYSTEM, Principal

KEY_FILE = "master.key"
CHECK_FILE = "vault.json"

_VERSION: Final = b"\x01"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_KEY_ID_BYTES = 8
_HEADER_BYTES = len(_VERSION) + _KEY_ID_BYTES
_WRAPPED_BYTES = _NONCE_BYTES + _KEY_BYTES + _TAG_BYTES
_SHORTEST = _HEADER_BYTES + _WRAPPED_BYTES + _NONCE_BYTES + _TAG_BYTES
_CHECK_RECORD = "vault-check"
_PASSPHRASE_LENGTH = 16


class VaultError(ViveSphereError):
    """A sealed value does not open: it was changed, belongs to another record, or was sealed with another master key."""


class Log(Protocol):
    """The part of a logger that the vault uses."""

    def warning(self, event: str, /, **fields: object) -> object: ...


class _Check(msgspec.Struct, frozen=True, kw_only=True):
    """What `vault.json` holds. `salt` is there whatever the key is, so that a passphrase can be told from a key later."""

    format: int = 1
    salt: bytes
    check: bytes


class Vault:
    """Seals and unseals under one master key. Its `repr` shows the key's id alone."""

    def __init__(self, master_key: bytes) -> None:
        self._master = AESGCM(master_key)
        self._header = _VERSION + hashlib.blake2b(master_key, digest_size=_KEY_ID_BYTES, person=b"vs master key id").digest()

    def __repr__(self) -> str:
        return f"Vault(key_id={self.key_id!r})"

    @property
    def key_id(self) -> str:
        """Names the master key without giving it away; every sealed value carries it."""
        return self._header[1:].hex()

    @classmethod
    def open(cls, data_dir: Path, master_key: str | None, log: Log) -> "Vault":
        """Open the vault of a data directory that exists and is locked by this process.

        StartError: no usable key, or not the key that this data directory was first opened with.
        """
        check = _read_check(data_dir / CHECK_FILE)
        salt = check.salt if check else secrets.token_bytes(16)
        if master_key is not None:
            vault = cls(_key_from_text(master_key, salt))
        else:
            vault = cls(_key_from_file(data_dir / KEY_FILE, may_make=check is None, log=log))
        if check is None:
            sealed = vault.seal(b"", owner=SYSTEM, record=_CHECK_RECORD)
            _create(data_dir / CHECK_FILE, msgspec.json.encode(_Check(salt=salt, check=sealed)))
        else:
            vault._verify(check, f"the key file {data_dir / KEY_FILE}" if master_key is None else "VIVESPHERE_MASTER_KEY")
        return vault

    def opens(self, sealed: bytes) -> bool:
        """Whether it was sealed under this master key. It may still have been tampered with."""
        return sealed[:_HEADER_BYTES] == self._header

    def seal(self, plain: bytes, *, owner: Principal, record: str) -> bytes:
        """Seal `plain` for that owner's record. The same bytes sealed twice look different."""
        data_key = AESGCM.generate_key(bit_length=8 * _KEY_BYTES)
        binding = self._header + _binding(owner, record)
        return (
            self._header
            + _encrypt(self._master, data_key, b"data key" + binding)
            + _encrypt(AESGCM(data_key), plain, b"record" + binding)
        )

    def unseal(self, sealed: bytes, *, owner: Principal, record: str) -> bytes:
        """What was sealed for that owner's record. VaultError says why not, never what is inside."""
        if len(sealed) < _SHORTEST or sealed[:1] != _VERSION:
            raise VaultError("The sealed value is not in a format that this version of ViveSphere knows.")
        if not self.opens(sealed):
            raise VaultError(f"The value was sealed with another master key ({sealed[1:_HEADER_BYTES].hex()}).")
        binding = self._header + _binding(owner, record)
        wrapped, body = sealed[_HEADER_BYTES : _HEADER_BYTES + _WRAPPED_BYTES], sealed[_HEADER_BYTES + _WRAPPED_BYTES :]
        try:
            data_key = _decrypt(self._master, wrapped, b"data key" + binding)
            return _decrypt(AESGCM(data_key), body, b"record" + binding)
        except InvalidTag:
            raise VaultError("The sealed value was changed, or belongs to another owner or record.") from None

    def _verify(self, check: _Check, source: str) -> None:
        try:
            self.unseal(check.check, owner=SYSTEM, record=_CHECK_RECORD)
        except VaultError as error:
            raise StartError(
                f"The master key from {source} is not the one this data directory was first opened with: put the right key "
                f"back, or restore {KEY_FILE} and {CHECK_FILE} from the same backup."
            ) from error


def _binding(owner: Principal, record: str) -> bytes:
    """The owner's length goes first, so that no other pair gives the same bytes."""
    name = owner.encode()
    return len(name).to_bytes(4, "big") + name + record.encode()


def _encrypt(key: AESGCM, plain: bytes, bound_to: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + key.encrypt(nonce, plain, bound_to)


def _decrypt(key: AESGCM, sealed: bytes, bound_to: bytes) -> bytes:
    return key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to)


def _key_from_text(text: str, salt: bytes) -> bytes:
    """A passphrase that looks like a key is taken as one: both ways lead to the same key at every start."""
    if (key := _decoded_key(text)) is not None:
        return key
    if len(text) < _PASSPHRASE_LENGTH:
        raise StartError(
            "VIVESPHERE_MASTER_KEY is too short: give 32 bytes in base64 or hex, or a passphrase of at least "
            f"{_PASSPHRASE_LENGTH} characters."
        )
    return hash_secret_raw(
        text.encode(), salt, time_cost=3, memory_cost=64 * 1024, parallelism=4, hash_len=_KEY_BYTES, type=Type.ID
    )


def _decoded_key(text: str) -> bytes | None:
    try:
        match len(text):
            case 64:
                return bytes.fromhex(text)
            case 44:
                key = base64.b64decode(text, altchars=b"-_" if set(text) & {"-", "_"} else None, validate=True)
                return key if len(key) == _KEY_BYTES else None
    except (ValueError, binascii.Error):
        return None
    return None


def _key_from_file(path: Path, *, may_make: bool, log: Log) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            text = file.read(256)
    except FileNotFoundError:
        if may_make:
            return _make_key_file(path, log)
        raise StartError(
            f"The key file {path} is gone, and without it no stored secret can be read: put it back from your backup, or set "
            "VIVESPHERE_MASTER_KEY if that is where the key was. Only if no stored secret matters any more, remove "
            f"{CHECK_FILE} beside it to begin with a new key."
        ) from None
    except OSError as error:
        raise StartError(f"The key file {path} cannot be read: {error.strerror}.") from error
    if mode & 0o077:
        raise StartError(
            f"The key file {path} can be read by others (mode {mode:04o}): run `chmod 600 {path}` and start again."
        )
    if (key := _decoded_key(text.decode("ascii", errors="replace").strip())) is None:
        raise StartError(f"The key file {path} does not hold a master key: put it back from your backup.")
    return key


def _make_key_file(path: Path, log: Log) -> bytes:
    key = secrets.token_bytes(_KEY_BYTES)
    _create(path, base64.b64encode(key) + b"\n")
    log.warning(
        "a new master key was made: back up these files, without them every stored secret is lost",
        key=str(path),
        check=str(path.with_name(CHECK_FILE)),
    )
    return key


def _create(path: Path, content: bytes) -> None:
    """Make the file whole or not at all, 0600 from its first moment. The data directory's lock keeps other writers away."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(path)
        finally:
            unfinished.unlink(missing_ok=True)
        _sync_directory(path.parent)
    except OSError as error:
        raise StartError(f"The file {path} cannot be written: {error.strerror}.") from error


def _sync_directory(path: Path) -> None:
    """Without it the new name may not survive a power cut, while what it sealed does."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_check(path: Path) -> _Check | None:
    try:
        check = msgspec.json.decode(path.read_bytes(), type=_Check)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StartError(f"The file {path} cannot be read: {error.strerror}.") from error
    except msgspec.DecodeError as error:
        raise StartError(f"The file {path} is damaged: put it back from your backup.") from error
    if check.format != 1:
        raise StartError(f"The file {path} was written by a newer ViveSphere: start that version, or restore an older backup.")
    return check
