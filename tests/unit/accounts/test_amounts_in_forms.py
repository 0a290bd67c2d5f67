"""Amounts in the console's forms look as they were typed, whatever their column keeps."""

from decimal import Decimal

import pytest
from django.forms import modelform_factory

from apps.accounts.tenant_admin import TenantForm
from apps.sessions.models import Budget

Form = modelform_factory(Budget, form=TenantForm, fields=["amount"])


class TestAmounts:
    @pytest.mark.parametrize(
        ("kept", "shown"),
        [("100.000000", "100.00"), ("0.123400", "0.1234"), ("0.000000", "0.00"), ("1000.5", "1000.5")],
    )
    def test_are_shown_without_the_zeros_of_their_column(self, kept, shown):
        form = Form(instance=Budget(amount=Decimal(kept)))

        assert f'value="{shown}"' in str(form["amount"])

    def test_that_are_typed_otherwise_are_no_change(self):
        form = Form({"amount": "100"}, instance=Budget(amount=Decimal("100.000000")))

        assert form.changed_data == []
