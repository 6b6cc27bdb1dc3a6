"""Sealed backups: they open with their passphrase, whole, or not at all."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from vivesphere.kernel.db.backup import sealing
from vivesphere.kernel.db.backup.errors import BackupDamaged, BackupError, PassphraseWrong
from vivesphere.kernel.db.backup.sealing import CHUNK, Manifest, is_sealed, manifest_of, seal, unseal

PASSPHRASE = "correct horse battery staple"
MANIFEST = Manifest(
    revision="0001", made_at=datetime(2026, 1, 5, tzinfo=UTC), database="sqlite", release="1.0", rows={"users": 1}
)


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key costs what it is worth, and a test that opens a thousand times would take minutes."""

    def derive(secret: bytes, salt: bytes, **_cost: Any) -> bytes:
        return hashlib.sha256(secret + salt).digest()

    monkeypatch.setattr(sealing, "hash_secret_raw", derive)


def sealed_file(tmp_path: Path, plain: bytes, passphrase: str = PASSPHRASE) -> Path:
    source, file = tmp_path / "plain", tmp_path / "sealed"
    source.write_bytes(plain)
    seal(source, file, passphrase, MANIFEST)
    return file


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 7])
def test_what_is_sealed_opens(tmp_path: Path, size: int) -> None:
    plain = bytes(each % 251 for each in range(size))
    told: list[tuple[str, int, int]] = []
    file = sealed_file(tmp_path, plain)
    assert is_sealed(file)
    assert manifest_of(file) == MANIFEST
    assert unseal(file, tmp_path / "opened", PASSPHRASE, lambda *each: told.append(each)) == MANIFEST
    assert (tmp_path / "opened").read_bytes() == plain
    assert told[-1] == ("decrypted", size, size)
    assert unseal(file, None, PASSPHRASE) == MANIFEST


def test_nothing_of_it_can_be_read_and_nothing_repeats(tmp_path: Path, cheap: None) -> None:
    plain = b"a secret of somebody's " * 1000
    first = sealed_file(tmp_path, plain).read_bytes()
    assert b"secret of" not in first
    assert sealed_file(tmp_path, plain).read_bytes() != first


def test_another_passphrase_opens_nothing(tmp_path: Path) -> None:
    with pytest.raises(PassphraseWrong, match="not the one it was made with"):
        unseal(sealed_file(tmp_path, b"x"), None, PASSPHRASE + "!")


def test_a_short_passphrase_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PassphraseWrong, match="at least 12 characters"):
        sealed_file(tmp_path, b"x", "elevenchars")


def test_every_changed_byte_and_every_cut_is_noticed(tmp_path: Path, cheap: None) -> None:
    file = sealed_file(tmp_path, b"the whole database" * 10)
    whole = file.read_bytes()
    for place in range(len(whole)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(BackupError):
            unseal(file, None, PASSPHRASE)
        file.write_bytes(whole[:place])
        with pytest.raises(BackupError):
            unseal(file, None, PASSPHRASE)
        with pytest.raises(BackupDamaged):
            manifest_of(file)
    file.write_bytes(whole + b"\0")
    with pytest.raises(BackupDamaged, match="cut short or changed"):
        unseal(file, None, PASSPHRASE)
    with pytest.raises(BackupDamaged, match="something was added"):
        manifest_of(file)


def test_chunks_cannot_be_moved_left_out_or_repeated(tmp_path: Path, cheap: None) -> None:
    file = sealed_file(tmp_path, bytes(3 * CHUNK))
    whole = file.read_bytes()
    size = CHUNK + 16
    front, chunks = whole[: -3 * size], [whole[len(whole) - left * size :][:size] for left in (3, 2, 1)]
    assert b"".join([front, *chunks]) == whole
    for order in ([1, 0, 2], [0, 2, 1], [0, 0, 2], [2, 1, 0], [0, 1], [0, 2], [0, 1, 1]):
        file.write_bytes(b"".join([front, *(chunks[each] for each in order)]))
        with pytest.raises(BackupDamaged, match="cut short or changed"):
            unseal(file, None, PASSPHRASE)


def test_chunks_of_another_backup_of_the_same_passphrase_do_not_fit(tmp_path: Path, cheap: None) -> None:
    (one,) = [sealed_file(tmp_path, bytes(100)).read_bytes()]
    other = sealed_file(tmp_path, bytes(100)).read_bytes()
    (tmp_path / "sealed").write_bytes(one[:-116] + other[-116:])
    with pytest.raises(BackupDamaged):
        unseal(tmp_path / "sealed", None, PASSPHRASE)


def with_header(tmp_path: Path, **changed: Any) -> Path:
    """A file whose beginning says something else."""
    file = sealed_file(tmp_path, b"x")
    whole = file.read_bytes()
    length = int.from_bytes(whole[8:12], "big")
    header = msgspec.json.encode(msgspec.json.decode(whole[12 : 12 + length]) | changed)
    file.write_bytes(whole[:8] + len(header).to_bytes(4, "big") + header + whole[12 + length :])
    return file


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"format": 2}, "newer ViveSphere"),
        ({"memory": 1 << 30}, "no ViveSphere writes"),
        ({"passes": 10_000}, "no ViveSphere writes"),
        ({"chunk": 0}, "no ViveSphere writes"),
        ({"salt": ""}, "no ViveSphere writes"),
        ({"plain_bytes": "many"}, "beginning was changed"),
    ],
)
def test_a_beginning_that_asks_for_too_much_is_refused(tmp_path: Path, cheap: None, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(BackupDamaged, match=said):
        unseal(with_header(tmp_path, **changed), None, PASSPHRASE)


def test_what_it_says_of_itself_cannot_be_changed_without_being_noticed(tmp_path: Path, cheap: None) -> None:
    file = with_header(tmp_path, passes=4)
    with pytest.raises(PassphraseWrong, match="beginning was changed"):
        unseal(file, None, PASSPHRASE)


def test_another_file_is_no_sealed_backup(tmp_path: Path) -> None:
    file = tmp_path / "letter"
    for content in (b"", b"VSBACKUP", b"VSBACKUP\xff\xff\xff\xff", b"Dear Ada, " * 10):
        file.write_bytes(content)
        with pytest.raises(BackupDamaged, match="not a sealed backup"):
            manifest_of(file)
