"""One profile for all laws: the same examples on every machine, and no deadline on a busy one."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "costguard",
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
settings.load_profile("costguard")
