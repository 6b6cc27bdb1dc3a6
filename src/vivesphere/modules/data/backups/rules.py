"""What is written down about backups: the files are no rows, the events are."""

from vivesphere.contracts.data import BackupCreated
from vivesphere.kernel.bus.messages import Event
from vivesphere.kernel.db.backup.folder import BackupFile
from vivesphere.kernel.db.handle import Unit


def note(tx: Unit, *events: Event) -> None:
    for event in events:
        tx.emit(event)


def note_created(tx: Unit, made: BackupFile) -> BackupFile:
    """Gives the backup back, for whoever asks again under the same key."""
    note(tx, BackupCreated(name=made.name, reason=made.reason, bytes=made.bytes, encrypted=made.encrypted))
    return made
