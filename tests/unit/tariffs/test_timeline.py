"""What the engine is told of the vehicle: when idling counts, and how strong the current was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.tariffs.domain.facts import Measured, Reading, StateChange, VehicleState
from apps.tariffs.domain.timeline import mean_powers, measured_or_mean, nothing_after_the_stop, timeline

MINUTE = 60_000
HOUR = 60 * MINUTE
WH = 1_000
KWH = 1_000 * WH
CHARGING, IDLE, HELD_BACK, UNKNOWN = (
    VehicleState.CHARGING,
    VehicleState.IDLE,
    VehicleState.HELD_BACK,
    VehicleState.UNKNOWN,
)


def register(*readings: tuple[int, int]) -> tuple[Reading, ...]:
    return tuple(Reading(at_ms=at_ms, energy_milliwh=energy) for at_ms, energy in readings)


def said(*states: tuple[int, VehicleState]) -> tuple[StateChange, ...]:
    return tuple(StateChange(at_ms=at_ms, state=state) for at_ms, state in states)


def told(
    states: tuple[StateChange, ...], readings: tuple[Reading, ...], *, stop: int = HOUR, end: int = HOUR
) -> list[tuple[int, VehicleState]]:
    changes = timeline(said=states, register=readings, stopped_at_ms=stop, ended_at_ms=end)
    return [(change.at_ms, change.state) for change in changes]


EACH_MINUTE = register((0, 0), *((minute * MINUTE, (minute - 5) * KWH) for minute in range(6, 61)))


class TestWarmingUp:
    def test_is_no_idling_until_the_first_watt_hour(self):
        states = said((0, IDLE), (5 * MINUTE, CHARGING), (30 * MINUTE, IDLE))

        assert told(states, register((0, 0), (5 * MINUTE, 0), (6 * MINUTE, KWH), (HOUR, 9 * KWH))) == [
            (0, HELD_BACK),
            (5 * MINUTE, CHARGING),
            (30 * MINUTE, IDLE),
        ]

    def test_ends_with_the_first_watt_hour_while_the_vehicle_still_idles(self):
        assert told(said((0, IDLE)), register((0, 0), (MINUTE, 0), (2 * MINUTE, 2 * WH), (HOUR, 2 * WH))) == [
            (0, HELD_BACK),
            (2 * MINUTE, IDLE),
        ]

    def test_is_over_with_the_message_that_it_charges_where_no_reading_proves_it_sooner(self):
        begin_and_end_alone = register((0, 0), (HOUR, 20 * KWH))

        assert told(said((0, IDLE), (MINUTE, CHARGING), (20 * MINUTE, IDLE)), begin_and_end_alone) == [
            (0, HELD_BACK),
            (MINUTE, CHARGING),
            (20 * MINUTE, IDLE),
        ]

    def test_goes_on_after_a_closed_contactor_while_the_register_stands_still(self):
        states = said((1, CHARGING), (10, IDLE), (4 * MINUTE, CHARGING))

        assert told(states, register((0, 0), (5 * MINUTE, 0), (6 * MINUTE, KWH))) == [
            (1, CHARGING),
            (10, HELD_BACK),
            (4 * MINUTE, CHARGING),
        ]

    @pytest.mark.parametrize("readings", [(), register((0, 0), (HOUR, 0)), register((0, 0), (HOUR, WH - 1))])
    def test_never_ends_without_a_watt_hour(self, readings):
        assert told(said((0, IDLE)), readings) == [(0, HELD_BACK)]

    def test_leaves_what_the_station_holds_back_and_what_nobody_said(self):
        states = said((0, HELD_BACK), (MINUTE, UNKNOWN), (2 * MINUTE, CHARGING))

        assert told(states, EACH_MINUTE) == [(0, HELD_BACK), (MINUTE, UNKNOWN), (2 * MINUTE, CHARGING)]


class TestAfterTheStop:
    def test_is_idle_for_as_long_as_the_vehicle_is_known_to_stand_there(self):
        assert told(said((0, CHARGING)), EACH_MINUTE, stop=HOUR, end=HOUR + 1) == [(0, CHARGING), (HOUR, IDLE)]

    def test_is_idle_without_a_watt_hour_too(self):
        assert told(said((0, IDLE)), (), stop=HOUR, end=2 * HOUR) == [(0, HELD_BACK), (HOUR, IDLE)]

    def test_is_nothing_where_no_message_says_that_it_still_stands_there(self):
        assert told(said((0, CHARGING)), EACH_MINUTE) == [(0, CHARGING)]

    def test_overrules_what_was_said_of_the_time_after_it(self):
        states = said((0, CHARGING), (HOUR, CHARGING), (HOUR + 1, HELD_BACK))

        assert told(states, EACH_MINUTE, end=2 * HOUR) == [(0, CHARGING), (HOUR, IDLE)]


class TestTimeline:
    @given(
        st.lists(st.tuples(st.integers(0, HOUR), st.sampled_from(VehicleState)), max_size=8, unique_by=lambda s: s[0])
    )
    def test_ascends_whatever_the_order_of_arrival(self, states):
        in_order = told(said(*sorted(states)), EACH_MINUTE, end=2 * HOUR)

        assert told(said(*states), EACH_MINUTE, end=2 * HOUR) == in_order
        assert sorted(in_order, key=lambda change: change[0]) == in_order


class TestMeanPowers:
    def test_are_those_of_each_interval_and_unknown_after_the_last_reading(self):
        readings = register((0, 0), (HOUR, 11 * KWH), (HOUR + 15 * MINUTE, 11 * KWH), (2 * HOUR, 11 * KWH + 1))

        assert mean_powers(readings) == (
            Measured(at_ms=0, value=11_000_000, inferred=True),
            Measured(at_ms=HOUR, value=0, inferred=True),
            Measured(at_ms=HOUR + 15 * MINUTE, value=1, inferred=True),
            Measured(at_ms=2 * HOUR, value=None, inferred=True),
        )

    @pytest.mark.parametrize(("span_ms", "milliwatts"), [(1_600_000, 2), (1_440_000, 3), (1_440_001, 2)])
    def test_are_rounded_half_up(self, span_ms, milliwatts):
        assert mean_powers(register((0, 5), (span_ms, 6)))[0].value == milliwatts

    @pytest.mark.parametrize("readings", [(), register((0, 5))])
    def test_need_two_readings(self, readings):
        assert mean_powers(readings) in ((), (Measured(at_ms=0, value=None, inferred=True),))


class TestMeasuredOrMean:
    READINGS = register((0, 0), (HOUR, 11 * KWH))

    def test_fills_only_what_comes_before_the_first_value_measured(self):
        measured = (Measured(at_ms=2 * MINUTE, value=7), Measured(at_ms=MINUTE, value=5), Measured(at_ms=HOUR, value=9))

        powers = measured_or_mean(measured=measured, register=self.READINGS, stopped_at_ms=HOUR, ended_at_ms=HOUR)

        assert powers == (Measured(at_ms=0, value=11_000_000, inferred=True), measured[1], measured[0])

    def test_is_nothing_after_the_stop(self):
        powers = measured_or_mean(measured=(), register=self.READINGS, stopped_at_ms=HOUR, ended_at_ms=2 * HOUR)

        assert powers == (
            Measured(at_ms=0, value=11_000_000, inferred=True),
            Measured(at_ms=HOUR, value=0, inferred=True),
        )


class TestNothingAfterTheStop:
    def test_never_infers_a_current_while_charging(self):
        assert nothing_after_the_stop((), stopped_at_ms=HOUR, ended_at_ms=HOUR) == ()
        assert nothing_after_the_stop((Measured(at_ms=1, value=16_000),), stopped_at_ms=HOUR, ended_at_ms=HOUR + 1) == (
            Measured(at_ms=1, value=16_000),
            Measured(at_ms=HOUR, value=0, inferred=True),
        )
