"""Months that are summed up say what their days say, and one that is stale is asked of its days."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db.models import Sum

from apps.analytics import figures, tasks
from apps.analytics.figures import Figures
from apps.analytics.models import DayFigure, MonthFigure, StaleMonth, StationDay
from apps.analytics.services.figures import recount_all, sum_up_months, sweep_figures
from tests.factories import Site, make_site, make_station
from tests.integration.analytics.world import beside, make_record

BY = DayFigure.By
SUMMER = datetime(2026, 7, 20, 10, 0, tzinfo=UTC)
OCTOBER = date(2026, 10, 15)
SPANS = [
    (date(2026, 7, 1), date(2026, 10, 15)),
    (date(2026, 7, 21), date(2026, 9, 29)),
    (date(2026, 8, 1), date(2026, 8, 31)),
    (date(2026, 8, 2), date(2026, 8, 30)),
    (date(2025, 1, 1), date(2027, 1, 1)),
]


@pytest.fixture
def site(db) -> Site:
    site = make_site()
    for place in (site, beside(site), beside(site, currency="CHF")):
        for day in range(0, 90, 9):
            make_record(place, kwh=3 + day % 11, started_at=SUMMER + timedelta(days=day, hours=place.evse.pk % 5))
    sweep_figures()
    return site


def sums_of(days: figures.Days) -> figures.Sums:
    return figures.sums_of(DayFigure.objects.all(), MonthFigure.objects.all(), StaleMonth.objects.all(), between=days)


def direct(by: str, days: figures.Days) -> dict[int, Figures]:
    """Add up the days, most energy first."""
    found: dict[int, Figures] = {}
    rows = DayFigure.objects.filter(by=by, local_date__range=days)
    for day in rows:
        found.setdefault(day.key, Figures()).add(
            Figures(day.sessions, day.energy_milliwh, day.in_use_ms, {day.currency: day.net})
        )
    return dict(sorted(found.items(), key=lambda pair: (-pair[1].energy_milliwh, pair[0])))


def check_equal() -> None:
    for span in SPANS:
        sums = sums_of(span)
        for by in (BY.SITE, BY.TARIFF, BY.CUSTOMER, BY.CONNECTOR):
            expected = direct(by, span)
            ranking = figures.rankings(sums, most=2)[by]
            backwards = list(reversed(expected.items()))
            assert list(figures.by_key(sums, by).items()) == list(expected.items())
            assert (list(ranking.most.items()), ranking.count) == (list(expected.items())[:2], len(expected))
            assert list(ranking.least.items()) == backwards[:2]


class TestMonths:
    def test_equal_their_days_before_and_after_they_are_summed_up_and_after_late_data(self, site):
        stale = [date(2026, 7, 1), date(2026, 8, 1), date(2026, 9, 1), date(2026, 10, 1)]
        assert list(StaleMonth.objects.order_by("month").values_list("month", flat=True)) == stale
        check_equal()

        assert sum_up_months(before=OCTOBER) == 3
        assert sum_up_months(before=OCTOBER) == 0
        assert list(StaleMonth.objects.values_list("month", flat=True)) == stale[3:]
        assert sums_of(SPANS[0]).months.aggregate(n=Sum("sessions"))["n"] > 0
        check_equal()

        make_record(site, kwh=50, started_at=datetime(2026, 8, 31, 21, 30, tzinfo=UTC))
        sweep_figures()
        assert date(2026, 8, 1) in StaleMonth.objects.values_list("month", flat=True)
        check_equal()
        tasks.sum_up_months()
        check_equal()

        recount_all()
        assert not MonthFigure.objects.exists()
        check_equal()

    def test_of_a_period_without_any_have_no_places(self, site):
        ranking = figures.rankings(sums_of((date(2020, 1, 1), date(2020, 12, 31))), most=2)

        assert {(len(each.most), len(each.least), each.count) for each in ranking.values()} == {(0, 0, 0)}


class TestLongestAway:
    @pytest.mark.parametrize("most", [1, 2, 3, 8])
    def test_is_the_head_of_all_stations(self, site, most):
        days = (date(2026, 8, 1), date(2026, 8, 3))
        stations = [site.station, *(make_station(location=site.location) for _ in range(3))]
        for number, station in enumerate(stations):
            for day in range(1, 6):
                # The last is away outside of the days alone.
                away = number * 10 if number < 3 and day != 2 else 40 if day > 3 else 0
                StationDay.objects.create(
                    station=station,
                    local_date=date(2026, 8, day),
                    watched_ms=1000,
                    available_ms=1000 - away,
                    offline_ms=away // 2,
                    faulted_ms=away - away // 2,
                )

        found = figures.longest_away(StationDay.objects.all(), days, most=most)
        everybody = figures.uptime_by_station(StationDay.objects.all(), days)

        assert found == everybody[:most]
        assert [row["away"] for row in everybody] == [40, 20, 0, 0]
