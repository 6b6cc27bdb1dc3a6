"""Every query of this module."""

from datetime import datetime

import msgspec
import sqlalchemy as sa

from vivesphere.kernel.db.definition import TableDefinition
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.db.schema import table_of
from vivesphere.kernel.principals import Principal
from vivesphere.modules.plugins.models import PluginRow, PluginTableRow
from vivesphere.modules.plugins.schemas import PluginState, PluginTable

_plugins = table_of(PluginRow)
_tables = table_of(PluginTableRow)

_STATES = sa.select(*(_plugins.c[field] for field in PluginState.__struct_fields__))
_FORGET = sa.delete(_plugins).where(_plugins.c.id == sa.bindparam("plugin_id"))
_REMEMBER = sa.insert(_plugins)


_TABLES = sa.select(_tables.c.name, _tables.c.version, _tables.c.definition).where(_tables.c.plugin == sa.bindparam("owner"))
_FORGET_TABLE = sa.delete(_tables).where(_tables.c.name == sa.bindparam("table"))
_KEEP_TABLE = sa.insert(_tables)


def states(tx: Unit) -> dict[str, PluginState]:
    return {row.id: PluginState(**row._mapping) for row in tx.execute(_STATES)}


def remember(tx: Unit, state: PluginState, at: datetime) -> None:
    """Write the state, over an older one of the same plugin."""
    tx.execute(_FORGET, {"plugin_id": state.id})
    tx.execute(_REMEMBER, {**msgspec.structs.asdict(state), "updated_at": at})


def tables(tx: Unit, plugin: Principal) -> dict[str, PluginTable]:
    """The plugin's tables that are there, by name."""
    return {
        row.name: PluginTable(
            name=row.name, version=row.version, definition=msgspec.json.decode(row.definition, type=TableDefinition)
        )
        for row in tx.execute(_TABLES, {"owner": plugin})
    }


def keep_table(tx: Unit, plugin: Principal, table: PluginTable, at: datetime) -> None:
    """Write down what the table is, over what it was."""
    tx.execute(_FORGET_TABLE, {"table": table.name})
    definition = msgspec.json.encode(table.definition).decode()
    values = {"name": table.name, "plugin": plugin, "version": table.version, "definition": definition, "updated_at": at}
    tx.execute(_KEEP_TABLE, values)
