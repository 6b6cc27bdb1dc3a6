"""Settings over HTTP. Secret values are masked by the kernel before they come here."""

from litestar import Controller, get

from vivesphere.kernel.http.authentication import requires
from vivesphere.kernel.http.paging import Page
from vivesphere.kernel.settings import SettingDescription, Settings


class SettingController(Controller):
    path = "/api/v1/config/settings"
    tags = ["Settings"]  # noqa: RUF012 - Litestar's documented spelling
    guards = [requires("settings.setting.read")]  # noqa: RUF012 - the same

    @get(summary="List all settings with value, source and description", sync_to_thread=False)
    def list_settings(self, settings: Settings) -> Page[SettingDescription]:
        return Page(items=list(settings.described()))
