"""Showing settings, and reading their file anew."""

from typing import TYPE_CHECKING

from vivesphere.contracts.settings import SettingsChanged
from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.errors import StartError, ViveSphereError
from vivesphere.kernel.settings import SettingDescription, Settings
from vivesphere.modules.settings.errors import SettingsNotValid
from vivesphere.modules.settings.schemas import SettingsReloaded

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger


class SettingsService:
    def __init__(self, settings: Settings, bus: BusHandle, log: "BoundLogger") -> None:
        self._settings = settings
        self._bus = bus
        self._log = log

    def described(self) -> tuple[SettingDescription, ...]:
        """Every setting, as it is in force; secret values are masked by the kernel."""
        return self._settings.described()

    async def reload(self) -> SettingsReloaded:
        """Put the file in force, and tell of it if anything changed. SettingsNotValid says what is wrong; nothing changed."""
        try:
            found = self._settings.reload()
        except StartError as error:
            raise SettingsNotValid(str(error)) from error
        if found:
            self._log.info("settings_reloaded", keys=found.keys, restart_needed=found.restart_needed)
            await self._tell(SettingsChanged(keys=found.keys, restart_needed=found.restart_needed))
        return SettingsReloaded(found.keys, found.restart_needed)

    async def _tell(self, changed: SettingsChanged) -> None:
        try:
            await self._bus.publish(changed)
        except ViveSphereError:
            # The settings are in force by now; that the event log could not be written is no reason to say they are not.
            self._log.warning("settings_changed_unrecorded", keys=changed.keys, exc_info=True)
