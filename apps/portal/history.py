"""What customers change in the portal, written where their seller reads it: the console's history.

Each change is one line at the row itself and one at its customer, in the console's own format and in its English,
whatever language the page is in. The line is written with the change or not at all.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, DELETION
from django.db import transaction
from django.utils import translation

from apps.accounts.admin_history import add_line, moves
from apps.accounts.models import Invitation, Membership
from apps.contracts.models import Customer


@contextmanager
def history_of(membership: Membership) -> Iterator["History"]:
    """Open a transaction in which the member changes something and says so; a refusal takes both back."""
    with transaction.atomic(), translation.override("en"):
        yield History(membership)


class History:
    """What one member did."""

    def __init__(self, membership: Membership) -> None:
        self._by = membership.user_id

    def added(self, row: Any) -> None:
        self._write(row, ADDITION, {"added": {}})

    def changed(self, row: Any, form: Any) -> None:
        """Say of each field of a form what it was and what it is; nothing where nothing changed."""
        if form.changed_data:
            self._write(row, CHANGE, {"changed": {"fields": moves(form, form.changed_data)}})

    def saved(self, row: Any, form: Any, *, is_new: bool) -> None:
        """Say that a row was added, or what of it was changed."""
        if is_new:
            self.added(row)
        else:
            self.changed(row, form)

    def removed(self, row: Any) -> None:
        """Say that a row goes; before it does, since it has no key afterwards."""
        self._write(row, DELETION, {"deleted": _named(row)})

    def did(self, row: Any, words: str) -> None:
        """Say in a sentence what became of a row."""
        add_line(row, by_id=self._by, flag=CHANGE, told=words)
        kind = str(row._meta.verbose_name).capitalize()
        for customer in _customers_of(row):
            add_line(customer, by_id=self._by, flag=CHANGE, told=f"{kind} {row}: {words}")

    def _write(self, row: Any, flag: int, told: dict[str, dict[str, Any]]) -> None:
        add_line(row, by_id=self._by, flag=flag, told=told)
        named = {what: {**_named(row), **said} for what, said in told.items()}
        for customer in _customers_of(row):
            add_line(customer, by_id=self._by, flag=CHANGE, told=named)


def _named(row: Any) -> dict[str, str]:
    return {"name": str(row._meta.verbose_name), "object": str(row)}


def _customers_of(row: Any) -> Iterable[Customer]:
    """Return whose history a row belongs to: a person's or an invitation's, that of every seller they buy from."""
    if isinstance(row, Membership | Invitation):
        return Customer.objects.filter(organisation=row.organisation_id)
    return [row.customer if hasattr(row, "customer") else row.contract.customer]
