"""The database's URL, in the spellings people use."""

from pathlib import Path

import pytest

from vivesphere.kernel.db.location import database_file
from vivesphere.kernel.errors import StartError

DEFAULT = Path("/var/lib/vivesphere/vivesphere.db")


@pytest.mark.parametrize(
    ("url", "file"),
    [
        (None, DEFAULT),
        ("", DEFAULT),
        ("sqlite:////srv/vive.db", Path("/srv/vive.db")),
        ("sqlite+aiosqlite:////srv/vive.db", Path("/srv/vive.db")),
        ("sqlite+pysqlite:////srv/vive.db?timeout=5", Path("/srv/vive.db")),
        ("sqlite:///here/vive.db", Path.cwd() / "here/vive.db"),
        ("/srv/vive.db", Path("/srv/vive.db")),
        ("vive.db", Path.cwd() / "vive.db"),
        ("~/vive.db", Path.home() / "vive.db"),
    ],
)
def test_a_file_is_found(url: str | None, file: Path) -> None:
    assert database_file(url, DEFAULT) == file


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://vive:hunter2@localhost/vive", "PostgreSQL is not supported yet"),
        ("postgresql+psycopg://vive:hunter2@localhost/vive", "PostgreSQL is not supported yet"),
        ("postgres://vive:hunter2@localhost/vive", "PostgreSQL is not supported yet"),
        ("mysql://vive:hunter2@localhost/vive", "not understood"),
        ("postgresql:/vive:hunter2@localhost/vive", "not understood"),
        (":::", "not understood"),
        ("sqlite://hunter2/vive.db", "not understood"),
        ("sqlite://", "not understood"),
        ("sqlite:///", "has to be a file"),
        ("sqlite:///:memory:", "has to be a file"),
        (":memory:", "has to be a file"),
        ("sqlite:///file:vive?mode=memory&uri=true", "has to be a file"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence_without_the_password(url: str, says: str) -> None:
    with pytest.raises(StartError, match=says) as caught:
        database_file(url, DEFAULT)
    assert "hunter2" not in str(caught.value)
