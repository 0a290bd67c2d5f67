"""A fee sold to a company abroad: the buyer owes its VAT only with an identifier that can be one."""

from datetime import date
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from apps.contracts.formats import missing_for_format
from apps.contracts.models import Customer
from tests.factories import give_plan, make_owner
from tests.integration.invoices.world import bill

pytestmark = pytest.mark.django_db


def test_is_the_seller_where_the_buyers_identifier_is_none(site):
    """A base fee of 30.00 to Austria: 30.00 with the identifier; 30.00 + 19 % = 35.70 with what only looks like one."""
    give_plan(contract=site.contract, first_day=date(2026, 2, 1), base_fee="30.00")
    billed = []
    for vat_id, until in (("ATU13585627", date(2026, 2, 28)), ("AT-nonsense", date(2026, 3, 31))):
        Customer.objects.filter(pk=site.customer.pk).update(country="AT", vat_id=vat_id)
        (invoice,) = bill(site, until_date=until)
        billed.append((invoice.taxes.get().category, invoice.gross.amount))

    assert billed == [("AE", Decimal("30.00")), ("S", Decimal("35.70"))]
    site.customer.refresh_from_db()
    assert "the one that is stated is none" in missing_for_format(site.customer)[0]


def test_is_decided_by_identifiers_that_forms_look_at(site):
    customer, registration = site.customer, make_owner(country="DE").tax_registrations.get()
    for row in (customer, registration):
        row.vat_id = "DE136695977"
        with pytest.raises(ValidationError) as refusal:
            row.full_clean()
        assert refusal.value.message_dict["vat_id"] == [
            "This is no VAT identifier of Germany: a letter or digit is wrong or missing."
        ]
        row.vat_id = "de 136 695 976"
        row.full_clean()
        assert row.vat_id == "DE136695976"
