"""Amounts as Stripe counts them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.domain.money import NotRounded
from apps.payments.domain.amounts import from_stripe, to_stripe

TABLE = [
    ("12.34", "EUR", 1234),
    ("0.01", "EUR", 1),
    ("500", "JPY", 500),
    ("1.250", "KWD", 1250),
    ("9", "ISK", 900),
    ("1500", "UGX", 150000),
    ("7.00", "MGA", 7),
]


class TestMinorUnits:
    @pytest.mark.parametrize(("amount", "currency", "minor"), TABLE)
    def test_follow_stripes_table_of_currencies(self, amount, currency, minor):
        assert to_stripe(Decimal(amount), currency=currency) == minor
        assert from_stripe(minor, currency=currency) == Decimal(amount)

    @pytest.mark.parametrize(("amount", "currency"), [("0.001", "EUR"), ("0.5", "JPY"), ("0.5", "MGA")])
    def test_are_never_rounded_to(self, amount, currency):
        with pytest.raises(NotRounded):
            to_stripe(Decimal(amount), currency=currency)

    @given(st.integers(0, 10**12), st.sampled_from(["EUR", "JPY", "KWD"]))
    def test_come_back_as_they_went(self, minor, currency):
        assert to_stripe(from_stripe(minor, currency=currency), currency=currency) == minor
