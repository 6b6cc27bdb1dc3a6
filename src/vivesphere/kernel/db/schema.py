"""The one metadata that every table of the core is declared on."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase

from vivesphere.kernel.db.types import UtcTime

REFERS_TO = "refers_to"


class Model(DeclarativeBase):
    """A table. Its owner is the module in whose `models.py` the class stands; no foreign key leaves that module (I7)."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcTime}  # noqa: RUF012 - SQLAlchemy's documented spelling of this declaration


def refers_to(column: str) -> dict[str, str]:
    """`info` of a column that holds the id of another module's row (`projects.id`), which no foreign key may say (I7).
    `vivesphere db check` finds those whose row is gone."""
    return {REFERS_TO: column}


def table_of(model: type[Model]) -> sa.Table:
    """The Core table of a model, for statements that are built once."""
    return model.metadata.tables[model.__tablename__]
