"""The posting table to the cent: event → account → amount, debits positive."""

from collections import defaultdict
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ledger.domain.chart import CHART
from apps.ledger.domain.posting import check_balanced
from apps.payments.domain.postings import Lines, paid_back_by_bank, received_by_bank, written_off
from apps.payments.domain.write_offs import CategoryShare, added_up, moved, split_gross


def share(category: str, rate: str, net: str, tax: str) -> CategoryShare:
    return CategoryShare(category=category, rate=Decimal(rate), net=Decimal(net), tax=Decimal(tax))


ONE_RATE = (share("S", "0.19", "100.00", "19.00"),)
TWO_RATES = (share("S", "0.19", "100.00", "19.00"), share("S", "0.07", "10.00", "0.70"))
NO_VAT = (share("AE", "0", "250.00", "0.00"),)


def books(lines: Lines) -> dict[str, str]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        sums[CHART[line.role].name] += line.amount
    return {name: str(amount) for name, amount in sums.items() if amount}


class TestThePostingTable:
    @pytest.mark.parametrize(
        ("event", "lines", "expected"),
        [
            (
                "bank receipt",
                received_by_bank(Decimal("119.00")),
                {"Bank": "119.00", "Trade receivables": "-119.00"},
            ),
            (
                "credit paid back by bank",
                paid_back_by_bank(Decimal("12.34")),
                {"Trade receivables": "12.34", "Bank": "-12.34"},
            ),
            (
                "write-off of the whole: 100.00 + 19.00",
                written_off(ONE_RATE),
                {"Bad debt": "100.00", "VAT payable": "19.00", "Trade receivables": "-119.00"},
            ),
            (
                # 50.00 × 19/119 = 7.983… → 7.98
                "write-off of 50.00 that are left",
                written_off(split_gross(Decimal("50.00"), ONE_RATE, currency="EUR")),
                {"Bad debt": "42.02", "VAT payable": "7.98", "Trade receivables": "-50.00"},
            ),
            (
                # 119.00 : 10.70 of 129.70; 64.85 → 59.50 + 5.35; VAT 59.50 × 19/119 = 9.50, 5.35 × 0.70/10.70 = 0.35
                "write-off of half of two rates",
                written_off(split_gross(Decimal("64.85"), TWO_RATES, currency="EUR")),
                {"Bad debt": "55.00", "VAT payable": "9.85", "Trade receivables": "-64.85"},
            ),
            (
                "write-off without VAT (reverse charge)",
                written_off(NO_VAT),
                {"Bad debt": "250.00", "Trade receivables": "-250.00"},
            ),
            (
                # 119.00 given up, 50.00 paid: 69.00 × 19/119 = 11.016… → 11.02 stay; 19.00 − 11.02 = 7.98 come back.
                "50.00 of a write-off of 119.00 recovered",
                written_off(moved(before=ONE_RATE, after=split_gross(Decimal("69.00"), ONE_RATE, currency="EUR"))),
                {"Bad debt": "-42.02", "VAT payable": "-7.98", "Trade receivables": "50.00"},
            ),
        ],
    )
    def test_says_what_each_event_moves(self, event, lines, expected):
        check_balanced(lines, currency="EUR")

        assert books(lines) == expected


class TestAWriteOff:
    @given(payments=st.lists(st.integers(1, 5_000), max_size=8))
    def test_is_back_at_zero_in_every_category_once_all_of_it_was_paid(self, payments):
        left = Decimal("129.70")
        standing = split_gross(left, TWO_RATES, currency="EUR")
        booked = list(standing)
        for cents in [*payments, 1_000_000]:
            left -= min(left, Decimal(cents) / 100)
            after = split_gross(left, TWO_RATES, currency="EUR")
            booked += moved(before=standing, after=after)
            standing = after

        assert all((row.net, row.tax) == (0, 0) for row in added_up(booked))

    def test_finds_nothing_to_correct_in_a_category_that_was_credited(self):
        left = added_up([*TWO_RATES, share("S", "0.19", "-100.00", "-19.00")])

        assert split_gross(Decimal("10.70"), left, currency="EUR") == (
            share("S", "0.19", "0.00", "0.00"),
            share("S", "0.07", "10.00", "0.70"),
        )
