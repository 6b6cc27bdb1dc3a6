"""Whose topics are whose."""

from functools import lru_cache

from vivesphere.kernel import principals
from vivesphere.kernel.bus.errors import NotPermitted
from vivesphere.kernel.principals import Principal


def own_prefixes(principal: Principal) -> tuple[str, ...]:
    """How the principal's own topics begin: a module speaks in its own name, a plugin under `plugins.<id>.`, the kernel under
    `bus.` and `database.`. Empty for everyone else."""
    match principals.kind(principal):
        case "system":
            return ("bus.", "database.")
        case "module":
            return (f"{principals.name(principal)}.",)
        case "plugin":
            return (f"plugins.{principals.name(principal)}.",)
        case _:
            return ()


@lru_cache(maxsize=4096)
def check_namespace(principal: Principal, topic: str, verb: str) -> None:
    """Raises NotPermitted for a topic that is not the principal's own."""
    prefixes = own_prefixes(principal)
    if not topic.startswith(prefixes or ("\0",)):
        raise NotPermitted(
            f"{principal} may not {verb} {topic}; its own topics begin with {' or '.join(prefixes) or 'nothing'}"
        )
