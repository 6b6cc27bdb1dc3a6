"""The settings section `bots`."""

from typing import Annotated

import msgspec
from msgspec import Meta


class BotsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much the bots do at once, and how much they say."""

    replies_per_channel: Annotated[
        int, Meta(ge=1, description="Replies a bot gives in one channel within the reply window; more are left out, as a loop.")
    ] = 20
    reply_window: Annotated[float, Meta(gt=0, description="The reply window, in seconds.")] = 10.0
    commands_at_once: Annotated[
        int, Meta(ge=1, description="Commands that run at the same time for one account; within a channel they run in order.")
    ] = 8
    waiting_per_channel: Annotated[
        int, Meta(ge=1, description="Messages of one channel that may wait for their turn; more are left unanswered.")
    ] = 100
    command_seconds: Annotated[float, Meta(gt=0, description="How long a command may take, in seconds.")] = 15.0
    answer_within: Annotated[
        float,
        Meta(gt=0, description="Seconds after which a command is left unanswered, as after a long outage."),
    ] = 600.0
