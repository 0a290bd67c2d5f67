"""Amounts in the console's forms look as they were typed, whatever their column keeps."""

from django.urls import reverse

from apps.sessions.models import Budget
from tests.integration.tenants import ours, owner, row_of

__all__ = ["ours", "owner"]


class TestAmounts:
    def test_are_shown_without_the_zeros_of_their_column(self, ours, owner):
        budget = row_of(Budget, ours.owner)
        page = owner.get(reverse("admin:charging_sessions_budget_change", args=[budget.pk])).content.decode()

        assert 'value="100.00"' in page
        assert 'value="100.000000"' not in page
