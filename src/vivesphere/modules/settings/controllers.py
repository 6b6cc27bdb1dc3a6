"""Settings over HTTP. Secret values are masked by the kernel before they come here."""

from litestar import Controller, get

from vivesphere.kernel.http.authentication import requires
from vivesphere.kernel.http.paging import Page
from vivesphere.kernel.settings import SettingDescription, Settings


class SettingController(Controller):
    path = "/api/v1/config/settings"

    @get(guards=[requires("settings.setting.read")], sync_to_thread=False)
    def list_settings(self, settings: Settings) -> Page[SettingDescription]:
        """Every setting with its value, its description, and where the value comes from."""
        return Page(items=list(settings.described()))
