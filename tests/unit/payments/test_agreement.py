"""In which respects our mirror of a payment may differ from Stripe, and what is proposed as the cause."""

from dataclasses import replace
from decimal import Decimal

import pytest

from apps.payments.domain.agreement import Standing, disagreements
from apps.payments.domain.status import PaymentStatus

STANDING = Standing(
    status=PaymentStatus.SUCCEEDED,
    amount=Decimal("119.00"),
    received=Decimal("119.00"),
    refunded=Decimal("0"),
    disputed=Decimal("0"),
)


def differing(**stripes) -> list[str]:
    return disagreements(ours=STANDING, stripes=replace(STANDING, **stripes), is_asked=True)


class TestDisagreements:
    def test_are_none_between_equals_whatever_their_decimals(self):
        assert differing(received=Decimal("119")) == []

    @pytest.mark.parametrize(
        ("stripes", "expected"),
        [
            ({"amount": Decimal("100.00")}, "the amount was changed at Stripe"),
            ({"received": Decimal("100.00")}, "look at the payment again"),
            ({"refunded": Decimal("1.00")}, "refunded at Stripe, not here"),
            ({"disputed": Decimal("1.00")}, "the dispute's webhook is missing"),
            ({"status": PaymentStatus.CANCELED}, "canceled at Stripe or its hold expired"),
        ],
    )
    def test_propose_a_cause(self, stripes, expected):
        [said] = differing(**stripes)

        assert expected in said

    def test_between_refunds_may_be_a_failure_we_missed(self):
        ours = replace(STANDING, refunded=Decimal("5.00"))

        [said] = disagreements(ours=ours, stripes=STANDING, is_asked=True)

        assert "the refund's failure was missed" in said
