"""The rules of audit, over one unit of work each."""

from vivesphere.kernel.db.handle import Unit
from vivesphere.modules.audit import repository
from vivesphere.modules.audit.schemas import AuditEntry


def keep(tx: Unit, entry: AuditEntry) -> None:
    """Write the entry once: the same event heard again changes nothing."""
    if not repository.is_known(tx, entry.id):
        repository.insert(tx, entry)


def list_entries(tx: Unit, before: str | None, limit: int) -> list[AuditEntry]:
    return repository.page(tx, before, limit)
