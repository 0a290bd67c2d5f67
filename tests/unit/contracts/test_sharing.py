"""Shared costs of a community, worked by hand."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.contracts.domain.plans import Days
from apps.contracts.domain.sharing import (
    NotShared,
    Stay,
    Weighted,
    amount_of,
    periods_of,
    share_by_consumption,
    share_by_days,
)

JUNE = Days(first=date(2026, 6, 1), end=date(2026, 7, 1))
LONG_AGO = date(2020, 1, 1)


def weighs(unit: str, weight: str, *, first: date = LONG_AGO, end: date | None = None) -> Weighted:
    return Weighted(unit=unit, first=first, end=end, weight=Decimal(weight))


def holds(unit: str, holder: int, *, first: date = LONG_AGO, end: date | None = None) -> Stay:
    return Stay(unit=unit, holder=holder, first=first, end=end)


def by_days(amount: str, weights, stays, *, period: Days = JUNE, currency: str = "EUR"):
    shares = share_by_days(Decimal(amount), period=period, weights=weights, stays=stays, currency=currency)
    return [(share.unit, share.holder, share.amount) for share in shares]


class TestACostByDays:
    def test_is_split_to_the_cent_by_largest_remainder(self):
        units = ["A", "B", "C"]

        shares = by_days("100.00", [weighs(u, "1") for u in units], [holds(u, n) for n, u in enumerate(units)])

        # 100.00 ÷ 3 = 33.333…: the cent that is left goes to the first.
        assert shares == [("A", 0, Decimal("33.34")), ("B", 1, Decimal("33.33")), ("C", 2, Decimal("33.33"))]

    def test_follows_the_areas(self):
        weights = [weighs("A", "60.5"), weighs("B", "45"), weighs("C", "44.5")]

        shares = by_days("120.00", weights, [holds("A", 1), holds("B", 2), holds("C", 3)])

        # 150 m²: 120 × 60.5 ÷ 150 = 48.40, × 45 ÷ 150 = 36.00, × 44.5 ÷ 150 = 35.60
        assert [amount for _, _, amount in shares] == [Decimal("48.40"), Decimal("36.00"), Decimal("35.60")]

    def test_is_borne_by_each_holder_for_their_days_when_a_unit_changes_hands(self):
        middle = date(2026, 6, 16)

        shares = by_days(
            "90.00",
            [weighs("A", "1"), weighs("B", "1")],
            [holds("A", 1), holds("B", 2, end=middle), holds("B", 3, first=middle)],
        )

        assert shares == [("A", 1, Decimal("45.00")), ("B", 2, Decimal("22.50")), ("B", 3, Decimal("22.50"))]

    def test_follows_a_key_that_changes_in_mid_period(self):
        middle = date(2026, 6, 16)
        weights = [weighs("A", "1"), weighs("B", "1", end=middle), weighs("B", "3", first=middle)]

        shares = by_days("80.00", weights, [holds("A", 1), holds("B", 2)])

        # 40.00 by halves (20.00, 20.00), then 40.00 one to three (10.00, 30.00)
        assert shares == [("A", 1, Decimal("30.00")), ("B", 2, Decimal("50.00"))]

    def test_has_no_cents_in_yen(self):
        shares = by_days("100", [weighs(u, "1") for u in "ABC"], [holds(u, 1) for u in "ABC"], currency="JPY")

        assert [amount for _, _, amount in shares] == [Decimal(34), Decimal(33), Decimal(33)]

    def test_is_refused_where_nobody_holds_a_unit(self):
        with pytest.raises(NotShared, match="nobody holds B from 2026-06-01 to 2026-06-09"):
            by_days(
                "10.00", [weighs("A", "1"), weighs("B", "1")], [holds("A", 1), holds("B", 2, first=date(2026, 6, 10))]
            )

    def test_is_refused_where_no_unit_weighs_anything(self):
        with pytest.raises(NotShared, match="no unit has a weight from 2026-06-21 to 2026-06-30"):
            by_days("10.00", [weighs("A", "1", end=date(2026, 6, 21))], [holds("A", 1)])

    @given(
        cents=st.integers(-100_000, 100_000),
        weights=st.lists(st.decimals(min_value="0.01", max_value="500", places=2), min_size=1, max_size=6),
        moves=st.lists(st.integers(2, 29), min_size=6, max_size=6),
    )
    def test_always_adds_up_to_itself(self, cents, weights, moves):
        stays = []
        for number in range(len(weights)):
            day = date(2026, 6, moves[number])
            stays += [holds(f"U{number}", number, end=day), holds(f"U{number}", 100 + number, first=day)]
        amount = Decimal(cents).scaleb(-2)

        shares = share_by_days(
            amount,
            period=JUNE,
            weights=[weighs(f"U{number}", str(weight)) for number, weight in enumerate(weights)],
            stays=stays,
            currency="EUR",
        )

        assert sum(share.amount for share in shares) == amount
        assert sum((share.part for share in shares), Fraction(0)) == 1


class TestACostByConsumption:
    def test_follows_what_each_charged(self):
        stays = [holds("A", 1), holds("B", 2), holds("C", 3)]

        shares = share_by_consumption(
            Decimal("50.00"), period=JUNE, stays=stays, milliwh=[30_000_000, 0, 60_000_000], currency="EUR"
        )

        # 30 of 90 kWh: 16.67 (16.666…); 60 of 90: 33.33
        assert [(share.unit, share.amount) for share in shares] == [("A", Decimal("16.67")), ("C", Decimal("33.33"))]

    def test_is_refused_where_nobody_charged(self):
        with pytest.raises(NotShared, match="nobody charged"):
            share_by_consumption(Decimal("50.00"), period=JUNE, stays=[holds("A", 1)], milliwh=[0], currency="EUR")


class TestPeriods:
    def test_of_a_monthly_cost_are_months_cut_at_its_ends(self):
        periods = periods_of(first=date(2026, 5, 17), end=date(2026, 7, 11), is_monthly=True, until=date(2026, 12, 31))

        assert [(period.first, period.last) for period in periods] == [
            (date(2026, 5, 17), date(2026, 5, 31)),
            (date(2026, 6, 1), date(2026, 6, 30)),
            (date(2026, 7, 1), date(2026, 7, 10)),
        ]

    def test_wait_until_they_are_over(self):
        assert periods_of(first=date(2026, 6, 1), end=None, is_monthly=True, until=date(2026, 6, 29)) == ()
        assert periods_of(first=date(2026, 6, 1), end=date(2026, 7, 1), is_monthly=False, until=date(2026, 6, 29)) == ()

    def test_cost_a_month_by_its_days(self):
        part = Days(first=date(2026, 5, 17), end=date(2026, 6, 1))

        # 15 of 31 days of 62.00
        assert amount_of(Decimal("62.00"), period=part, is_monthly=True, currency="EUR") == Decimal("30.00")
        assert amount_of(Decimal("62.00"), period=part, is_monthly=False, currency="EUR") == Decimal("62.00")
