"""The settings section `data`."""

from typing import Annotated

import msgspec
from msgspec import Meta


class DataSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much custom tables may hold."""

    tables: Annotated[int, Meta(ge=0, le=10_000, description="How many tables a project may have.")] = 200
    columns: Annotated[int, Meta(ge=1, le=500, description="How many columns a table may have.")] = 100
    indexes: Annotated[int, Meta(ge=0, le=64, description="How many indexes a table may have.")] = 20
    rows: Annotated[int, Meta(ge=1, le=1_000_000_000, description="How many records a table may have.")] = 1_000_000
    value_bytes: Annotated[
        int, Meta(ge=16, le=16 << 20, description="The longest text or JSON that a record may have in one column, in bytes.")
    ] = 64 * 1024
    import_bytes: Annotated[int, Meta(ge=1024, le=1 << 40, description="The largest file that can be imported.")] = 1 << 30
