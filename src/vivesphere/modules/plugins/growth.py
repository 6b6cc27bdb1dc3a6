"""What may become of a plugin's table that is there: it grows with the plugin's version, and loses nothing by mistake."""

import msgspec

from vivesphere.kernel.db.alteration import Alteration, altered
from vivesphere.kernel.db.definition import Column, TableDefinition, completed
from vivesphere.modules.plugins.errors import TableRefused
from vivesphere.modules.plugins.schemas import PluginTable
from vivesphere.sdk.manifest import numbers


def growth(known: PluginTable, wanted: TableDefinition, version: str) -> tuple[Alteration, TableDefinition]:
    """What to do to a table that is there, and the definition that comes of it. Raises TableRefused."""
    before = {column.name: column for column in known.definition.columns}
    for name, column in before.items():
        _check_kept(known, column, wanted.column(name))
    added = tuple(column for column in wanted.columns if column.name not in before)
    for column in added:
        if column.required and column.default is None:
            raise TableRefused(f"The new column {column.name} of {known.name} is required: give it a default for old rows.")
    present = {(index.columns, index.unique) for index in known.definition.indexes}
    asked_for = {(index.columns, index.unique): index for index in wanted.indexes}
    asked = Alteration(
        add_columns=added,
        add_indexes=tuple(index for key, index in asked_for.items() if key not in present),
        drop_indexes=tuple(each.name for each in known.definition.indexes if (each.columns, each.unique) not in asked_for),
    )
    if not asked.empty and numbers(version) <= numbers(known.version):
        raise TableRefused(
            f"The table {known.name} is declared otherwise than before, and the plugin's version is {version} as it was with "
            f"{known.version}: raise the version."
        )
    return asked, completed(known.name, altered(known.definition, asked))


def _check_kept(known: PluginTable, column: Column, wanted: Column | None) -> None:
    if wanted is None:
        raise TableRefused(
            f"The column {column.name} of {known.name} is not declared any more. No column is dropped, with what is in it, "
            "because a manifest leaves it out: declare it again."
        )
    # What is unique is an index, and an index may come and go.
    if msgspec.structs.replace(wanted, unique=column.unique) != column:
        raise TableRefused(
            f"The column {column.name} of {known.name} is declared otherwise than before: what is in it stays as it is. "
            "Declare it as it was, and a new column beside it."
        )
