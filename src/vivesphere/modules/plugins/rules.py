"""Rules over `tx`: what becomes of a plugin is remembered and told in one commit."""

from vivesphere.contracts.plugins import PluginDisabled, PluginEnabled, PluginFailed
from vivesphere.kernel.db.handle import Unit
from vivesphere.modules.plugins import repository
from vivesphere.modules.plugins.schemas import PluginState


def states(tx: Unit) -> dict[str, PluginState]:
    return repository.states(tx)


def settle(tx: Unit, state: PluginState) -> None:
    """Remember a plugin's state, and report it."""
    repository.remember(tx, state, tx.now())
    match state.status:
        case "enabled":
            tx.emit(PluginEnabled(plugin=state.id, version=state.version))
        case "disabled":
            tx.emit(PluginDisabled(plugin=state.id))
        case _:
            tx.emit(PluginFailed(plugin=state.id, detail=state.detail))
