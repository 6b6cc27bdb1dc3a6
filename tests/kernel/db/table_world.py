"""A custom table on a real database, made as the host makes it, without the module that does so for people."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from vivesphere.kernel.db import ddl
from vivesphere.kernel.db.access import KEEPER, TableDescription
from vivesphere.kernel.db.alteration import Alteration, altered, faults
from vivesphere.kernel.db.definition import Column, Limits, TableDefinition, completed
from vivesphere.kernel.db.handle import Database, Unit
from vivesphere.kernel.db.selections import Selection, selected
from vivesphere.kernel.db.shape import Layout, Shape, encoded, shape_of
from vivesphere.kernel.principals import Principal


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
