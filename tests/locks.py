"""How a test shows that a race is real: every row lock is taken away, and threads meet between look and write."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from unittest import mock

from django.db.models import QuerySet

PATIENCE: Final = 10


@contextmanager
def locks_off(*places: tuple[Any, str], people: int) -> Iterator[None]:
    """Let nobody lock a row, and ``people`` threads meet before they go on into one of the named functions.

    places  (owner, name) of what is called between what each has seen and what each then writes
    """
    all_looked, met = threading.Barrier(people), threading.local()

    def late(go_on: Any) -> Any:
        def wait(*args: Any, **kwargs: Any) -> Any:
            if not getattr(met, "once", False):
                met.once = True
                all_looked.wait(PATIENCE)
            return go_on(*args, **kwargs)

        return wait

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(QuerySet, "select_for_update", lambda self, **_: self.all()))
        for owner, name in places:
            stack.enter_context(mock.patch.object(owner, name, late(getattr(owner, name))))
        yield
        assert not all_looked.broken, "they did not meet, so nothing was shown"
