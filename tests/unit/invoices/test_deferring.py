"""What a month earns of a fee in advance, worked by hand, and the laws of it."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.invoices.domain.deferring import deferred_on, parts_of

JANUARY_1 = date(2026, 1, 1)


def told(amount: str, first: date, last: date, currency: str = "EUR") -> list[tuple[str, str, str]]:
    parts = parts_of(Decimal(amount), first=first, last=last, currency=currency)
    return [(f"{part.first:%d.%m}", f"{part.last:%d.%m}", f"{part.amount:f}") for part in parts]


class TestParts:
    @pytest.mark.parametrize(
        ("amount", "first", "last", "currency", "expected"),
        [
            # 1.00 a day.
            (
                *("90.00", JANUARY_1, date(2026, 3, 31), "EUR"),
                [("01.01", "31.01", "31.00"), ("01.02", "28.02", "28.00"), ("01.03", "31.03", "31.00")],
            ),
            # 100 × 17 ÷ 76 = 22.3684…, × 28 = 36.8421…, × 31 = 40.7894…: 22.36 + 36.84 + 40.78 leave two cents for the
            # largest remainders, 0.0094… of March and 0.0084… of January.
            (
                *("100.00", date(2026, 1, 15), date(2026, 3, 31), "EUR"),
                [("15.01", "31.01", "22.37"), ("01.02", "28.02", "36.84"), ("01.03", "31.03", "40.79")],
            ),
            # What is taken back is the mirror image, so that both together are nothing in every month.
            (
                *("-100.00", date(2026, 1, 15), date(2026, 3, 31), "EUR"),
                [("15.01", "31.01", "-22.37"), ("01.02", "28.02", "-36.84"), ("01.03", "31.03", "-40.79")],
            ),
            # A leap year: 29 of 91 days.
            (
                *("91.00", date(2028, 1, 1), date(2028, 3, 31), "EUR"),
                [("01.01", "31.01", "31.00"), ("01.02", "29.02", "29.00"), ("01.03", "31.03", "31.00")],
            ),
            # Yen have no decimals: 100 × 31 ÷ 59 = 52.5…, 47.4….
            (
                *("100", JANUARY_1, date(2026, 2, 28), "JPY"),
                [("01.01", "31.01", "53"), ("01.02", "28.02", "47")],
            ),
            # A month of nothing is none.
            ("0.01", JANUARY_1, date(2026, 2, 28), "EUR", [("01.01", "31.01", "0.01")]),
            ("30.00", date(2026, 12, 1), date(2026, 12, 31), "EUR", [("01.12", "31.12", "30.00")]),
        ],
        ids=["a quarter", "largest remainders", "taken back", "leap year", "yen", "a cent", "a month"],
    )
    def test_are_by_days_to_the_cent(self, amount, first, last, currency, expected):
        assert told(amount, first, last, currency) == expected

    @given(
        cents=st.integers(-1_000_000, 1_000_000),
        first=st.dates(date(2020, 1, 1), date(2030, 1, 1)),
        days=st.integers(0, 400),
    )
    def test_add_up_to_the_fee_and_touch_without_overlap(self, cents, first, days):
        amount, last = Decimal(cents) / 100, first + timedelta(days=days)

        parts = parts_of(amount, first=first, last=last, currency="EUR")

        assert sum((part.amount for part in parts), Decimal(0)) == amount
        assert all((part.first.year, part.first.month) == (part.last.year, part.last.month) for part in parts)
        assert all(before.last < after.first for before, after in pairwise(parts))
        taken_back = parts_of(-amount, first=first, last=last, currency="EUR")
        assert [-part.amount for part in taken_back] == [part.amount for part in parts]


class TestDeferredOnADay:
    PARTS = parts_of(Decimal("90.00"), first=JANUARY_1, last=date(2026, 3, 31), currency="EUR")

    @pytest.mark.parametrize(
        ("day", "amount"),
        [
            (date(2025, 12, 31), "90.00"),
            (date(2026, 1, 31), "90.00"),
            (date(2026, 2, 1), "59.00"),
            (date(2026, 3, 31), "31.00"),
            (date(2026, 4, 1), "0"),
        ],
    )
    def test_is_what_is_not_over(self, day, amount):
        assert sum((part.amount for part in deferred_on(self.PARTS, day=day)), Decimal(0)) == Decimal(amount)
