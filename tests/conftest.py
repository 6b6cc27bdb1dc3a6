"""How long the property tests look: a moment in `make test`, much longer in `make soak`. And how the log looks beside them."""

import structlog
from hypothesis import HealthCheck, settings
from tests.support.engines import engine

__all__ = ["engine"]

# The deadline of a single example is off: on a machine that runs other tests beside it, time says nothing about the code.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("soak", settings.get_profile("default"), max_examples=10_000)
settings.load_profile("default")

# structlog would draw each traceback with all its local variables, which takes a third of a second each.
structlog.configure(
    processors=[
        structlog.stdlib.add_log_level,
        structlog.processors.format_exc_info,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)
