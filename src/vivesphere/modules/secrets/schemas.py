"""What the HTTP API says of a secret: never its value."""

from datetime import datetime

import msgspec


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """`last_four` is empty for a value so short that four characters would give too much of it away."""

    id: str
    name: str
    owner: str
    last_four: str
    created_at: datetime
    updated_at: datetime
