"""What settings says over HTTP."""

import msgspec


class SettingsReloaded(msgspec.Struct, frozen=True):
    """The settings whose value in the file is another, by name in the file: `keys` hold from now on, those in `restart_needed`
    from the next start. Both are empty if the file says nothing new."""

    keys: tuple[str, ...]
    restart_needed: tuple[str, ...]
