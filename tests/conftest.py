"""What every test shares: nothing of a run stays behind on the shared Valkey."""

import pytest
from django.conf import settings
from redis import Redis


@pytest.fixture(scope="session", autouse=True)
def _own_keys_are_removed():
    yield
    with Redis.from_url(settings.REDIS_URL) as redis:
        if keys := list(redis.scan_iter(f"{settings.NAMESPACE}*")):
            redis.delete(*keys)
