import pytest

from apps.sessions.domain.limits import at_full_power, most_delivered, pause_ms, sample_interval_ms
from apps.tariffs.domain.facts import Reading

KWH = 1_000_000


def register(*seconds: int) -> list[Reading]:
    return [Reading(at_ms=second * 1000, energy_milliwh=second * 1000) for second in seconds]


class TestSampleInterval:
    @pytest.mark.parametrize(
        ("seconds", "expected_ms"),
        [
            ((0,), 60_000),
            ((0, 10), 10_000),
            ((0, 10, 20, 300), 10_000),
            ((0, 10, 40), 30_000),
            ((0, 300, 600), 60_000),
        ],
        ids=["unknown", "one", "the median, not the gap", "the longer of two", "at most a minute"],
    )
    def test_is_the_median_of_at_most_a_minute(self, seconds, expected_ms):
        assert sample_interval_ms(register(*seconds)) == expected_ms


class TestAtFullPower:
    def test_is_two_intervals_of_the_connectors_power_ahead(self):
        """22 kW for 2 × 30 s: 22,000 W × 60 s ÷ 3600 = 366.666… Wh, rounded up."""
        readings = [Reading(at_ms=0, energy_milliwh=0), Reading(at_ms=30_000, energy_milliwh=KWH)]

        assert at_full_power(readings, max_power_w=22_000) == Reading(at_ms=90_000, energy_milliwh=KWH + 366_667)

    def test_lets_only_time_pass_where_no_power_is_known(self):
        readings = [Reading(at_ms=0, energy_milliwh=KWH)]

        assert at_full_power(readings, max_power_w=None) == Reading(at_ms=120_000, energy_milliwh=KWH)

    def test_looks_beyond_the_pause_that_very_many_readings_cost(self):
        """3,000 readings, one a second: a pause of 2,000 ms and one interval of 1,000 ms."""
        readings = register(*range(3_000))

        assert pause_ms(3_000) == 2_000
        assert at_full_power(readings, max_power_w=None).at_ms == readings[-1].at_ms + 3_000


class TestMostDelivered:
    @pytest.mark.parametrize(
        ("energies", "expected"),
        [((), 0), ((1, 3), 3), ((5, 0, 4), 9), ((9, 2), 9)],
        ids=["nothing told", "a register", "one that begins again", "one that falls"],
    )
    def test_adds_all_rises_up(self, energies, expected):
        begin, *readings = (Reading(at_ms=at, energy_milliwh=value) for at, value in enumerate((0, *energies)))

        assert most_delivered(begin, readings) == expected
