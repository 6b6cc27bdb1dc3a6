"""What settings refuses."""

from vivesphere.kernel.errors import Conflict


class SettingsNotValid(Conflict):
    """The settings file cannot be taken as it is; nothing has changed."""
