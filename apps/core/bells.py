"""Bells: how a lower app says that something happened without knowing who cares.

``ring_on_commit("session.settled", id=…)`` sends the tasks that ``config.bells`` lists for the name, after the
commit. A bell may be lost (broker down, process killed): the sweeper of the same work finds the row by query.
"""

import logging
from functools import cache
from importlib import import_module

from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

log = logging.getLogger(__name__)


@cache
def _bells() -> dict[str, tuple[str, ...]]:
    module, _, name = settings.BELLS.rpartition(".")
    bells: dict[str, tuple[str, ...]] = getattr(import_module(module), name)
    return bells


def ring_on_commit(bell: str, **ids: int | str) -> None:
    """Ring ``bell`` once the running transaction has committed (at once outside of one).

    :raises KeyError: no such bell in the list; a misspelt name is our own mistake
    """
    tasks = _bells()[bell]
    transaction.on_commit(lambda: _send(bell, tasks, ids), robust=True)


def _send(bell: str, tasks: tuple[str, ...], ids: dict[str, int | str]) -> None:
    for task in tasks:
        try:
            current_app.send_task(task, kwargs=ids, retry=False, ignore_result=True)
        except (OperationalError, RedisError, OSError) as error:
            # The sweeper will find the work; the fact itself is committed.
            log.warning("bell %s not heard by %s: %s", bell, task, error)
