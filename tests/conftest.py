"""How long the property tests look: a moment in `make test`, much longer in `make soak`."""

from hypothesis import HealthCheck, settings

# The deadline of a single example is off: on a machine that runs other tests beside it, time says nothing about the code.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("soak", settings.get_profile("default"), max_examples=10_000)
settings.load_profile("default")
