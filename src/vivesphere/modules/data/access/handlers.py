"""What the operator may ask over the operator socket about table access: what people ask over HTTP, for every project."""

from typing import Any

import msgspec

from vivesphere.kernel.errors import InvalidInput
from vivesphere.modules.data.access.service import AccessService


class AccessOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`table` is one table, by either of its names."""

    table: str | None = None


class AccessHandlers:
    def __init__(self, access: AccessService) -> None:
        self._access = access

    async def list_access(self, arguments: dict[str, Any]) -> Any:
        """Who may touch which table, as JSON. Raises InvalidInput for arguments that are none."""
        try:
            asked = msgspec.convert(arguments, AccessOf)
        except msgspec.ValidationError as error:
            raise InvalidInput(f"The arguments are not valid: {error}.") from None
        return msgspec.to_builtins(self._access.every_access(asked.table))
