"""Billing periods of a contract and the days of a plan within them."""

from datetime import date
from decimal import Decimal

from apps.contracts.domain.plans import Cycle, Days, PlanSpan, PlanTerms, period_of, periods_until, spans_in


def terms(cycle: Cycle = Cycle.MONTH, name: str = "Basic") -> PlanTerms:
    return PlanTerms(name=name, currency="EUR", cycle=cycle, tax_included=False, base_fee=Decimal(30))


def firsts(spans: list[PlanSpan], until: date) -> list[date]:
    return [period.first for period in periods_until(spans, until=until)]


class TestAPeriod:
    def test_is_the_month_of_a_day(self):
        assert period_of(date(2026, 12, 31), cycle=Cycle.MONTH) == Days(first=date(2026, 12, 1), end=date(2027, 1, 1))

    def test_is_the_quarter_of_a_day(self):
        assert period_of(date(2026, 11, 5), cycle=Cycle.QUARTER) == Days(first=date(2026, 10, 1), end=date(2027, 1, 1))

    def test_has_its_days(self):
        february = period_of(date(2028, 2, 10), cycle=Cycle.MONTH)

        assert (february.count, february.last) == (29, date(2028, 2, 29))
        assert date(2028, 3, 1) not in february


class TestPeriodsUntilADay:
    def test_begin_with_that_of_the_first_plan(self):
        spans = [PlanSpan(terms=terms(), first=date(2026, 3, 15))]

        assert firsts(spans, date(2026, 5, 1)) == [date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)]

    def test_are_none_before_the_first_plan_begins(self):
        assert firsts([PlanSpan(terms=terms(), first=date(2026, 3, 15))], date(2026, 3, 14)) == []

    def test_count_a_month_with_two_plans_once(self):
        spans = [
            PlanSpan(terms=terms(), first=date(2026, 3, 1), end=date(2026, 3, 20)),
            PlanSpan(terms=terms(name="Plus"), first=date(2026, 3, 20)),
        ]

        assert firsts(spans, date(2026, 4, 2)) == [date(2026, 3, 1), date(2026, 4, 1)]

    def test_end_with_the_last_plan(self):
        spans = [PlanSpan(terms=terms(), first=date(2026, 1, 1), end=date(2026, 2, 10))]

        assert firsts(spans, date(2026, 12, 31)) == [date(2026, 1, 1), date(2026, 2, 1)]

    def test_go_from_months_to_quarters(self):
        spans = [
            PlanSpan(terms=terms(), first=date(2026, 2, 1), end=date(2026, 4, 1)),
            PlanSpan(terms=terms(Cycle.QUARTER), first=date(2026, 4, 1)),
        ]

        assert firsts(spans, date(2026, 8, 1)) == [
            date(2026, 2, 1),
            date(2026, 3, 1),
            date(2026, 4, 1),
            date(2026, 7, 1),
        ]


class TestPlansWithinAPeriod:
    def test_have_their_days(self):
        old, new = terms(), terms(name="Plus")
        spans = [
            PlanSpan(terms=new, first=date(2026, 3, 20)),
            PlanSpan(terms=old, first=date(2026, 1, 1), end=date(2026, 3, 20)),
        ]

        assert spans_in(period_of(date(2026, 3, 1), cycle=Cycle.MONTH), spans) == (
            (old, Days(first=date(2026, 3, 1), end=date(2026, 3, 20))),
            (new, Days(first=date(2026, 3, 20), end=date(2026, 4, 1))),
        )
