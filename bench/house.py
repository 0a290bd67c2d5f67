"""A database of the benchmarks' own, made from the migrations and dropped however the run ends."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.conf import settings
from redis import Redis

from bench.measure import say
from config import apart


@contextmanager
def own_database() -> Iterator[None]:
    """Create ``bench_wattledger``, connect this process to it, and drop it at the end with all keys of the run."""
    say("making the database bench_wattledger")
    try:
        with apart.own_database("bench_wattledger"):
            yield
    finally:
        _forget_keys()


def child_env() -> Mapping[str, str]:
    """Return what a process needs to join this one's database and keys."""
    return {
        "DATABASE_URL": apart.database_url(),
        "DATABASE_POOL": "10",
        "REDIS_URL": settings.REDIS_URL,
        "NAMESPACE": settings.NAMESPACE,
        "DJANGO_SETTINGS_MODULE": "bench.settings",
    }


def _forget_keys() -> None:
    with Redis.from_url(settings.REDIS_URL) as redis:
        if keys := list(redis.scan_iter(f"{settings.NAMESPACE}:*")):
            redis.delete(*keys)


@contextmanager
def quiet() -> Iterator[None]:
    """Say nothing of what a part provokes by the hundred and the app rightly complains of."""
    log = logging.getLogger("apps")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)
