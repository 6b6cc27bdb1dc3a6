"""Every table has one owner, and nobody's key reaches into another's house."""

import ast
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase
from tests.architecture.source import HOUSE, python_files, shown, tree
from tests.support.application import running

from vivesphere import tables
from vivesphere.kernel import principals
from vivesphere.kernel.db.migrate import VERSION_TABLE
from vivesphere.kernel.db.ownership import owners_of
from vivesphere.kernel.principals import SYSTEM

HERE = {__name__: principals.module("here"), "elsewhere": principals.module("elsewhere")}


@pytest.fixture
def registry() -> Iterator[Any]:
    class Registry(DeclarativeBase):
        metadata = sa.MetaData()

    Registry.kept = []
    yield Registry
    Registry.registry.dispose()


def declare(registry: Any, name: str, *columns: sa.Column[Any], module: str = __name__) -> Any:
    table = sa.Table(name, registry.metadata, sa.Column("id", sa.Integer, primary_key=True), *columns)
    made = type(f"Model_{name}_{module}", (registry,), {"__table__": table, "__module__": module})
    # SQLAlchemy holds its classes weakly; a real model is held by its module.
    registry.kept.append(made)
    return made


def test_the_house_itself_is_in_order() -> None:
    owners = tables.owners()
    assert owners["event_log"] == owners["table_metadata"] == SYSTEM
    assert set(owners.values()) <= {SYSTEM, *(principals.module(name) for name in tables.MODULES)}


async def test_every_table_that_the_migrations_make_is_registered_and_no_other(tmp_path: Path) -> None:
    """The real server's database: what stands in the file, what the policy knows, and what the models declare are the same."""
    async with running(tmp_path) as server:
        known = server.application.database.access.describe()
        with closing(sqlite3.connect(tmp_path / "data" / "vivesphere.db")) as raw:
            present = {name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    core, others = ([table for table in known if table.is_system is system] for system in (True, False))
    assert {table.name: table.owner for table in core} == tables.owners()
    assert {(table.access_level, table.project) for table in core} == {("locked", None)}
    assert {table.access_level for table in others} <= {"protected"}, "what bundled plugins declare"
    assert present - {table.name for table in known} == {VERSION_TABLE, "sqlite_sequence"}


def test_no_table_of_the_core_is_declared_outside_of_a_models_file() -> None:
    """A model elsewhere would be found only once somebody imports it."""
    declaring = {
        path
        for path in python_files(HOUSE)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Assign | ast.AnnAssign) and "__tablename__" in ast.unparse(node).partition("=")[0]
    }
    assert declaring
    assert not [shown(path) for path in declaring if path.name != "models.py"]


def test_the_owner_is_the_module_that_declares(registry: Any) -> None:
    declare(registry, "one")
    declare(registry, "two", module="elsewhere")
    assert owners_of(HERE, registry) == {"one": principals.module("here"), "two": principals.module("elsewhere")}


def test_a_table_declared_twice_is_refused(registry: Any) -> None:
    first = declare(registry, "one")
    registry.kept.append(type("Again", (registry,), {"__table__": first.__table__, "__module__": "elsewhere"}))
    with pytest.raises(TypeError, match="one is declared twice"):
        owners_of(HERE, registry)


def test_a_table_that_no_class_declares_is_refused(registry: Any) -> None:
    sa.Table("loose", registry.metadata, sa.Column("id", sa.Integer, primary_key=True))
    with pytest.raises(TypeError, match="no class declares loose"):
        owners_of(HERE, registry)


def test_a_table_of_a_stranger_is_refused(registry: Any) -> None:
    declare(registry, "one", module="somewhere")
    with pytest.raises(TypeError, match="declared in somewhere"):
        owners_of(HERE, registry)


@pytest.mark.parametrize("name", ["ext_quotes__items", "data_leads"])
def test_a_reserved_name_is_refused(registry: Any, name: str) -> None:
    declare(registry, name)
    with pytest.raises(TypeError, match="begins like"):
        owners_of(HERE, registry)


def test_a_foreign_key_stays_in_its_module(registry: Any) -> None:
    declare(registry, "one")
    declare(registry, "two", sa.Column("one", sa.ForeignKey("one.id")))
    assert set(owners_of(HERE, registry)) == {"one", "two"}
    declare(registry, "three", sa.Column("one", sa.ForeignKey("one.id")), module="elsewhere")
    with pytest.raises(TypeError, match="three to one leaves"):
        owners_of(HERE, registry)
