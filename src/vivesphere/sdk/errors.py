"""The one error a plugin raises on purpose."""


class PluginError(Exception):
    """Something the person can be told: `str(error)` is one clear sentence, shown in the chat or as the tool's failure.

    Any other exception is taken for a bug: it is logged in full, and the person reads only that something went wrong.
    """
