"""What auth takes and says over HTTP. Lengths of passwords are checked by the service, which says why."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Username = Annotated[str, Meta(max_length=200, description="Case does not matter.", examples=["ada"])]
Password = Annotated[str, Meta(max_length=2000, description="8 to 256 characters.", examples=["correct horse battery"])]
Device = Annotated[str, Meta(description="What it calls itself.", examples=["Firefox on Linux"])]
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


class PasswordChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    current_password: Password
    new_password: Password


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """`expires_in` is in seconds and speaks of the access token."""

    access_token: Annotated[str, Meta(examples=["eyJhbGciOiJFZDI1NTE5Iiw…"])]
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme (RFC 6750), not a secret
    expires_in: Annotated[int, Meta(examples=[600])]
    refresh_token: RefreshToken


class BrowserSignIn(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens are in cookies that no script can read. `expires_in` is in seconds and speaks of the access token;
    `csrf_token` is what each change must send as `X-CSRF-Token`, and is in the cookie `vivesphere_csrf`, too."""

    expires_in: Annotated[int, Meta(examples=[600])]
    csrf_token: str


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """`setup_required` as long as there is no user."""

    setup_required: bool
    version: str


class User(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    username: str
    role: Annotated[str, Meta(examples=["owner"])]


class UserListing(msgspec.Struct, frozen=True, kw_only=True):
    """`role` is the highest that the user has in any project."""

    id: str
    username: str
    role: Annotated[str, Meta(examples=["editor"])]
    created_at: datetime


class SignInListing(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in that goes on. `used_at`, to within the life of an access token, `device` and `address` are of its last use;
    `current` is the one that asks. It ends at `expires_at` if it is not used before, and at `ends_at` in any case."""

    id: str
    device: Device
    address: Annotated[str, Meta(examples=["192.0.2.7"])]
    browser: bool
    current: bool
    created_at: datetime
    used_at: datetime
    expires_at: datetime
    ends_at: datetime


class Ended(msgspec.Struct, frozen=True):
    """How many sign-ins ended."""

    count: Annotated[int, Meta(examples=[2])]


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


class JsonWebKey(msgspec.Struct, frozen=True, kw_only=True):
    """A public key (RFC 7517; RFC 8037 for its kind)."""

    kid: str
    x: Annotated[str, Meta(description="The key, in base64url.")]
    alg: Annotated[str, Meta(examples=["Ed25519"])]
    kty: Literal["OKP"] = "OKP"
    crv: Literal["Ed25519"] = "Ed25519"
    use: Literal["sig"] = "sig"


class JsonWebKeys(msgspec.Struct, frozen=True, kw_only=True):
    """The key that signs comes first; the others have signed tokens that are still good."""

    keys: list[JsonWebKey]
