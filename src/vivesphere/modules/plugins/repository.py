"""Every query of this module."""

from datetime import datetime

import msgspec
import sqlalchemy as sa

from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.db.schema import table_of
from vivesphere.modules.plugins.models import PluginRow
from vivesphere.modules.plugins.schemas import PluginState

_plugins = table_of(PluginRow)

_STATES = sa.select(*(_plugins.c[field] for field in PluginState.__struct_fields__))
_FORGET = sa.delete(_plugins).where(_plugins.c.id == sa.bindparam("plugin_id"))
_REMEMBER = sa.insert(_plugins)


def states(tx: Unit) -> dict[str, PluginState]:
    return {row.id: PluginState(**row._mapping) for row in tx.execute(_STATES)}


def remember(tx: Unit, state: PluginState, at: datetime) -> None:
    """Write the state, over an older one of the same plugin."""
    tx.execute(_FORGET, {"plugin_id": state.id})
    tx.execute(_REMEMBER, {**msgspec.structs.asdict(state), "updated_at": at})
