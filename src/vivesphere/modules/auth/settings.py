"""The section of settings that auth reads."""

from typing import Annotated

import msgspec
from msgspec import Meta


class AuthSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Section `auth`. The defaults of Argon2id are those of RFC 9106, 4, the second recommended option."""

    access_minutes: Annotated[int, Meta(ge=1, le=60, description="How long an access token is good for.")] = 10
    idle_hours: Annotated[
        int, Meta(ge=1, le=8760, description="How long a sign-in lasts without being used. An open page uses it.")
    ] = 168
    absolute_days: Annotated[int, Meta(ge=1, le=365, description="How long a sign-in lasts at most, used or not.")] = 30
    refresh_grace_seconds: Annotated[
        int,
        Meta(
            ge=0,
            le=60,
            description="For how long a refresh token that was used gives the same answer again, to two tabs that asked at "
            "once; 0 takes every second use for theft.",
        ),
    ] = 10
    signing_key_days: Annotated[
        int, Meta(ge=1, le=365, description="After how many days access tokens are signed with a new key.")
    ] = 30
    argon2_passes: Annotated[int, Meta(ge=1, le=20, description="Argon2id's time cost.")] = 3
    argon2_memory_kib: Annotated[int, Meta(ge=8, le=1 << 21, description="Argon2id's memory for each hash, in KiB.")] = 65536
    argon2_lanes: Annotated[int, Meta(ge=1, le=16, description="Argon2id's parallelism.")] = 4
    hashes_at_once: Annotated[
        int, Meta(ge=1, le=64, description="Passwords hashed at the same time; each takes its memory.")
    ] = 2
    hashes_waiting: Annotated[
        int, Meta(ge=1, le=10_000, description="Passwords that may wait to be hashed; more are refused for a moment.")
    ] = 100
    free_attempts: Annotated[
        int, Meta(ge=1, le=100, description="Wrong passwords for one name from one address before it must wait.")
    ] = 5
    account_attempts: Annotated[
        int,
        Meta(
            ge=1,
            le=10_000,
            description="Wrong passwords for one name from all addresses together before each must wait; "
            "not those it has signed in from.",
        ),
    ] = 25
    address_attempts: Annotated[
        int, Meta(ge=1, le=10_000, description="Wrong passwords from one address for all names before it must wait.")
    ] = 50
    longest_wait_minutes: Annotated[
        int, Meta(ge=1, le=1440, description="How long a wait after wrong passwords gets at most; it doubles up to it.")
    ] = 15
