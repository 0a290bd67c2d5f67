"""The smallest amounts that a card is charged with."""

from decimal import Decimal

import pytest

from apps.payments.domain.minimums import least_charge


class TestLeastCharge:
    @pytest.mark.parametrize(
        ("currency", "amount"), [("EUR", "0.50"), ("GBP", "0.30"), ("JPY", "50"), ("KRW", "1"), ("KWD", "0.001")]
    )
    def test_is_stripe_s_or_one_minor_unit(self, currency, amount):
        assert least_charge(currency) == Decimal(amount)
