"""What the operator may ask of settings over the operator socket."""

from typing import Any

import msgspec

from vivesphere.modules.settings.service import SettingsService


class OperatorHandlers:
    def __init__(self, settings: SettingsService) -> None:
        self._settings = settings

    async def show(self, _arguments: dict[str, Any]) -> Any:
        return msgspec.to_builtins(self._settings.described())

    async def reload(self, _arguments: dict[str, Any]) -> Any:
        return msgspec.to_builtins(await self._settings.reload())
