"""The wiring of settings."""

from vivesphere.contracts.settings import SettingsChanged
from vivesphere.kernel.module import Module, ModuleContext, OperatorCommand
from vivesphere.modules.settings.controllers import SettingController
from vivesphere.modules.settings.handlers import OperatorHandlers
from vivesphere.modules.settings.service import SettingsService


def build(context: ModuleContext) -> Module:
    settings = SettingsService(context.settings, context.bus, context.log)
    operator = OperatorHandlers(settings)
    return Module(
        name=context.name,
        publishes=(SettingsChanged,),
        routes=(SettingController,),
        provides={"settings": settings},
        operator_commands=(
            OperatorCommand("settings.show", operator.show),
            OperatorCommand("settings.reload", operator.reload),
        ),
    )
