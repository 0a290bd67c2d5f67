"""The standing invariants, found in each app and imported from none.

An invariant is a SQL view named ``audit_i<n>_<words>`` in the topmost app it touches, whose rows are its
violations (columns ``subject`` and ``problem``), or a Python check registered here by the app that owns it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db import connection

Check = Callable[[], Iterator[tuple[str, str]]]
_checks: dict[str, Check] = {}
_remote: dict[str, Check] = {}
VIEW_NAME = re.compile(r"audit_(i\d+)_\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One breach: which invariant (``I4``), of what (``journal 12``), in words."""

    invariant: str
    subject: str
    problem: str


def register(invariant: str, *, is_remote: bool = False) -> Callable[[Check], Check]:
    """Register a check that yields ``(subject, problem)`` per violation, e.g. ``@register("I8")``.

    is_remote  it asks somebody over the network and runs only when that is wished
    """

    def add(check: Check) -> Check:
        (_remote if is_remote else _checks)[f"{invariant}:{check.__module__}.{check.__qualname__}"] = check
        return check

    return add


def view_names() -> list[str]:
    """Return the names of all audit views of this database, ascending by invariant."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT viewname FROM pg_views WHERE schemaname = current_schema() AND viewname LIKE 'audit\\_i%'"
        )
        names = [row[0] for row in cursor.fetchall()]
    return sorted(names, key=lambda name: (int(name.split("_")[1][1:]), name))


def invariants(*, with_remote: bool = False) -> list[str]:
    """Return what is checked: view names and registered checks."""
    return view_names() + sorted(_wished(with_remote))


def _wished(with_remote: bool) -> dict[str, Check]:
    return _checks | _remote if with_remote else _checks


def find_violations(*, with_remote: bool = False) -> Iterator[Violation]:
    """Run every view and check, those over the network only when wished; yield each violation found."""
    for name in view_names():
        match = VIEW_NAME.fullmatch(name)
        assert match, name
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT subject, problem FROM {connection.ops.quote_name(name)}")  # noqa: S608
            for subject, problem in cursor.fetchall():
                yield Violation(invariant=match[1].upper(), subject=str(subject), problem=problem)
    for key, check in sorted(_wished(with_remote).items()):
        for subject, problem in check():
            yield Violation(invariant=key.partition(":")[0], subject=subject, problem=problem)
