"""One process holds a data directory."""

import os
from pathlib import Path

import pytest

from vivesphere.kernel.data_directory import DataDirectory
from vivesphere.kernel.errors import StartError


def test_it_is_made_private_and_held_by_one(tmp_path: Path) -> None:
    first, second = DataDirectory(tmp_path / "new" / "data"), DataDirectory(tmp_path / "new" / "data")
    assert second.holder() is None
    first.hold()
    assert second.holder() == str(os.getpid())
    assert first.path.stat().st_mode & 0o777 == 0o700
    with pytest.raises(StartError, match=f"in use by process {os.getpid()}; stop that one"):
        second.hold()
    first.release()
    first.release()
    assert second.holder() is None
    second.hold()
    second.release()
    assert second.database.parent == second.operator_socket.parent == tmp_path / "new" / "data"


def test_one_that_cannot_be_written_is_a_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match=r"cannot be written \(Not a directory\); give it to this user or name another"):
        DataDirectory(tmp_path / "file" / "data").hold()
