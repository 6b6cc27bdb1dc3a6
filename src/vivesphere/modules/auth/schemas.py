"""What auth takes and says over HTTP. Lengths of passwords are checked by the service, which says why."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Username = Annotated[str, Meta(max_length=200, description="Case does not matter.", examples=["ada"])]
Password = Annotated[str, Meta(max_length=2000, description="8 to 256 characters.", examples=["correct horse battery"])]
RefreshToken = Annotated[str, Meta(max_length=200, description="Good for one use.", examples=["b2c1…"])]


class Credentials(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    username: Username
    password: Password


class Setup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`token` is the one in the link that the server prints on its first start."""

    token: Annotated[str, Meta(max_length=200)]
    username: Username
    password: Password


class Refresh(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    refresh_token: RefreshToken


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """`expires_in` is in seconds and speaks of the access token."""

    access_token: Annotated[str, Meta(examples=["eyJhbGciOiJFZDI1NTE5Iiw…"])]
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme (RFC 6750), not a secret
    expires_in: Annotated[int, Meta(examples=[600])]
    refresh_token: RefreshToken


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """`setup_required` as long as there is no user."""

    setup_required: bool
    version: str


class User(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    username: str
    role: Annotated[str, Meta(examples=["owner"])]


class Validated(msgspec.Struct, frozen=True, kw_only=True):
    """Who the token speaks for, and what they may do: permissions by name or by pattern."""

    user: User
    permissions: Annotated[list[str], Meta(examples=[["bots.>", "plans.run.read"]])]
    expires_at: datetime


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is the slug by which everything names the project."""

    id: Annotated[str, Meta(examples=["default"])]
    name: str
    created_at: datetime
