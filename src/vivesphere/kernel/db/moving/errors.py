"""What goes wrong with a copy from one database to another."""

from vivesphere.kernel.db.errors import DatabaseError


class MoveFailed(DatabaseError):
    """The source is as it was. The message says in a sentence what stood in the way, and what became of the target."""
