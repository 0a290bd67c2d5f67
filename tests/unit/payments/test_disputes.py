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
from apps.payments.domain.write_offs import CategoryShare, split_gross

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def share(category: str, rate: str, net: str, tax: str) -> CategoryShare:
    return CategoryShare(category=category, rate=Decimal(rate), net=Decimal(net), tax=Decimal(tax))


def books(lines) -> dict[str, str]:
    sums: dict[str, Decimal] = {}
    for line in lines:
        name = CHART[line.role].name
        sums[name] = sums.get(name, Decimal(0)) + line.amount
    return {name: str(amount) for name, amount in sums.items() if amount}


def loss(categories, owed="0", beyond="0", fees="0") -> Loss:
    return Loss(categories=categories, fees=Decimal(fees), owed=Decimal(owed), beyond=Decimal(beyond))


TWO_RATES = (share("S", "0.19", "100.00", "19.00"), share("S", "0.07", "10.00", "0.70"))


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
                "lost, two rates: 19.00 + 0.70 of VAT",
                lost(loss(TWO_RATES)),
                "EUR",
                {"Bad debt": "110.00", "VAT payable": "19.70", "Disputed payments": "-129.70"},
            ),
            (
                "lost with the fee of a reminder, which bears no VAT",
                lost(loss(TWO_RATES, fees="5.00")),
                "EUR",
                {"Bad debt": "115.00", "VAT payable": "19.70", "Disputed payments": "-134.70"},
            ),
            (
                # 119.00 : 10.70 of 129.70; 64.85 → 59.50 + 5.35; VAT 59.50 × 19/119 = 9.50, 5.35 × 0.70/10.70 = 0.35
                "lost, half of it",
                lost(loss(split_gross(Decimal("64.85"), TWO_RATES, currency="EUR"))),
                "EUR",
                {"Bad debt": "55.00", "VAT payable": "9.85", "Disputed payments": "-64.85"},
            ),
            (
                "lost, without VAT, 5.00 the customer was owed and 7.00 beyond what was paid",
                lost(loss((share("AE", "0", "250.00", "0.00"),), owed="5.00", beyond="7.00")),
                "EUR",
                {"Bad debt": "257.00", "Trade receivables": "5.00", "Disputed payments": "-262.00"},
            ),
            (
                # 1,000 yen × 100 / 1,100 = 90.9 → 91
                "lost, yen have no decimals",
                lost(loss(split_gross(Decimal("1000"), (share("S", "0.10", "1000", "100"),), currency="JPY"))),
                "JPY",
                {"Bad debt": "909", "VAT payable": "91", "Disputed payments": "-1000"},
            ),
            (
                # 1.250 dinars × 0.060 / 1.260 = 0.05952… → 0.060
                "lost, dinars have three",
                lost(loss(split_gross(Decimal("1.250"), (share("S", "0.05", "1.200", "0.060"),), currency="KWD"))),
                "KWD",
                {"Bad debt": "1.190", "VAT payable": "0.060", "Disputed payments": "-1.250"},
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
