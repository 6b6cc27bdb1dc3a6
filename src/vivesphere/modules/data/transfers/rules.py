"""What an import may do, inside one unit of work for each batch."""

from collections.abc import Sequence

import msgspec

from vivesphere.contracts.data import ImportCompleted
from vivesphere.kernel.db.handle import Unit
from vivesphere.modules.data import repository
from vivesphere.modules.data.custom_table import CustomTable, Values
from vivesphere.modules.data.errors import TableUnknown
from vivesphere.modules.data.records.reading import new_values
from vivesphere.modules.data.records.rules import clashes
from vivesphere.modules.data.schemas import RefusedLine
from vivesphere.modules.data.tables.rules import find_table
from vivesphere.modules.data.transfers.formats import Line, told


class BatchReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the lines of one batch."""

    imported: int
    refused: list[RefusedLine]


def import_batch(tx: Unit, table_id: str, name: str, lines: Sequence[Line], value_bytes: int) -> BatchReport:
    """Make the records of the lines that are right, and say what is wrong with the others. TableUnknown if the table that the
    import began with is gone, whatever has its name now."""
    table = find_table(tx, name)
    if table.id != table_id:
        raise TableUnknown(name)
    refused = {line.number: line.problem for line in lines if line.problem}
    coming: list[tuple[Line, Values]] = []
    for line in lines:
        if not line.problem:
            values, wrong = new_values(table.shape, line.record, value_bytes, tx.now())
            if wrong:
                refused[line.number] = told(wrong)
            else:
                coming.append((line, values))
    # Whoever refers to a record that is refused is found only when that one is gone.
    while clashing := _clashing(tx, table, coming):
        refused |= {coming[place][0].number: problem for place, problem in clashing.items()}
        coming = [each for place, each in enumerate(coming) if place not in clashing]
    if coming:
        repository.insert_records(tx, table.shape, [values for _, values in coming])
    return BatchReport(
        imported=len(coming), refused=[RefusedLine(line=line, problem=refused[line]) for line in sorted(refused)]
    )


def complete_import(tx: Unit, event: ImportCompleted) -> bool:
    """Tell of all that was imported, at once."""
    tx.emit(event)
    return True


def _clashing(tx: Unit, table: CustomTable, coming: Sequence[tuple[Line, Values]]) -> dict[int, str]:
    """Places of those that contradict the table, or one another, and why."""
    named = {values["id"] for line, values in coming if line.record.get("id") is not None}
    found = clashes(tx, table, [values for _, values in coming], named=named)
    return {clash.place: told([clash.error]) for clash in reversed(found)}
