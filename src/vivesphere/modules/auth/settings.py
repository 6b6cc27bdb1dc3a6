"""The section of settings that auth reads."""

from typing import Annotated

import msgspec
from msgspec import Meta


class AuthSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Section `auth`. The defaults of Argon2id are those of RFC 9106, 4, the second recommended option."""

    access_minutes: Annotated[int, Meta(ge=1, le=60, description="How long an access token is good for.")] = 10
    refresh_days: Annotated[int, Meta(ge=1, le=365, description="How long a sign-in lasts without being used.")] = 30
    argon2_passes: Annotated[int, Meta(ge=1, le=20, description="Argon2id's time cost.")] = 3
    argon2_memory_kib: Annotated[int, Meta(ge=8, le=1 << 21, description="Argon2id's memory for each hash, in KiB.")] = 65536
    argon2_lanes: Annotated[int, Meta(ge=1, le=16, description="Argon2id's parallelism.")] = 4
    hashes_at_once: Annotated[
        int, Meta(ge=1, le=64, description="Passwords hashed at the same time; each takes its memory.")
    ] = 2
    free_attempts: Annotated[
        int, Meta(ge=1, le=100, description="Wrong passwords for one name from one address before it must wait.")
    ] = 5
