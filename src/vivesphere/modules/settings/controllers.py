"""Settings over HTTP. Secret values are masked by the kernel before they come here."""

from litestar import Controller, get, post

from vivesphere.kernel.http.authentication import requires
from vivesphere.kernel.http.paging import Page
from vivesphere.kernel.settings import SettingDescription
from vivesphere.modules.settings.schemas import SettingsReloaded
from vivesphere.modules.settings.service import SettingsService


class SettingController(Controller):
    path = "/api/v1/config"

    @get("/settings", guards=[requires("settings.setting.read")], sync_to_thread=False)
    def list_settings(self, settings: SettingsService) -> Page[SettingDescription]:
        """Every setting with its value, its description, and where the value comes from."""
        return Page(items=list(settings.described()))

    @post("/reload", guards=[requires("settings.config.update")], status_code=200)
    async def reload_settings(self, settings: SettingsService) -> SettingsReloaded:
        """Read the settings file anew. Nothing changes if anything in it is wrong."""
        return await settings.reload()
