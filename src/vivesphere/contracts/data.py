"""What data says: of backups."""

from vivesphere.kernel.bus.messages import Event


class BackupCreated(Event, durable=True):
    """`reason` is `manual` or `scheduled`; what was copied first is in `bytes`."""

    topic = "data.backup.created"
    permission = "data.backup.read"
    name: str
    reason: str
    bytes: int
    encrypted: bool


class BackupDownloaded(Event, durable=True):
    """Somebody began to fetch the file: with it they have all that is in the database."""

    topic = "data.backup.downloaded"
    permission = "data.backup.read"
    name: str


class BackupDeleted(Event, durable=True):
    """By a person, or as the oldest of those that are kept."""

    topic = "data.backup.deleted"
    permission = "data.backup.read"
    name: str


class BackupFailed(Event, durable=True):
    """No backup was made; `detail` says why, in a sentence."""

    topic = "data.backup.failed"
    permission = "data.backup.read"
    reason: str
    detail: str
