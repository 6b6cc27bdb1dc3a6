"""Whose topics are whose."""

from vivesphere.kernel import principals
from vivesphere.kernel.bus.errors import NotPermitted
from vivesphere.kernel.principals import Principal


def check_namespace(principal: Principal, topic: str, verb: str) -> None:
    """A module speaks in its own name, a plugin under `plugins.<id>.`, the kernel under `bus.` and `database.`."""
    match principals.kind(principal):
        case "system":
            prefixes: tuple[str, ...] = ("bus.", "database.")
        case "module":
            prefixes = (f"{principals.name(principal)}.",)
        case "plugin":
            prefixes = (f"plugins.{principals.name(principal)}.",)
        case _:
            prefixes = ()
    if not topic.startswith(prefixes or ("\0",)):
        raise NotPermitted(
            f"{principal} may not {verb} {topic}; its own topics begin with {' or '.join(prefixes) or 'nothing'}"
        )
