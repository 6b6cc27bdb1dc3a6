"""What the operator may ask over the socket in the data directory: whoever can open it holds everything anyway."""

from typing import Any, TypeVar

import msgspec

from vivesphere.kernel.errors import InvalidInput
from vivesphere.kernel.http.paging import MAX_LIMIT
from vivesphere.modules.auth.keyring import Keyring
from vivesphere.modules.auth.service import AuthService
from vivesphere.modules.auth.session_service import SessionService

T = TypeVar("T")


class AddUser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    username: str
    password: str
    role: str


class ChangePassword(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    username: str
    password: str


class OfUser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    username: str


class OperatorHandlers:
    def __init__(self, auth: AuthService, sessions: SessionService, keyring: Keyring) -> None:
        self._auth = auth
        self._sessions = sessions
        self._keyring = keyring

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
        await self._auth.set_password(asked.username, asked.password)

    async def list_sessions(self, arguments: dict[str, Any]) -> Any:
        """Where a user is signed in, the newest first."""
        user_id = await self._auth.user_id_of(_as(OfUser, arguments).username)
        return msgspec.to_builtins((await self._sessions.list_sign_ins(user_id, None, MAX_LIMIT)).items)

    async def sign_out(self, arguments: dict[str, Any]) -> dict[str, int]:
        """Ends every sign-in of a user; `{count}` of them."""
        user_id = await self._auth.user_id_of(_as(OfUser, arguments).username)
        return {"count": await self._sessions.revoke_all(user_id)}

    async def rotate_keys(self, _arguments: dict[str, Any]) -> dict[str, Any]:
        """`{key_id}` of the new key."""
        return {"key_id": (await self._keyring.rotate()).id}


def _as(of: type[T], arguments: dict[str, Any]) -> T:
    try:
        return msgspec.convert(arguments, of)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"The arguments of this command are not valid: {error}.") from None
