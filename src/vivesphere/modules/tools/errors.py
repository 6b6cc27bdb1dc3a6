"""What this module refuses.

NotFound
└── ToolNotFound           HTTP 404, with the names that are near
Conflict
└── RegistrationRefused    a plugin's tools cannot be put in the registry
"""

from collections.abc import Sequence

from vivesphere.kernel.errors import Conflict, NotFound


class ToolNotFound(NotFound):
    """`suggestions` are names that are near, best first."""

    slug = "tool-unknown"
    title = "There is no such tool"

    def __init__(self, detail: str, suggestions: Sequence[str] = ()) -> None:
        super().__init__(detail)
        self.suggestions = tuple(suggestions)


class RegistrationRefused(Conflict):
    slug = "tools-not-registered"
    title = "The tools cannot be registered"
