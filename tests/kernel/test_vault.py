"""The vault: what it opens, what it refuses, and how the start stops when the key is not the right one."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivesphere.kernel import principals
from vivesphere.kernel.errors import StartError
from vivesphere.kernel.vault import CHECK_FILE, KEY_FILE, Vault, VaultError

KEY = bytes(range(32))
BOTS = principals.module("bots")
VAULT = Vault(KEY)
SEALED = VAULT.seal(b"swordfish", owner=BOTS, record="default/irc")


class Log:
    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []

    def warning(self, event: str, /, **fields: object) -> None:
        self.lines.append((event, fields))


@pytest.fixture
def log() -> Log:
    return Log()


@given(plain=st.binary(max_size=2000), owner=st.text(max_size=40), record=st.text(max_size=40))
def test_what_was_sealed_comes_back(plain: bytes, owner: str, record: str) -> None:
    sealed = VAULT.seal(plain, owner=principals.Principal(owner), record=record)
    assert VAULT.unseal(sealed, owner=principals.Principal(owner), record=record) == plain
    assert len(plain) < 8 or plain not in sealed


@given(bit=st.integers(0, 8 * len(SEALED) - 1))
def test_any_flipped_bit_fails(bit: int) -> None:
    changed = bytearray(SEALED)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(VaultError):
        VAULT.unseal(bytes(changed), owner=BOTS, record="default/irc")


@given(length=st.integers(0, len(SEALED) - 1))
def test_any_truncation_fails(length: int) -> None:
    with pytest.raises(VaultError):
        VAULT.unseal(SEALED[:length], owner=BOTS, record="default/irc")


@given(owner=st.text(max_size=20), record=st.text(max_size=20), shift=st.integers(1, 19))
def test_it_opens_for_no_other_owner_or_record(owner: str, record: str, shift: int) -> None:
    """Also not when the characters only move from the one to the other."""
    sealed = VAULT.seal(b"x", owner=principals.Principal(owner), record=record)
    joined = owner + record
    for other_owner, other_record in ((joined[:shift], joined[shift:]), (owner + "x", record), (owner, record + "x")):
        if (other_owner, other_record) != (owner, record):
            with pytest.raises(VaultError, match="another owner or record"):
                VAULT.unseal(sealed, owner=principals.Principal(other_owner), record=other_record)


def test_the_same_bytes_sealed_twice_look_different() -> None:
    assert VAULT.seal(b"x", owner=BOTS, record="r") != VAULT.seal(b"x", owner=BOTS, record="r")


def test_the_body_of_one_record_does_not_open_with_the_data_key_of_another() -> None:
    first, second = (VAULT.seal(text, owner=BOTS, record="r") for text in (b"one", b"two"))
    header_and_key = 9 + 12 + 48
    with pytest.raises(VaultError):
        VAULT.unseal(first[:header_and_key] + second[header_and_key:], owner=BOTS, record="r")


def test_another_master_key_is_named_as_the_reason() -> None:
    other = Vault(bytes(32))
    assert not other.opens(SEALED)
    with pytest.raises(VaultError, match="another master key"):
        other.unseal(SEALED, owner=BOTS, record="default/irc")


def test_the_key_shows_in_no_repr() -> None:
    assert repr(VAULT) == f"Vault(key_id='{VAULT.key_id}')"
    assert KEY.hex() not in repr(vars(VAULT))


def test_the_first_start_makes_a_key_file_and_says_to_back_it_up(tmp_path: Path, log: Log) -> None:
    sealed = Vault.open(tmp_path, None, log).seal(b"x", owner=BOTS, record="r")
    assert {path.name for path in tmp_path.iterdir()} == {KEY_FILE, CHECK_FILE}
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    [(sentence, fields)] = log.lines
    assert "back up" in sentence
    assert fields == {"key": str(tmp_path / KEY_FILE), "check": str(tmp_path / CHECK_FILE)}
    again = Vault.open(tmp_path, None, log)
    assert again.unseal(sealed, owner=BOTS, record="r") == b"x"
    assert len(log.lines) == 1


def test_a_start_that_died_between_key_and_check_goes_on_with_that_key(tmp_path: Path, log: Log) -> None:
    first = Vault.open(tmp_path, None, log)
    (tmp_path / CHECK_FILE).unlink()
    assert Vault.open(tmp_path, None, log).key_id == first.key_id


def test_a_lost_key_file_is_not_replaced(tmp_path: Path, log: Log) -> None:
    Vault.open(tmp_path, None, log)
    (tmp_path / KEY_FILE).unlink()
    with pytest.raises(StartError, match=r"master\.key is gone"):
        Vault.open(tmp_path, None, log)
    assert not (tmp_path / KEY_FILE).exists()


def test_a_key_file_that_others_may_read_is_refused_with_the_command(tmp_path: Path, log: Log) -> None:
    Vault.open(tmp_path, None, log)
    (tmp_path / KEY_FILE).chmod(0o640)
    with pytest.raises(StartError, match=f"chmod 600 {tmp_path / KEY_FILE}"):
        Vault.open(tmp_path, None, log)


def test_another_key_file_is_refused(tmp_path: Path, log: Log) -> None:
    Vault.open(tmp_path, None, log)
    (tmp_path / KEY_FILE).write_text(base64.b64encode(KEY).decode())
    with pytest.raises(StartError, match="is not the one this data directory was first opened with"):
        Vault.open(tmp_path, None, log)


def test_a_key_file_that_holds_no_key_is_refused(tmp_path: Path, log: Log) -> None:
    Vault.open(tmp_path, None, log)
    (tmp_path / KEY_FILE).write_bytes(b"\xff" * 44)
    with pytest.raises(StartError, match="does not hold a master key"):
        Vault.open(tmp_path, None, log)


def test_a_key_file_that_is_a_directory_is_refused(tmp_path: Path, log: Log) -> None:
    (tmp_path / KEY_FILE).mkdir()
    with pytest.raises(StartError, match="cannot be read"):
        Vault.open(tmp_path, None, log)


def test_a_data_directory_that_cannot_be_written_is_named(tmp_path: Path, log: Log) -> None:
    with pytest.raises(StartError, match="cannot be written"):
        Vault.open(tmp_path / "missing", None, log)


@pytest.mark.parametrize("text", [KEY.hex(), KEY.hex().upper(), base64.b64encode(KEY).decode()])
def test_a_key_in_hex_or_base64_is_that_key_and_leaves_no_key_file(tmp_path: Path, log: Log, text: str) -> None:
    assert Vault.open(tmp_path, text, log).key_id == VAULT.key_id
    assert not (tmp_path / KEY_FILE).exists()
    assert not log.lines


def test_base64_may_be_url_safe(tmp_path: Path, log: Log) -> None:
    key = b"\xff" * 32
    assert Vault.open(tmp_path, base64.urlsafe_b64encode(key).decode(), log).key_id == Vault(key).key_id


def test_a_passphrase_gives_the_same_key_at_every_start_and_another_elsewhere(tmp_path: Path, log: Log) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    phrase = "correct horse battery staple"
    first = Vault.open(here, phrase, log)
    assert Vault.open(here, phrase, log).key_id == first.key_id
    assert Vault.open(there, phrase, log).key_id != first.key_id
    assert phrase not in (here / CHECK_FILE).read_text()
    with pytest.raises(StartError, match="from VIVESPHERE_MASTER_KEY is not the one"):
        Vault.open(here, phrase + "!", log)


@pytest.mark.parametrize("text", ["g" * 64, "!" * 44, "A" * 44])
def test_what_only_has_the_length_of_a_key_is_a_passphrase(tmp_path: Path, log: Log, text: str) -> None:
    assert Vault.open(tmp_path, text, log).key_id != VAULT.key_id


def test_a_short_passphrase_is_refused_and_not_repeated(tmp_path: Path, log: Log) -> None:
    with pytest.raises(StartError, match="at least 16 characters") as refused:
        Vault.open(tmp_path, "tooshort1234567", log)
    assert "tooshort" not in str(refused.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"{}", b"not json", b'{"salt": 3, "check": 4}'])
def test_a_damaged_check_file_is_refused(tmp_path: Path, log: Log, content: bytes) -> None:
    (tmp_path / CHECK_FILE).write_bytes(content)
    with pytest.raises(StartError, match="is damaged"):
        Vault.open(tmp_path, None, log)


def test_a_check_file_from_the_future_is_refused(tmp_path: Path, log: Log) -> None:
    Vault.open(tmp_path, None, log)
    written = json.loads((tmp_path / CHECK_FILE).read_text())
    (tmp_path / CHECK_FILE).write_text(json.dumps(written | {"format": 2}))
    with pytest.raises(StartError, match="newer ViveSphere"):
        Vault.open(tmp_path, None, log)


def test_a_check_file_that_is_a_directory_is_refused(tmp_path: Path, log: Log) -> None:
    (tmp_path / CHECK_FILE).mkdir()
    with pytest.raises(StartError, match="cannot be read"):
        Vault.open(tmp_path, None, log)
