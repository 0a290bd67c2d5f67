"""Which registers are billed, and what an operator reads of the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.tariffs.domain.register import CleanRegister, Reading, _check, clean_register

NOON = 1_772_366_400_000  # 2026-03-01 12:00:00 UTC
MINUTE = 60_000
HOUR = 60 * MINUTE


def reading(minutes: int, kwh: float | int) -> Reading:
    return Reading(at_ms=NOON + minutes * MINUTE, energy_milliwh=round(kwh * 1_000_000))


def clean(
    *readings: Reading,
    begin: Reading,
    end: Reading | None = None,
    max_power_w: int | None = 11_000,
    max_gap_ms: int | None = 24 * HOUR,
) -> CleanRegister:
    return clean_register(readings=readings, begin=begin, end=end, max_power_w=max_power_w, max_gap_ms=max_gap_ms)


def codes(register: CleanRegister) -> list[str]:
    return [problem.code for problem in register.problems]


class TestCleanRegister:
    def test_sorts_dedupes_and_drops_what_lies_outside_the_anchors(self):
        begin, end = reading(0, 100), reading(60, 110)
        middle, late = reading(20, 103), reading(40, 106)

        register = clean(late, middle, begin, middle, reading(-5, 99), reading(65, 111), begin=begin, end=end)

        assert register.readings == (begin, middle, late, end)
        assert register.problems == ()

    def test_takes_the_last_reading_for_the_end_while_there_is_none(self):
        begin, last = reading(0, 100), reading(30, 105)

        assert clean(last, begin=begin).readings == (begin, last)
        assert clean(begin=begin).readings == (begin,)

    def test_sends_a_register_that_falls_to_review(self):
        before, after = reading(10, 101), reading(20, 100.5)

        register = clean(before, after, begin=reading(0, 100), end=reading(30, 102))

        (problem,) = register.problems
        assert problem.code == "rollback"
        assert problem.readings == (before, after)
        assert problem.message == (
            "The register falls from 101.000 kWh (2026-03-01 12:10:00 UTC) to 100.500 kWh (2026-03-01 12:20:00 UTC)."
        )

    def test_sends_a_register_below_zero_to_review(self):
        begin, middle, end = reading(0, -2), reading(10, -1), reading(60, 5)

        register = clean(middle, begin=begin, end=end)

        (problem,) = register.problems
        assert problem.code == "negative"
        assert problem.readings == (begin,)
        assert problem.message == (
            "The reading -2.000 kWh (2026-03-01 12:00:00 UTC) is below zero, "
            "which no register of imported energy can be."
        )

    def test_takes_a_register_that_begins_at_zero(self):
        assert codes(clean(begin=reading(0, 0), end=reading(60, 5))) == []

    def test_sends_more_than_the_connector_delivers_to_review(self):
        begin, after = reading(0, 100), reading(10, 105)

        register = clean(after, begin=begin, end=reading(60, 106))

        (problem,) = register.problems
        assert problem.code == "jump"
        assert problem.readings == (begin, after)
        assert problem.message == (
            "The register rises by 5.000 kWh between 2026-03-01 12:00:00 UTC and 2026-03-01 12:10:00 UTC, "
            "more than a connector of 11 kW can deliver."
        )

    @pytest.mark.parametrize(
        ("kwh", "expected"),
        [(12.2, []), (12.200001, ["jump"])],
    )
    def test_lets_a_tenth_and_100_watt_hours_pass(self, kwh, expected):
        assert codes(clean(begin=reading(0, 100), end=reading(60, 100 + kwh))) == expected

    def test_finds_small_rises_that_add_up_to_too_much(self):
        rises = [Reading(at_ms=NOON + step * 1000, energy_milliwh=100_000_000 + step * 90_000) for step in range(60)]

        register = clean(*rises, begin=rises[0], end=rises[-1])

        assert codes(register) == ["jump"]
        assert register.problems[0].readings == (rises[0], rises[-1])

    def test_lets_a_connector_it_does_not_know_deliver_what_the_strongest_one_does(self):
        # 1000 kW and a tenth over 10 min are 183.3 kWh, and 100 Wh are let pass.
        assert codes(clean(begin=reading(0, 100), end=reading(10, 283.4), max_power_w=None)) == []

    def test_sends_a_jump_to_review_that_no_connector_could_deliver(self):
        begin, end = reading(0, 100), reading(10, 283.5)

        (problem,) = clean(begin=begin, end=end, max_power_w=None).problems

        assert (problem.code, problem.readings) == ("jump", (begin, end))
        assert problem.message == (
            "The register rises by 183.500 kWh between 2026-03-01 12:00:00 UTC and 2026-03-01 12:10:00 UTC, "
            "more than a connector of 1000 kW can deliver."
        )

    def test_sends_two_values_for_one_instant_to_review(self):
        one, other = reading(10, 101), reading(10, 101.5)
        begin, end = reading(0, 100), reading(60, 110)

        register = clean(other, one, begin=begin, end=end)

        (problem,) = register.problems
        assert problem.code == "conflict"
        assert problem.message == ("Two values for one instant, 2026-03-01 12:10:00 UTC: 101.000 kWh and 101.500 kWh.")
        assert register.readings == (begin, one, end)

    def test_believes_the_anchor_where_a_reading_contradicts_it(self):
        begin, end = reading(0, 100), reading(60, 110)

        register = clean(reading(60, 109), begin=begin, end=end)

        assert codes(register) == ["conflict"]
        assert register.readings == (begin, end)

    def test_sends_an_end_below_the_begin_to_review(self):
        register = clean(begin=reading(0, 100), end=reading(60, 99))

        (problem,) = register.problems
        assert problem.code == "end_below_begin"
        assert problem.message == "The end reading 99.000 kWh is below the begin reading 100.000 kWh."

    def test_sends_an_end_older_than_the_begin_to_review(self):
        begin = reading(0, 100)

        register = clean(begin=begin, end=reading(-60, 105))

        assert codes(register) == ["end_before_begin"]
        assert register.readings == (begin,)

    @pytest.mark.parametrize("max_power_w", [11_000, None])
    def test_sends_a_begin_of_zero_that_is_not_the_register_to_review(self, max_power_w):
        begin, first = reading(0, 0), reading(5, 8_123.4)

        register = clean(first, begin=begin, end=reading(60, 8_130), max_power_w=max_power_w)

        (problem,) = register.problems
        assert problem.code == "begin_not_register"
        assert problem.readings == (begin, first)
        assert problem.message == (
            "The begin reading is 0, but the register stands at 8123.400 kWh (2026-03-01 12:05:00 UTC): "
            "the station did not report the register when the session began."
        )

    def test_believes_a_new_meter_that_begins_at_zero(self):
        assert codes(clean(reading(30, 5), begin=reading(0, 0), end=reading(60, 10))) == []

    def test_sends_a_long_silence_in_which_energy_flowed_to_review(self):
        begin, end = reading(0, 100), reading(25 * 60, 150)

        register = clean(begin=begin, end=end)

        (problem,) = register.problems
        assert problem.code == "gap"
        assert problem.message == (
            "No reading for 25.0 h between 2026-03-01 12:00:00 UTC and 2026-03-02 13:00:00 UTC, "
            "while 50.000 kWh flowed."
        )
        assert codes(clean(begin=begin, end=end, max_gap_ms=None)) == []
        assert codes(clean(begin=begin, end=reading(25 * 60, 100))) == []

    @given(
        rises=st.lists(st.tuples(st.integers(0, 3), st.integers(-2, 5)), max_size=6),
        end=st.sampled_from((None, reading(10, 102))),
        data=st.data(),
    )
    def test_says_the_same_whatever_the_order(self, rises, end, data):
        begin = reading(0, 100)
        readings = [reading(minutes, 100 + kwh) for minutes, kwh in rises]

        shuffled = data.draw(st.permutations(readings))

        assert clean(*shuffled, begin=begin, end=end) == clean(*readings, begin=begin, end=end)


class TestTheGlance:
    """A register that is plainly clean is let through without the check; the check would have found the same."""

    @given(
        steps=st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 40)), min_size=1, max_size=12),
        begin_kwh=st.sampled_from((0, 100)),
        has_end=st.booleans(),
        max_power_w=st.sampled_from((11_000, 400_000, 1_000_000)),
        max_gap_ms=st.sampled_from((None, 90 * MINUTE)),
    )
    def test_lets_through_only_what_the_check_lets_through(self, steps, begin_kwh, has_end, max_power_w, max_gap_ms):
        readings = [reading(0, begin_kwh)]
        for quarters, tenths in steps:
            last = readings[-1]
            readings.append(Reading(last.at_ms + quarters * 15 * MINUTE, last.energy_milliwh + tenths * 100_000))
        end = readings[-1] if has_end else None

        at_a_glance = clean(*readings, begin=readings[0], end=end, max_power_w=max_power_w, max_gap_ms=max_gap_ms)

        assert at_a_glance == _check(readings, readings[0], end, max_power_w, max_gap_ms)
