"""The tables a plugin declares, as the database knows them. Needs the database's rooms: `vivesphere.sdk` does not load it."""

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

import msgspec

from vivesphere.kernel.db.access import USER_PREFIX
from vivesphere.kernel.db.ddl import plugin_table
from vivesphere.kernel.db.definition import (
    LONGEST_NAME,
    Column,
    Index,
    Limits,
    TableDefinition,
    completed,
    findings,
    name_problem,
)
from vivesphere.sdk.manifest import MANIFEST, DeclaredTable, Manifest, ManifestInvalid


def definitions(manifest: Manifest) -> Mapping[str, TableDefinition]:
    """Completed definitions by the names that the database knows, each after those it refers to.

    Raises ManifestInvalid, which says what is wrong and where.
    """
    found = {}
    for name in _ordered(manifest.tables):
        full = plugin_table(manifest.id, name)
        found[full] = completed(full, _checked(manifest, name, full))
    return found


def _ordered(tables: Mapping[str, DeclaredTable]) -> tuple[str, ...]:
    leads_to = {
        name: {column.references for column in table.columns.values() if column.references not in {None, name}}
        for name, table in tables.items()
    }
    for name, others in leads_to.items():
        for other in others - tables.keys():
            raise ManifestInvalid(f"{MANIFEST}: the table {name} refers to {other!r}, which the plugin does not declare")
    try:
        return tuple(each for each in TopologicalSorter(leads_to).static_order() if each is not None)
    except CycleError as error:
        raise ManifestInvalid(f"{MANIFEST}: tables refer to one another in a circle: {', '.join(error.args[1])}") from error


def _checked(manifest: Manifest, name: str, full: str) -> TableDefinition:
    table = manifest.tables[name]
    problem = name_problem(name)
    if name.startswith(USER_PREFIX):
        problem = f"cannot begin with {USER_PREFIX}: in SQL that is a table of people"
    if len(full) > LONGEST_NAME:
        problem = f"is too long: together with the plugin's id it has {len(full)} characters, and at most {LONGEST_NAME}"
    if problem:
        raise ManifestInvalid(f"{MANIFEST}: tables.{name}: its name {problem}")
    columns = tuple(Column(name=key, **msgspec.structs.asdict(column)) for key, column in table.columns.items())
    indexes = tuple(Index(columns=index.columns, unique=index.unique) for index in table.indexes)
    definition = TableDefinition(columns=columns, indexes=indexes)
    if wrong := findings(definition, Limits()):
        raise ManifestInvalid(f"{MANIFEST}: tables.{name}{wrong[0].pointer}: {wrong[0].detail}")
    return definition
