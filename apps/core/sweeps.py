"""A sweep takes each row by itself: one that breaks is named in the log and stops none of the others."""

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from django.db import OperationalError, transaction

log = logging.getLogger(__name__)

Key = TypeVar("Key")


def one_by_one(keys: Iterable[Key], work: Callable[[Key], object]) -> int:
    """Do ``work`` for each key in a transaction of its own; return how many did not break.

    :raises OperationalError: the database itself failed; what is left is found by the next sweep
    """
    done = 0
    for key in keys:
        try:
            with transaction.atomic():
                work(key)
        except OperationalError:
            raise
        except Exception:
            # Whatever it is, it came from this one row.
            log.exception("%s broke at %s", getattr(work, "__name__", work), key)
        else:
            done += 1
    return done
