"""What this module refuses.

NotFound
└── PluginNotFound         HTTP 404
Conflict
├── PluginCannotStart      HTTP 409; the plugin is in `error`, and the sentence says why
└── TableRefused           a declared table cannot be made or grown; the plugin is in `error` because of it
"""

from vivesphere.kernel.errors import Conflict, NotFound


class PluginNotFound(NotFound):
    slug = "plugin-unknown"
    title = "There is no such plugin"

    def __init__(self, plugin_id: str) -> None:
        super().__init__(f"There is no plugin {plugin_id[:100]!r}.")


class PluginCannotStart(Conflict):
    slug = "plugin-error"
    title = "The plugin cannot be enabled"


class TableRefused(Conflict):
    slug = "plugin-table"
    title = "The plugin's table cannot be as it is declared"
