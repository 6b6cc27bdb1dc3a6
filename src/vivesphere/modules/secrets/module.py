"""The wiring of secrets."""

from vivesphere.contracts.secrets import RevealSecret, SecretChanged, StoreSecret
from vivesphere.kernel.module import Module, ModuleContext
from vivesphere.modules.secrets.controllers import SecretController
from vivesphere.modules.secrets.handlers import SecretHandlers
from vivesphere.modules.secrets.service import SecretService


def build(context: ModuleContext) -> Module:
    secrets = SecretService(context.db, context.vault)
    handlers = SecretHandlers(secrets)
    return Module(
        name=context.name,
        responders={StoreSecret: handlers.store, RevealSecret: handlers.reveal},
        publishes=(SecretChanged,),
        routes=(SecretController,),
        provides={"secrets": secrets},
        start=secrets.check_key,
    )
