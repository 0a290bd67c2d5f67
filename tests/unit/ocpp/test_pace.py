"""A station is slowed down, never refused."""

from apps.ocpp.domain.pace import Pace


class TestPace:
    def test_lets_ten_seconds_worth_through_at_once(self):
        pace = Pace(per_second=50, now_s=0)

        assert {pace.wait_s(0) for _ in range(500)} == {0}
        assert pace.wait_s(0) == 0.02

    def test_never_slows_a_station_at_the_limit(self):
        pace = Pace(per_second=50, now_s=0)

        assert {pace.wait_s(number / 50) for number in range(5_000)} == {0}

    def test_brings_a_flood_down_to_the_limit(self):
        pace = Pace(per_second=50, now_s=0)
        now_s = 0.0
        for _ in range(1_000):
            now_s += pace.wait_s(now_s)

        assert 9.9 < now_s < 10.1

    def test_counts_a_large_message_as_the_many_small_ones_it_weighs(self):
        pace = Pace(per_second=50, now_s=0)

        waits = [pace.wait_s(0, size=1024 * 1024) for _ in range(4)]

        assert waits[:3] == [0, 0, 0]
        assert waits[3] == (4 * 128 - 500) / 50
