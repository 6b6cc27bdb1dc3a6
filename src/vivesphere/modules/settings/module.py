"""The wiring of settings."""

from vivesphere.kernel.module import Module, ModuleContext
from vivesphere.modules.settings.controllers import SettingController


def build(context: ModuleContext) -> Module:
    return Module(name=context.name, routes=(SettingController,), provides={"settings": context.settings})
