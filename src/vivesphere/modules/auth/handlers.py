"""What the operator may ask over the socket in the data directory: whoever can open it holds everything anyway."""

from typing import Any, TypeVar

import msgspec

from vivesphere.kernel.errors import InvalidInput
from vivesphere.modules.auth.service import AuthService

T = TypeVar("T")


class AddUser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    username: str
    password: str
    role: str


class ChangePassword(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    username: str
    password: str


class OperatorHandlers:
    def __init__(self, auth: AuthService) -> None:
        self._auth = auth

    async def setup_link(self, _arguments: dict[str, Any]) -> dict[str, str] | None:
        """`{path}` of a new one-time link, or nothing once there is a user."""
        path = self._auth.setup_link()
        return None if path is None else {"path": path}

    async def add_user(self, arguments: dict[str, Any]) -> dict[str, str]:
        asked = _as(AddUser, arguments)
        user = await self._auth.add_user(asked.username, asked.password, asked.role)
        return {"id": user.id, "username": user.username, "role": asked.role}

    async def change_password(self, arguments: dict[str, Any]) -> None:
        asked = _as(ChangePassword, arguments)
        await self._auth.change_password(asked.username, asked.password)


def _as(of: type[T], arguments: dict[str, Any]) -> T:
    try:
        return msgspec.convert(arguments, of)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"The arguments of this command are not valid: {error}.") from None
