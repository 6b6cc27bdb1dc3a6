"""Runs the pending migrations. Loaded only when there are any: see `migrate.py`."""

from pathlib import Path

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory


def upgrade(connection: sa.Connection, folder: Path) -> None:
    """Run what is pending, inside the connection's transaction."""
    scripts = ScriptDirectory(str(folder))
    context = MigrationContext.configure(connection)
    pending = list(scripts.iterate_revisions("head", context.get_current_revision() or "base"))
    with Operations.context(context):
        for step in reversed(pending):
            step.module.upgrade()
    context.stamp(scripts, "head")
