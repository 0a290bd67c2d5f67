"""Many windows, many days, many idle stretches: the same prices, and work in proportion.

The law tests draw at most five elements and two days; here are hundreds of windows, more than a machine word has bits.
"""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from apps.tariffs.domain.compiled import compile_tariff
from apps.tariffs.domain.facts import Reading, SessionFacts, StateChange, VehicleState
from apps.tariffs.domain.parse import parse_tariff
from apps.tariffs.domain.rated import ChargingPeriod, PricedPart
from apps.tariffs.domain.terms import Dimension
from tests.unit.tariffs.laws import parts_of, rate

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
BERLIN = "Europe/Berlin"
WINDOW_MINUTES = 6
WINDOWS = 24 * 60 // WINDOW_MINUTES


def at_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


def clock(minutes: int) -> str:
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"


def windows(**restrictions):
    """Return elements of six minutes each, every one at a price of its own, that fill the day."""
    return [
        {
            "price_components": [{"type": "ENERGY", "price": f"0.{100 + index}"}],
            "restrictions": {
                "start_time": clock(index * WINDOW_MINUTES),
                "end_time": clock((index + 1) * WINDOW_MINUTES),
                **restrictions,
            },
        }
        for index in range(WINDOWS)
    ]


def tariff(*elements, **options):
    return parse_tariff({"currency": "EUR", "tax_included": "NO", "elements": list(elements), **options})


def session(start: str, hours: int, *states: StateChange) -> SessionFacts:
    """Return a session that draws 6 kW, read once an hour."""
    start_ms = at_ms(start)
    return SessionFacts(
        started_at_ms=start_ms,
        ended_at_ms=start_ms + hours * HOUR,
        time_zone=BERLIN,
        register=tuple(
            Reading(at_ms=start_ms + hour * HOUR, energy_milliwh=(1_000 + 6 * hour) * 10**6)
            for hour in range(hours + 1)
        ),
        states=states,
    )


class TestHundredsOfWindows:
    @pytest.mark.parametrize(("start", "hours"), [("2026-03-28T17:03", 30), ("2026-10-24T17:03", 30)])
    def test_price_each_six_minutes_by_the_wall_clock_through_both_clock_changes(self, start, hours):
        rated = rate(session(start, hours), tariff(*windows()))

        assert len(rated.periods) == hours * 60 // WINDOW_MINUTES + 1
        assert sum(period.energy_milliwh for period in rated.periods) == hours * 6 * 10**6
        for period in rated.periods:
            local = datetime.fromtimestamp(period.start_ms // 1000, tz=ZoneInfo(BERLIN))
            (part,) = period.parts
            assert part.element_index == (local.hour * 60 + local.minute) // WINDOW_MINUTES
            assert part.quantity == (period.end_ms - period.start_ms) // MINUTE * 10**5

    def test_rule_where_a_threshold_says_nothing(self):
        """The first element that matches wins, also where its bit lies behind hundreds of others."""
        cheap = {"price_components": [{"type": "ENERGY", "price": "0.01"}], "restrictions": {"max_kwh": "3"}}

        rated = rate(session("2026-06-10T10:00", 1), tariff(*windows(min_kwh="1.2"), cheap))

        free = [part.element_index for part in parts_of(rated)]
        assert free == [WINDOWS, *range(122, 130)]
        assert parts_of(rated)[0].quantity == 1_200_000

    def test_keep_one_day_of_all_that_are_alike(self):
        elements = compile_tariff(tariff(*windows())).charging
        monday, tuesday, of_the_clock_change = (at_ms(day) // DAY for day in ("2026-06-08", "2026-06-09", "2026-03-29"))

        assert elements.segments(BERLIN, monday) is elements.segments(BERLIN, tuesday)
        assert elements.segments(BERLIN, monday) is not elements.segments(BERLIN, of_the_clock_change)


class TestManyIdleStretches:
    def test_count_outside_the_quiet_hours_alone(self):
        """Two local days of half an hour charging, half an hour idling; 16 of 24 hours a day are not quiet."""
        start_ms = at_ms("2026-06-09T22:00")
        states = [
            StateChange(
                at_ms=start_ms + index * HOUR // 2, state=VehicleState.IDLE if index % 2 else VehicleState.CHARGING
            )
            for index in range(96)
        ]
        idle = {"price_components": [{"type": "PARKING_TIME", "price": "6"}], "restrictions": {"min_idle_time": 3600}}

        rated = rate(
            session("2026-06-09T22:00", 48, *states), tariff(idle, idle={"quiet_start": "22:00", "quiet_end": "06:00"})
        )

        assert rated.idle_ms == 2 * 16 * HOUR // 2
        # The first hour is the grace: two half hours from 06:30 on the first day.
        assert sum(part.quantity for part in parts_of(rated)) == rated.idle_ms - HOUR
        first = next(period for period in rated.periods if period.parts)
        assert datetime.fromtimestamp(first.start_ms // 1000, tz=ZoneInfo(BERLIN)).time() == time(8, 30)


class TestRatedTuples:
    def test_have_all_their_fields(self):
        """They are built past their own constructors, which would count."""
        rated = rate(session("2026-06-10T10:00", 2), tariff(*windows()))

        assert {len(period) for period in rated.periods} == {len(ChargingPeriod._fields)}
        assert {len(part) for part in parts_of(rated)} == {len(PricedPart._fields)}
        assert {part.dimension for part in parts_of(rated)} == {Dimension.ENERGY}
