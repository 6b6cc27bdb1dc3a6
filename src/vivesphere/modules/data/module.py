"""The wiring of data."""

from vivesphere.kernel.module import Module, ModuleContext
from vivesphere.modules.data.controllers import TableController
from vivesphere.modules.data.service import TableService


def build(context: ModuleContext) -> Module:
    return Module(name=context.name, routes=(TableController,), provides={"tables": TableService(context.access)})
