"""What goes wrong with backups. All are the database's errors: `kernel/db/errors.py`.

DatabaseError
└── BackupError
    ├── BackupFailed      it could not be made, or put in place; nothing that was there has changed
    ├── BackupDamaged     the file is cut short, was changed, or is no backup of ours
    ├── BackupUnknown     there is no backup of that name
    ├── PassphraseNeeded  the backup is sealed, and no passphrase was given
    └── PassphraseWrong   the passphrase given does not open it, or is too short to seal with
"""

from vivesphere.kernel.db.errors import DatabaseError


class BackupError(DatabaseError):
    """The message is one sentence that says what to do, or what is wrong."""


class BackupFailed(BackupError):
    pass


class BackupDamaged(BackupError):
    pass


class BackupUnknown(BackupError):
    pass


class PassphraseNeeded(BackupError):
    pass


class PassphraseWrong(BackupError):
    pass
