"""What disputes move in the books, to the cent, and from which state they may go where."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from apps.core.domain.moves import IllegalMove
from apps.ledger.domain.chart import CHART
from apps.ledger.domain.posting import check_balanced
from apps.payments.domain.disputes import (
    DisputeStatus,
    Loss,
    advance_dispute,
    dispute_fee,
    is_pressing,
    lost,
    reinstated,
    withdrawn,
)

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def books(lines) -> dict[str, str]:
    sums: dict[str, Decimal] = {}
    for line in lines:
        name = CHART[line.role].name
        sums[name] = sums.get(name, Decimal(0)) + line.amount
    return {name: str(amount) for name, amount in sums.items() if amount}


def loss(owed="0", beyond="0", fees="0") -> Loss:
    return Loss(fees=Decimal(fees), owed=Decimal(owed), beyond=Decimal(beyond))


class TestThePostingTable:
    @pytest.mark.parametrize(
        ("event", "lines", "currency", "expected"),
        [
            (
                "opened",
                withdrawn(Decimal("119.00")),
                "EUR",
                {"Disputed payments": "119.00", "Stripe clearing": "-119.00"},
            ),
            ("its fee", dispute_fee(Decimal("20.00")), "EUR", {"Payment fees": "20.00", "Stripe clearing": "-20.00"}),
            (
                "its fee comes back",
                dispute_fee(Decimal("-20.00")),
                "EUR",
                {"Payment fees": "-20.00", "Stripe clearing": "20.00"},
            ),
            (
                "won",
                reinstated(Decimal("119.00")),
                "EUR",
                {"Stripe clearing": "119.00", "Disputed payments": "-119.00"},
            ),
            (
                "lost: its documents are open again, and given up by journals of their own",
                lost(loss(owed="129.70")),
                "EUR",
                {"Trade receivables": "129.70", "Disputed payments": "-129.70"},
            ),
            (
                "lost with the fee of a reminder, which bears no VAT",
                lost(loss(owed="129.70", fees="5.00")),
                "EUR",
                {"Trade receivables": "129.70", "Bad debt": "5.00", "Disputed payments": "-134.70"},
            ),
            (
                "lost, with 7.00 beyond what was paid",
                lost(loss(owed="255.00", beyond="7.00")),
                "EUR",
                {"Trade receivables": "255.00", "Bad debt": "7.00", "Disputed payments": "-262.00"},
            ),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_says_what_each_event_moves(self, event, lines, currency, expected):
        check_balanced(lines, currency=currency)

        assert books(lines) == expected


class TestADispute:
    def test_may_begin_as_an_inquiry_and_end_once(self):
        assert advance_dispute(DisputeStatus.WARNING_NEEDS_RESPONSE, DisputeStatus.LOST) == DisputeStatus.LOST
        with pytest.raises(IllegalMove):
            advance_dispute(DisputeStatus.LOST, DisputeStatus.WON)

    @pytest.mark.parametrize(
        ("status", "days_left", "expected"),
        [
            (DisputeStatus.NEEDS_RESPONSE, 3, True),
            (DisputeStatus.NEEDS_RESPONSE, 4, False),
            (DisputeStatus.UNDER_REVIEW, 1, False),
        ],
    )
    def test_presses_for_an_answer_in_its_last_three_days(self, status, days_left, expected):
        assert is_pressing(status=status, due_by=NOON + timedelta(days=days_left), at=NOON) is expected

    def test_without_a_deadline_never_does(self):
        assert not is_pressing(status=DisputeStatus.NEEDS_RESPONSE, due_by=None, at=NOON)
