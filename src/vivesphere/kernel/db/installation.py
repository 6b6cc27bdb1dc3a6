"""Single facts about this installation, by name. Rules for a handle of `system`."""

import sqlalchemy as sa

from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.db.models import Installation
from vivesphere.kernel.db.schema import table_of
from vivesphere.kernel.db.unit import Unit

facts = table_of(Installation)

_READ = sa.select(facts.c.value).where(facts.c.key == sa.bindparam("name"))
_DELETE = sa.delete(facts).where(facts.c.key == sa.bindparam("name"))
_INSERT = sa.insert(facts)


def read_fact(tx: Unit, name: str) -> JSON:
    """The fact's value, or None if it was never written."""
    value: JSON = tx.execute(_READ, {"name": name}).scalar_one_or_none()
    return value


def write_fact(tx: Unit, name: str, value: JSON) -> None:
    """Write a fact, over an older value of the same name."""
    tx.execute(_DELETE, {"name": name})
    tx.execute(_INSERT, {"key": name, "value": value})
