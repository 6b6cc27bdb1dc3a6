"""A whole database, of whichever kind, as a new SQLite file."""

from collections.abc import Mapping
from pathlib import Path

from vivesphere.kernel.db.backup.progress import Progress, untold
from vivesphere.kernel.db.location import Place
from vivesphere.kernel.db.moving.errors import MoveFailed
from vivesphere.kernel.db.moving.mover import copy_all
from vivesphere.kernel.db.moving.opening import reading, writing_new
from vivesphere.kernel.db.moving.proof import Proof
from vivesphere.kernel.db.moving.shapes import revision_of
from vivesphere.kernel.db.upgrade import upgrade


def copy_to_new_file(source: Place, file: Path, migrations: Path, progress: Progress = untold) -> Mapping[str, Proof]:
    """Fill an empty file, at the revision of the source; gives what was proved of each table. Whoever calls gives the file its
    name, and removes it if this raises."""
    with reading(source) as origin, writing_new(file) as target:
        revision = revision_of(origin.connection)
        if revision is None:
            raise MoveFailed(f"{source} is no database of ViveSphere.")
        upgrade(target.connection, migrations, revision)
        return copy_all(origin, target, progress)
