"""Every query of this module."""

import msgspec
import sqlalchemy as sa

from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.db.schema import table_of
from vivesphere.modules.audit.models import AuditEntryRow
from vivesphere.modules.audit.schemas import AuditEntry

entries = table_of(AuditEntryRow)

_INSERT = sa.insert(entries)
_KNOWN = sa.select(entries.c.id).where(entries.c.id == sa.bindparam("entry_id"))
_NEWEST = sa.select(*(entries.c[field] for field in AuditEntry.__struct_fields__)).order_by(entries.c.id.desc())
_PAGE = _NEWEST.limit(sa.bindparam("limit"))
_PAGE_BEFORE = _NEWEST.where(entries.c.id < sa.bindparam("before")).limit(sa.bindparam("limit"))


def is_known(tx: Unit, entry_id: str) -> bool:
    return tx.execute(_KNOWN, {"entry_id": entry_id}).one_or_none() is not None


def insert(tx: Unit, entry: AuditEntry) -> None:
    tx.execute(_INSERT, msgspec.structs.asdict(entry))


def page(tx: Unit, before: str | None, limit: int) -> list[AuditEntry]:
    """Newest first: ids are UUIDv7, so their order is that of time."""
    rows = (
        tx.execute(_PAGE, {"limit": limit}) if before is None else tx.execute(_PAGE_BEFORE, {"before": before, "limit": limit})
    )
    return [AuditEntry(**row._mapping) for row in rows]
