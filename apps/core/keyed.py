"""Rows of a long list found by their keys first: joined before they are sorted, all of them would be.

The database sorts narrow rows and then joins the few that a page shows, not tens of thousands for twenty-five. The
keys are told and not asked for within: the planner would not believe that they are few.
"""

from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet


def first_of(rows: QuerySet[Any], count: int) -> QuerySet[Any]:
    """Return the first of ordered rows, with whatever is joined to them."""
    return rows.filter(pk__in=list(rows.values_list("pk", flat=True)[:count]))


class KeyedPaginator(Paginator):
    """Pages of ordered rows with whatever is joined to them; ``object_list`` is a queryset."""

    def page(self, number: int | str) -> Any:
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        rows: Any = self.object_list
        keys = list(rows.values_list("pk", flat=True)[first : first + self.per_page])
        return Page(rows.filter(pk__in=keys), number, self)
