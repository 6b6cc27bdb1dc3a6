"""Settings that change while the server runs. Values are not in it: who may read settings asks for them."""

from vivesphere.kernel.bus.messages import Event


class SettingsChanged(Event, durable=True):
    """Settings that a reload changed, by name in the file (`bus.plugin_rate`): `keys` at once, the others at the next start."""

    topic = "settings.changed"
    permission = "settings.setting.read"
    keys: tuple[str, ...]
    restart_needed: tuple[str, ...] = ()
