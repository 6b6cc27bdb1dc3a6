"""What data refuses about custom tables and their records."""

from collections.abc import Sequence

from vivesphere.kernel.errors import ChangedMeanwhile, Conflict, FieldError, InvalidInput, NotFound, PermissionMissing
from vivesphere.kernel.principals import Principal


class TableUnknown(NotFound):
    def __init__(self, name: str) -> None:
        super().__init__(f"There is no table {name!r} in this project; list the tables to see which there are.")


class RecordUnknown(NotFound):
    def __init__(self, table: str, record_id: str) -> None:
        super().__init__(f"The table {table!r} has no record {record_id!r}.")


class DefinitionInvalid(InvalidInput):
    """`errors` has every finding; each pointer leads into what was sent."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(f"The table cannot be made so: {_told(errors)}.", errors)


class RecordInvalid(InvalidInput):
    """`errors` has every finding; each pointer leads into what was sent."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(f"This is not a record of the table: {_told(errors)}.", errors)


class TableNameTaken(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(f"There is a table {name!r} already; choose another name.")


class TooManyTables(Conflict):
    def __init__(self, most: int) -> None:
        super().__init__(f"The project has {most} tables, the most it may have (setting data.tables).")


class TableFull(Conflict):
    def __init__(self, name: str, most: int) -> None:
        super().__init__(f"The table {name!r} has room for {most:,} records (setting data.rows), and they would be more.")


class TableReferred(Conflict):
    def __init__(self, name: str, by: Sequence[str]) -> None:
        super().__init__(f"The table {name!r} is referred to by {', '.join(by)}; drop those columns first.")


class RecordReferred(Conflict):
    def __init__(self, record_id: str, by: str) -> None:
        super().__init__(f"The record {record_id} is referred to by records of {by}; change or delete those first.")


class ValuesTaken(Conflict):
    """Values that only one record may have. Each pointer leads into what was sent."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(f"Another record has the same: {_told(errors)}.", errors)


class ValuesNotUnique(Conflict):
    def __init__(self) -> None:
        super().__init__("The index cannot be unique: the table has records with equal values. Make them different first.")


class RecordsContradict(Conflict):
    def __init__(self) -> None:
        super().__init__("The records contradict what is in the table; read it again and look which value is taken.")


class VersionOld(ChangedMeanwhile):
    def __init__(self, what: str, version: int) -> None:
        super().__init__(f"{what} has version {version} and not the one of If-Match; read it again before you edit it.")


class TableNotGranted(PermissionMissing):
    def __init__(self, principal: Principal, action: str, name: str) -> None:
        super().__init__(f"{principal} may not {action} the table {name!r}: nobody has granted that.")


def _told(errors: Sequence[FieldError]) -> str:
    first = f"{errors[0].pointer}: {errors[0].detail}"
    return first if len(errors) == 1 else f"{first}, and {len(errors) - 1} more"
