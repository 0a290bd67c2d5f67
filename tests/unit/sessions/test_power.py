"""What a vehicle draws, told from its register or from what was measured."""

from apps.sessions.domain.power import FRESH_MS, power_w
from apps.tariffs.domain.facts import Measured, Reading

MINUTE_MS = 60_000
# 100 Wh in a minute are 6 kW.
READINGS = (
    Reading(at_ms=0, energy_milliwh=0),
    Reading(at_ms=MINUTE_MS, energy_milliwh=50_000),
    Reading(at_ms=2 * MINUTE_MS, energy_milliwh=150_000),
)


class TestPower:
    def test_is_the_mean_between_the_last_two_readings(self):
        assert power_w(readings=READINGS, measured=(), now_ms=2 * MINUTE_MS) == 6_000

    def test_is_what_was_measured_unless_the_register_is_newer(self):
        newer = (Measured(at_ms=2 * MINUTE_MS, value=7_400_000),)
        older = (Measured(at_ms=MINUTE_MS, value=7_400_000),)

        assert power_w(readings=READINGS, measured=newer, now_ms=2 * MINUTE_MS) == 7_400
        assert power_w(readings=READINGS, measured=older, now_ms=2 * MINUTE_MS) == 6_000

    def test_is_unknown_without_two_instants_after_long_silence_and_where_the_register_falls(self):
        falling = (Reading(at_ms=0, energy_milliwh=5), Reading(at_ms=1, energy_milliwh=4))
        at_once = (Reading(at_ms=1, energy_milliwh=4), Reading(at_ms=1, energy_milliwh=5))

        assert power_w(readings=(), measured=(), now_ms=0) is None
        assert power_w(readings=READINGS[:1], measured=(), now_ms=0) is None
        assert power_w(readings=falling, measured=(), now_ms=1) is None
        assert power_w(readings=at_once, measured=(), now_ms=1) is None
        assert power_w(readings=READINGS, measured=(), now_ms=2 * MINUTE_MS + FRESH_MS + 1) is None
        assert power_w(readings=(), measured=(Measured(at_ms=0, value=1),), now_ms=FRESH_MS + 1) is None
