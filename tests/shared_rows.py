"""Rows that hundreds of tests look at are made once, in a transaction around those of the tests.

What a test changes is rolled back with its own transaction; then the rows are there again for the next one. They are
gone before a test that does not ask for them, or that really commits, so that nobody finds rows it did not ask for.
"""

import copy
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from django.db import connection, transaction


class SharedRows:
    """The rows that are there now, in the one database of this process, and how they are made.

    Always in one order, each in a transaction inside that of the one before: the last may go and the others stay.
    """

    def __init__(self) -> None:
        self.makers: dict[str, Callable[[], Any]] = {}
        self._made: dict[str, Any] = {}
        self._around: list[transaction.Atomic] = []
        self._blocker: Any = None

    def have(self, names: frozenset[str], *, blocker: Any) -> None:
        """Make the rows of these names that are not there yet, and take away those of others."""
        self.remove_other_than(names)
        self._blocker = blocker
        for name in sorted(names)[len(self._made) :]:
            with blocker.unblock():
                self._make(name)

    def _make(self, name: str) -> None:
        around = transaction.atomic()
        # Like those of a test: services that want to be outermost may be called in it.
        around._from_testcase = True
        with ExitStack() as unless_made:
            unless_made.enter_context(around)
            made = self.makers[name]()
            connection.check_constraints()
            unless_made.pop_all()
        self._around.append(around)
        self._made[name] = made

    def remove_other_than(self, names: frozenset[str]) -> None:
        """Roll back to a database that holds of these names what was made first, and nothing else."""
        while list(self._made) != sorted(names)[: len(self._made)]:
            self._made.popitem()
            with self._blocker.unblock():
                transaction.set_rollback(True)
                self._around.pop().__exit__(None, None, None)

    def remove(self) -> None:
        self.remove_other_than(frozenset())

    def copy_of(self, name: str) -> Any:
        """Return objects of a test's own for the rows: it may change them."""
        return copy.deepcopy(self._made[name])


SHARED = SharedRows()


def shared_fixture(name: str, make: Callable[[], Any]) -> Any:
    """Return a fixture of rows that tests share; one that really commits has rows of its own."""
    SHARED.makers[name] = make

    @pytest.fixture(name=name)
    def fixture(request: pytest.FixtureRequest, db: None) -> Any:
        return make() if is_committing(request.node) else SHARED.copy_of(name)

    return fixture


def is_committing(item: Any) -> bool:
    """Whether a test's transactions are real ones."""
    marker = item.get_closest_marker("django_db")
    really = marker is not None and bool(marker.kwargs.get("transaction"))
    return really or bool({"transactional_db", "live_server"} & set(getattr(item, "fixturenames", ())))


def shared_by(item: Any) -> frozenset[str]:
    """Return the names of the rows that a test shares with others."""
    return frozenset() if is_committing(item) else SHARED.makers.keys() & set(getattr(item, "fixturenames", ()))
