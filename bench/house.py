"""A database of the benchmarks' own, made from the migrations and dropped however the run ends."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote

from django.conf import settings
from django.db import connection, connections
from redis import Redis

from bench.measure import say


@contextmanager
def own_database() -> Iterator[None]:
    """Create ``bench_wattledger``, connect this process to it, and drop it at the end with all keys of the run."""
    say("making the database bench_wattledger")
    usual = connection.settings_dict["NAME"]
    try:
        # One left behind by a run that was killed is replaced.
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        yield
    finally:
        connections.close_all()
        if connection.settings_dict["NAME"] != usual:
            connection.creation.destroy_test_db(usual, verbosity=0)
        _forget_keys()


def child_env() -> Mapping[str, str]:
    """Return what a process needs to join this one's database and keys."""
    config = connection.settings_dict
    login = quote(config["USER"]) + (f":{quote(config['PASSWORD'])}" if config["PASSWORD"] else "")
    place = quote(config["HOST"], safe="") + (f":{config['PORT']}" if config["PORT"] else "")
    return {
        "DATABASE_URL": f"postgres://{login}@{place}/{config['NAME']}",
        "DATABASE_POOL": "10",
        "REDIS_URL": settings.REDIS_URL,
        "NAMESPACE": settings.NAMESPACE,
        "DJANGO_SETTINGS_MODULE": "bench.settings",
    }


def _forget_keys() -> None:
    with Redis.from_url(settings.REDIS_URL) as redis:
        if keys := list(redis.scan_iter(f"{settings.NAMESPACE}*")):
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
