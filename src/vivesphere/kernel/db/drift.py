"""How the tables of a database differ from the models. Loads Alembic."""

from collections.abc import Collection, Iterator
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext


def differences(connection: sa.Connection, metadata: sa.MetaData, core: Collection[str]) -> Iterator[tuple[str, str]]:
    """A table of the core and a sentence, for each difference."""

    def ours(name: str | None, kind: str, parents: Any) -> bool:
        return (name if kind == "table" else parents.get("table_name")) in core or kind == "schema"

    context = MigrationContext.configure(connection, opts={"include_name": ours})
    for found in compare_metadata(context, metadata):
        # Changes of one column come in lists, everything else by itself.
        for each in found if isinstance(found, list) else [found]:
            yield _told(each)


def _told(change: tuple[Any, ...]) -> tuple[str, str]:
    """A change as Alembic has it, `('add_column', schema, table, column)` and the like: what would have to be done."""
    verb, *about = change
    names = [str(getattr(each, "name", each)) for each in about if isinstance(each, str) or hasattr(each, "name")]
    table = next((str(each.table.name) for each in about if getattr(each, "table", None) is not None), names[0])
    return table, f"The table {table} is not as the code has it; it would take: {verb.replace('_', ' ')} {', '.join(names)}."
