"""What is refused about grants, in sentences for whoever decides them.

Refusal
├── GrantUnknown     HTTP 404: nobody asked for it, or it went with its table or its plugin
├── TableNotThere    HTTP 404: there is no such table to grant
└── GrantDecided     HTTP 409: it is approved, or revoked, already
"""

from vivesphere.kernel.errors import Conflict, NotFound


class GrantUnknown(NotFound):
    slug = "grant-unknown"
    title = "No such grant"

    def __init__(self, grant_id: str) -> None:
        super().__init__(f"There is no grant {grant_id[:80]!r} in this project; it may have gone with its table or its plugin.")


class TableNotThere(NotFound):
    slug = "table-unknown"
    title = "No such table"

    def __init__(self, table: str) -> None:
        super().__init__(
            f"There is no table {table[:80]!r} in this project that could be granted; only tables that people made can be, "
            "and only once they are there."
        )


class GrantDecided(Conflict):
    slug = "grant-decided"
    title = "It is decided already"

    def __init__(self, grantee: str, action: str, table: str, status: str) -> None:
        may = "may" if status == "approved" else "may not"
        super().__init__(f"That {grantee} {may} {action} {table!r} is decided already; nothing was changed.")
