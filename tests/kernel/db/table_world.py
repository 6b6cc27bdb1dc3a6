"""A custom table on a real database, made as the host makes it, without the module that does so for people."""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from tests.kernel.db.world import a_world

from vivesphere.kernel.db import ddl
from vivesphere.kernel.db.access import KEEPER, TableDescription
from vivesphere.kernel.db.alteration import Alteration, altered, faults
from vivesphere.kernel.db.definition import Column, Limits, TableDefinition, completed
from vivesphere.kernel.db.handle import Database, Unit
from vivesphere.kernel.db.selections import Selection, selected
from vivesphere.kernel.db.shape import Layout, Shape, encoded, shape_of
from vivesphere.kernel.principals import Principal

R = TypeVar("R")


def described(name: str, owner: Principal = KEEPER) -> TableDescription:
    level = "user" if name.startswith("data_") else "protected"
    return TableDescription(name=name, access_level=level, owner=owner, is_system=False, project="default")  # type: ignore[arg-type]  # one of its words


@dataclass
class Made:
    """One table, and how it is spoken to as its keeper."""

    database: Database
    description: TableDescription
    definition: TableDefinition
    layout: Layout = "records"

    @property
    def name(self) -> str:
        return self.description.name

    @property
    def shape(self) -> Shape:
        return shape_of(self.name, encoded(self.definition), self.layout)

    async def alter(self, asked: Alteration) -> None:
        assert faults(self.definition, asked, Limits()) == []
        new = completed(self.name, altered(self.definition, asked))

        def rule(tx: Unit) -> None:
            ddl.alter(tx, self.description, self.definition, new, asked=asked, layout=self.layout)

        await self.database.handle(KEEPER).write(rule)
        self.definition = new
        await self.database.refresh_access()

    async def drop(self) -> None:
        await self.database.handle(KEEPER).write(ddl.drop, self.name)
        await self.database.refresh_access()

    async def insert(self, *rows: dict[str, Any]) -> None:
        await self.database.handle(KEEPER).write(
            lambda tx: [tx.execute(sa.insert(self.shape.table), row) for row in rows] and None
        )

    async def run(self, sql: str) -> list[tuple[Any, ...]]:
        def rule(tx: Unit) -> list[tuple[Any, ...]]:
            result = tx.execute(sa.text(sql))
            return [tuple(row) for row in result] if result.returns_rows else []

        return await self.database.handle(KEEPER).write(rule)

    async def select(self, asked: Selection | None = None, limit: int = 1000) -> list[dict[str, Any]]:
        def rule(tx: Unit) -> list[dict[str, Any]]:
            statement = sa.select(self.shape.table)
            wanted = statement if asked is None else selected(statement, self.shape.fields, asked)
            return [dict(row._mapping) for row in tx.execute(wanted.limit(limit))]

        return await self.database.handle(KEEPER).read(rule)


async def make(
    database: Database,
    columns: Iterable[Column],
    name: str = "data_leads",
    *,
    layout: Layout = "records",
    owner: Principal = KEEPER,
    **more: Any,
) -> Made:
    definition = completed(name, TableDefinition(columns=tuple(columns), **more))
    made = Made(database, described(name, owner), definition, layout)
    await database.handle(KEEPER).write(ddl.create, made.description, definition, layout)
    await database.refresh_access()
    return made


class Held:
    """One database for all examples of a property: to open it costs more than they do."""

    def __init__(self, folder: Path) -> None:
        self._runner = asyncio.Runner()
        self._opening = a_world(folder)
        self._made: Made | None = None

    def __enter__(self) -> "Held":
        self._world = self.run(self._opening.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._opening.__aexit__(None, None, None))
        self._runner.close()

    def run(self, doing: Coroutine[Any, Any, R]) -> R:
        return self._runner.run(doing)

    def made(self, columns: Iterable[Column]) -> Made:
        """The one table."""
        if self._made is None:
            self._made = self.run(make(self._world.database, columns))
        return self._made

    def fill(self, rows: Sequence[dict[str, Any]]) -> None:
        """These rows and no others."""
        assert self._made is not None
        self.run(self._made.run(f"DELETE FROM {self._made.name}"))  # noqa: S608 - our own name
        self.run(self._made.insert(*rows))
