"""What is wrong with a statement, as HTTP tells it.

InvalidInput
├── StatementNotTaken      HTTP 422; the broker takes no such statement
└── StatementWrong         HTTP 422; the database could not run it
Conflict
└── RowsContradict         HTTP 409; a unique, required or referring column stands against it
"""

from vivesphere.kernel.errors import Conflict, InvalidInput


class StatementNotTaken(InvalidInput):
    slug = "statement-refused"
    title = "The statement is not taken"


class StatementWrong(InvalidInput):
    slug = "statement-failed"
    title = "The statement could not be run"


class RowsContradict(Conflict):
    slug = "constraint"
    title = "The rows contradict what is in the table"
