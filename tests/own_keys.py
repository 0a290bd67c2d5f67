"""This run's keys on the Valkey that other runs, and the other workers of this one, keep theirs on as well."""

from django.conf import settings
from redis import Redis


def forget_own_keys() -> None:
    """Delete what this process and its children keep: counted tries and throttles, caches, waiting tasks.

    Never by ``cache.clear()``: Django empties the whole Valkey, which takes from other workers' tests what they count.
    """
    with Redis.from_url(settings.REDIS_URL) as redis:
        # With the colon: the keys of process 12 begin like those of 123.
        if keys := list(redis.scan_iter(f"{settings.NAMESPACE}:*", count=1_000)):
            redis.delete(*keys)
