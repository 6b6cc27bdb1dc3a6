"""Runs migrations, up and down. Loaded only when there are any to run: see `migrate.py`."""

from pathlib import Path

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from vivesphere.kernel.db.backup.progress import Progress, untold


def upgrade(connection: sa.Connection, folder: Path, revision: str = "head", progress: Progress = untold) -> None:
    """Run what is pending up to a revision, inside the connection's transaction."""
    scripts = ScriptDirectory(str(folder))
    context = MigrationContext.configure(connection)
    pending = list(scripts.iterate_revisions(revision, context.get_current_revision() or "base"))
    with Operations.context(context):
        for number, step in enumerate(reversed(pending)):
            step.module.upgrade()
            progress("migrated", number + 1, len(pending))
    context.stamp(scripts, revision)


def downgrade(connection: sa.Connection, folder: Path, revision: str, progress: Progress = untold) -> None:
    """Undo what came after a revision, inside the connection's transaction."""
    scripts = ScriptDirectory(str(folder))
    context = MigrationContext.configure(connection)
    undone = list(scripts.iterate_revisions(context.get_current_revision(), revision))
    with Operations.context(context):
        for number, step in enumerate(undone):
            step.module.downgrade()
            progress("undone", number + 1, len(undone))
    context.stamp(scripts, revision)
