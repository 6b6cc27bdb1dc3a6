"""Alembic's environment for developers: what the migrations make of an empty database, held against the models."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext
from sqlalchemy.types import TypeDecorator, TypeEngine

from vivesphere import tables
from vivesphere.kernel import paths
from vivesphere.kernel.db.schema import Model
from vivesphere.kernel.db.upgrade import upgrade


def render_item(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Our own column types as what they are in the database: a migration must not change when the code does. And a default of
    false as each database writes it."""
    if kind == "server_default" and isinstance(getattr(item, "arg", None), sa.False_ | sa.True_):
        return f"sa.{item.arg}()"
    if kind != "type" or not isinstance(item, TypeDecorator):
        return False
    plain: TypeEngine[Any] = item.impl_instance
    return f"sa.{plain!r}"


def number(_: MigrationContext, __: Any, directives: list[MigrationScript]) -> None:
    """Revisions are numbered: 0001, 0002, …"""
    (script,) = directives
    head = context.script.get_current_head()
    script.rev_id = f"{int(head or 0) + 1:04d}"


tables.owners()
with sa.create_engine("sqlite://").begin() as connection:
    if context.script.get_current_head() is not None:
        upgrade(connection, paths.migrations())
    context.configure(
        connection=connection,
        target_metadata=Model.metadata,
        render_item=render_item,
        process_revision_directives=number,
        render_as_batch=True,
    )
    context.run_migrations()
