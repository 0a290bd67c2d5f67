"""The price at every moment of a local week."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from apps.tariffs.domain.matching import SoFar
from apps.tariffs.domain.terms import (
    WEEK,
    Dimension,
    IdleRules,
    PriceComponent,
    ReservationRestriction,
    Restrictions,
    TariffElement,
    TariffTerms,
)
from apps.tariffs.domain.week import GridDay, WeekGrid, week_grid

BERLIN = "Europe/Berlin"
JUNE = date(2026, 6, 3)
NIGHT = Restrictions(start_time=time(22), end_time=time(6))


def element(restrictions: Restrictions | None = None, **prices: str) -> TariffElement:
    components = tuple(
        PriceComponent(dimension=Dimension(name.upper()), price=Decimal(price)) for name, price in prices.items()
    )
    return TariffElement(price_components=components, restrictions=restrictions or Restrictions())


def grid(*elements: TariffElement, week_of: date = JUNE, **given: Any) -> WeekGrid:
    asked = {name: given.pop(name) for name in ("dimension", "so_far") if name in given}
    time_zone = given.pop("time_zone", BERLIN)
    terms = TariffTerms(**{"currency": "EUR", "tax_included": True, "elements": elements, **given})
    return week_grid(terms, time_zone=time_zone, week_of=week_of, **asked)


def told(day: GridDay) -> list[tuple[str, str, int, str | None]]:
    return [
        (each.starts, each.ends, each.minutes, None if each.price is None else str(each.price))
        for each in day.stretches
    ]


class TestWeekGrid:
    def test_has_the_seven_days_from_monday_on(self):
        week = grid(element(energy="0.49"))

        assert [day.day for day in week.days] == [date(2026, 6, number) for number in range(1, 8)]
        assert all(told(day) == [("00:00", "24:00", 1440, "0.49")] for day in week.days)

    def test_cuts_a_day_where_a_window_begins_and_ends(self):
        week = grid(element(NIGHT, energy="0.29"), element(energy="0.49"))

        assert told(week.days[0]) == [
            ("00:00", "06:00", 360, "0.29"),
            ("06:00", "22:00", 960, "0.49"),
            ("22:00", "24:00", 120, "0.29"),
        ]
        assert [each.element_index for each in week.days[0].stretches] == [0, 1, 0]
        assert week.days[0].stretches[1].start_at == datetime(2026, 6, 1, 4, 0, tzinfo=UTC)
        assert week.days[0].stretches[1].end_at == datetime(2026, 6, 1, 20, 0, tzinfo=UTC)

    def test_tests_the_day_of_the_week_inside_a_wrapped_window_too(self):
        friday_night = Restrictions(day_of_week=(WEEK[4],), start_time=time(22), end_time=time(6))

        week = grid(element(friday_night, energy="0.29"))

        assert told(week.days[4]) == [
            ("00:00", "06:00", 360, "0.29"),
            ("06:00", "22:00", 960, None),
            ("22:00", "24:00", 120, "0.29"),
        ]
        assert told(week.days[5]) == [("00:00", "24:00", 1440, None)]

    def test_cuts_finer_than_an_hour_where_the_tariff_does(self):
        noon = Restrictions(start_time=time(11, 45), end_time=time(12, 1))

        assert told(grid(element(noon, energy="0.19"), element(energy="0.49")).days[0])[1] == (
            "11:45",
            "12:01",
            16,
            "0.19",
        )

    def test_has_no_stretch_of_no_length_at_the_end_of_the_day(self):
        late = Restrictions(start_time=time(18), end_time=time(0))

        assert told(grid(element(late, energy="0.59")).days[0]) == [
            ("00:00", "18:00", 1080, None),
            ("18:00", "24:00", 360, "0.59"),
        ]

    def test_numbers_prices_by_height_and_alike_in_every_week(self):
        july = Restrictions(start_date=date(2026, 7, 1), end_date=date(2026, 8, 1))
        elements = (element(july, energy="0.39"), element(NIGHT, energy="0.29"), element(energy="0.49"))

        june, summer = grid(*elements), grid(*elements, week_of=date(2026, 7, 15))

        assert june.bands == summer.bands == (Decimal("0.29"), Decimal("0.39"), Decimal("0.49"))
        assert [each.band for each in june.days[0].stretches] == [0, 2, 0]
        assert [each.band for each in summer.days[0].stretches] == [1]

    def test_knows_holidays(self):
        week = grid(
            element(Restrictions(holiday=True), energy="0.29"),
            element(Restrictions(holiday=False), energy="0.49"),
            holidays=(date(2026, 6, 4),),
        )

        assert [day.is_holiday for day in week.days] == [False, False, False, True, False, False, False]
        assert [told(day)[0][3] for day in week.days[2:5]] == ["0.49", "0.29", "0.49"]

    def test_is_that_of_a_session_that_has_just_begun_or_has_come_so_far(self):
        elements = (
            element(Restrictions(max_kwh=Decimal(10)), energy="0.39"),
            element(energy="0.49"),
            element(Restrictions(reservation=ReservationRestriction.RESERVATION), energy="9"),
        )

        fresh, later = grid(*elements), grid(*elements, so_far=SoFar(energy_kwh=Decimal(10)))

        assert told(fresh.days[0]) == [("00:00", "24:00", 1440, "0.39")]
        assert told(later.days[0]) == [("00:00", "24:00", 1440, "0.49")]
        assert fresh.bands == (Decimal("0.39"), Decimal("0.49"))

    def test_shows_another_dimension_and_its_quiet_hours(self):
        week = grid(
            element(energy="0.49", parking_time="6"),
            dimension=Dimension.PARKING_TIME,
            idle=IdleRules(quiet_start=time(22), quiet_end=time(7)),
        )

        assert told(week.days[0]) == [
            ("00:00", "07:00", 420, None),
            ("07:00", "22:00", 900, "6"),
            ("22:00", "24:00", 120, None),
        ]


class TestTheWeekOfAChangeOfClocks:
    def test_in_spring_has_a_day_of_23_hours(self):
        """A night of 22:00–06:00 has one hour less, from 02:00 straight to 03:00."""
        sunday = grid(element(NIGHT, energy="0.29"), element(energy="0.49"), week_of=date(2026, 3, 29)).days[6]

        assert sunday.minutes == 1380
        assert told(sunday)[0] == ("00:00", "06:00", 300, "0.29")

    def test_in_spring_begins_what_the_clock_skips_at_the_transition(self):
        skipped = Restrictions(start_time=time(2, 30), end_time=time(6))

        assert told(grid(element(skipped, energy="0.29"), week_of=date(2026, 3, 29)).days[6]) == [
            ("00:00", "02:00", 120, None),
            ("03:00", "06:00", 180, "0.29"),
            ("06:00", "24:00", 1080, None),
        ]

    def test_in_autumn_has_a_day_of_25_hours_and_an_hour_twice(self):
        window = Restrictions(start_time=time(2, 30), end_time=time(6))

        sunday = grid(element(window, energy="0.29"), week_of=date(2026, 10, 25)).days[6]

        assert sunday.minutes == 1500
        assert told(sunday) == [
            ("00:00", "02:30", 150, None),
            ("02:30", "03:00", 30, "0.29"),
            ("02:00", "02:30", 30, None),
            ("02:30", "06:00", 210, "0.29"),
            ("06:00", "24:00", 1080, None),
        ]

    @pytest.mark.parametrize(
        ("time_zone", "day", "minutes"),
        [
            ("Africa/Cairo", date(2026, 4, 24), 1380),  # the clock skips midnight itself
            ("Australia/Lord_Howe", date(2026, 4, 5), 1470),  # half an hour
            ("Asia/Kolkata", date(2026, 3, 29), 1440),
        ],
    )
    def test_fills_every_day_of_every_zone(self, time_zone, day, minutes):
        week = grid(element(NIGHT, energy="0.29"), element(energy="0.49"), week_of=day, time_zone=time_zone)

        [found] = [each for each in week.days if each.day == day]
        assert found.minutes == minutes
        for each in week.days:
            assert sum(stretch.minutes for stretch in each.stretches) == each.minutes
            assert [stretch.end_at for stretch in each.stretches[:-1]] == [
                stretch.start_at for stretch in each.stretches[1:]
            ]
