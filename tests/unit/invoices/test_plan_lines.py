"""What a plan adds to an invoice, worked by hand."""

from datetime import date
from decimal import Decimal

import pytest

from apps.contracts.domain.plans import Cycle, Days, IncludedFor, PlanTerms
from apps.invoices.domain.plan_lines import SeveralSupplies, Usage, base_fee_line, usage_lines
from apps.invoices.domain.supplies import Supply
from apps.tariffs.domain.ladders import Tier
from apps.tariffs.domain.period import PeriodLine, PeriodPart

MARCH = Days(first=date(2026, 3, 1), end=date(2026, 4, 1))
FROM_THE_15TH = Days(first=date(2026, 3, 15), end=date(2026, 4, 1))
ENERGY, SERVICE = "DE|S|0.1900|net", "DE|S|0.1900|net"


def plan(**fields) -> PlanTerms:
    return PlanTerms(name="Fleet 30", currency="EUR", cycle=Cycle.MONTH, tax_included=False, **fields)


def part(key: int, kwh: str, price: str, *, owner: str = "", supply: str = ENERGY) -> PeriodPart:
    return PeriodPart(
        part_id=str(key),
        metered_at_ms=key,
        energy_milliwh=int(Decimal(kwh) * 1_000_000),
        price=Decimal(price),
        tax_category=supply,
        owner=owner,
    )


def usage(*parts: PeriodPart) -> Usage:
    charged = sum((Decimal(each.energy_milliwh) / 1_000_000 * each.price for each in parts), Decimal(0))
    return Usage(parts=parts, charged=charged.quantize(Decimal("0.01")), energy_only={}, stated=stated)


def stated(line: PeriodLine) -> Decimal:
    return Supply.from_key(line.tax_category).round(line.amount, currency="EUR")[0]


def lines(terms: PlanTerms, *parts: PeriodPart, days: Days = MARCH) -> list[tuple[str, Decimal]]:
    found = usage_lines(terms, days=days, period=MARCH, usage=usage(*parts), service_tax=SERVICE)
    return [(line.kind.value, line.amount) for line in found]


class TestABaseFee:
    def test_is_whole_for_a_whole_period(self):
        line = base_fee_line(plan(base_fee=Decimal("30.00")), days=MARCH, period=MARCH, tax_category=SERVICE)

        assert line.amount == Decimal("30.00")

    def test_is_by_days_for_a_part_of_it(self):
        # 30.00 × 17 ÷ 31 = 16.4516…
        line = base_fee_line(plan(base_fee=Decimal("30.00")), days=FROM_THE_15TH, period=MARCH, tax_category=SERVICE)

        assert line.amount == Decimal("16.45")

    def test_is_no_line_where_there_is_none(self):
        assert base_fee_line(plan(), days=MARCH, period=MARCH, tax_category=SERVICE) is None


class TestIncludedEnergy:
    def test_covers_the_earliest_first(self):
        # 12.5 kWh: 10 × 0.39 = 3.90 and 2.5 × 0.45 = 1.125
        assert lines(plan(included_milliwh=12_500_000), part(2, "10", "0.45"), part(1, "10", "0.39")) == [
            ("included", Decimal("-3.90")),
            ("included", Decimal("-1.125")),
        ]

    def test_is_by_days_in_a_part_of_the_period(self):
        # 100 kWh × 17 ÷ 31 = 54.838 kWh, × 0.50 = 27.419
        assert lines(plan(included_milliwh=100_000_000), part(1, "80", "0.50"), days=FROM_THE_15TH) == [
            ("included", Decimal("-27.419"))
        ]

    def test_is_each_vehicles_own_where_it_was_agreed_so(self):
        # Each vehicle has 10 kWh: all 8 of the one, 10 of the other's 30, both × 0.50
        terms = plan(included_milliwh=10_000_000, included_for=IncludedFor.VEHICLE)
        found = usage_lines(
            terms,
            days=MARCH,
            period=MARCH,
            usage=usage(part(1, "8", "0.50", owner="7"), part(2, "30", "0.50", owner="8")),
            service_tax=SERVICE,
        )

        assert [(line.owner, line.amount) for line in found] == [("7", Decimal("-4")), ("8", Decimal("-5"))]


class TestSteps:
    REBATES = (Tier(up_to=Decimal(100), unit_price=Decimal(0)), Tier(up_to=None, unit_price=Decimal("-0.05")))

    def test_take_off_what_goes_beyond_them(self):
        # 250 kWh: 150 beyond 100, each 0.05 less
        assert lines(plan(steps=self.REBATES), part(1, "250", "0.40")) == [("tier", Decimal("-7.50"))]

    def test_count_what_the_included_energy_leaves(self):
        # 250 kWh less 40 included: 110 beyond 100
        assert lines(plan(steps=self.REBATES, included_milliwh=40_000_000), part(1, "250", "0.40")) == [
            ("included", Decimal("-16")),
            ("tier", Decimal("-5.50")),
        ]

    def test_end_earlier_in_a_part_of_the_period(self):
        # 100 × 17 ÷ 31 = 54.8387… → 54.839; 250 − 54.839 = 195.161 × −0.05
        assert lines(plan(steps=self.REBATES), part(1, "250", "0.40"), days=FROM_THE_15TH) == [
            ("tier", Decimal("-9.75805"))
        ]

    def test_are_refused_over_supplies_that_are_taxed_differently(self):
        with pytest.raises(SeveralSupplies):
            lines(plan(steps=self.REBATES), part(1, "90", "0.40"), part(2, "90", "0.40", supply="FR|S|0.2000|net"))


class TestAMinimum:
    def test_is_brought_up_to(self):
        assert lines(plan(minimum=Decimal("50.00")), part(1, "20", "0.50")) == [("true_up", Decimal("40.00"))]

    def test_counts_what_is_billed_to_the_cent(self):
        # 10 × 0.4567 = 4.567 → 4.57; included 1.111 × 0.4567 = 0.5073937 → −0.51; 50.00 − 4.06
        assert lines(plan(minimum=Decimal("50.00"), included_milliwh=1_111_000), part(1, "10", "0.4567")) == [
            ("included", Decimal("-0.5073937")),
            ("true_up", Decimal("45.94")),
        ]

    def test_is_by_days_and_due_without_any_session(self):
        # 50.00 × 17 ÷ 31 = 27.419…
        assert lines(plan(minimum=Decimal("50.00")), days=FROM_THE_15TH) == [("true_up", Decimal("27.42"))]

    def test_reached_adds_nothing(self):
        assert lines(plan(minimum=Decimal("10.00")), part(1, "20", "0.50")) == []


class TestAMaximum:
    def test_takes_off_what_is_above(self):
        assert lines(plan(maximum=Decimal("80.00")), part(1, "200", "0.50")) == [("cap", Decimal("-20.00"))]

    def test_not_reached_adds_nothing(self):
        assert lines(plan(maximum=Decimal("80.00")), part(1, "100", "0.50")) == []
