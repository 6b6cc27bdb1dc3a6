"""The database's URL, in the spellings people use."""

from pathlib import Path

import pytest

from vivesphere.kernel.db.location import PoolSize, PostgresPlace, SqlitePlace, place_of
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
    assert place_of(url, DEFAULT) == SqlitePlace(file)


@pytest.mark.parametrize(
    "scheme", ["postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg", "postgresql+psycopg2"]
)
def test_a_server_is_found(scheme: str) -> None:
    place = place_of(f"{scheme}://vive:hunter2@db.example:5433/vive?sslmode=require", DEFAULT, PoolSize(1, 2))
    assert isinstance(place, PostgresPlace)
    shown = "postgresql+psycopg://vive:hunter2@db.example:5433/vive?sslmode=require"
    assert place.url.render_as_string(hide_password=False) == shown
    assert place.pool.most == 3
    assert str(place) == "PostgreSQL database vive on db.example"
    assert "hunter2" not in repr(place)


def test_a_servers_socket_and_asyncpgs_word_for_tls_are_understood() -> None:
    place = place_of("postgresql+asyncpg:///vive?host=/run/postgresql&ssl=prefer", DEFAULT)
    assert isinstance(place, PostgresPlace)
    assert dict(place.url.query) == {"host": "/run/postgresql", "sslmode": "prefer"}
    assert str(place) == "PostgreSQL database vive on /run/postgresql"
    assert str(place_of("postgresql:///vive", DEFAULT)) == "PostgreSQL database vive on this machine"
    assert str(place_of("postgresql:///vive?host=one&host=two", DEFAULT)) == "PostgreSQL database vive on one,two"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://vive:hunter2@localhost", "names a PostgreSQL server but no database"),
        ("postgresql://vive:hunter2@localhost:port/vive", "not understood"),
        ("postgresql+pg8000://vive:hunter2@localhost/vive", "not understood"),
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
        place_of(url, DEFAULT)
    assert "hunter2" not in str(caught.value)
