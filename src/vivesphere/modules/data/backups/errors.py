"""What data refuses about backups."""

from vivesphere.kernel.errors import FieldError, InvalidInput, NotFound, Unavailable


class BackupNotThere(NotFound):
    slug = "backup-unknown"
    title = "No such backup"


class BackupNotMade(Unavailable):
    slug = "backup-failed"
    title = "The backup could not be made"


class PassphraseRefused(InvalidInput):
    def __init__(self, detail: str) -> None:
        super().__init__(detail, [FieldError("/passphrase", detail)])
