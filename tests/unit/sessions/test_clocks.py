from datetime import UTC, datetime, timedelta

import pytest

from apps.sessions.domain.clocks import believed_at, is_plausible, is_repeated_start

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


class TestIsPlausible:
    @pytest.mark.parametrize(
        ("told_at", "expected"),
        [
            (NOON, True),
            (NOON - timedelta(hours=72), True),
            (NOON - timedelta(days=7), True),
            (NOON - timedelta(days=7, seconds=1), False),
            (NOON + timedelta(minutes=10), True),
            (NOON + timedelta(minutes=10, seconds=1), False),
            (datetime(1970, 1, 1, tzinfo=UTC), False),
            (datetime(2036, 6, 1, tzinfo=UTC), False),
        ],
    )
    def test_believes_a_queue_of_days_and_a_clock_of_minutes(self, told_at, expected):
        assert is_plausible(told_at, NOON) is expected
        assert believed_at(told_at, NOON) == (told_at if expected else NOON)


class TestIsRepeatedStart:
    def test_is_while_the_session_is_live_whatever_the_clock(self):
        reset = datetime(1970, 1, 1, tzinfo=UTC)

        assert is_repeated_start(is_live=True, started_at=reset, start_received_at=NOON, received_at=NOON)

    @pytest.mark.parametrize(
        ("started_at", "after", "expected"),
        [
            (NOON, timedelta(hours=72), True),
            (NOON, timedelta(hours=72, seconds=1), False),
            (datetime(1970, 1, 1, tzinfo=UTC), timedelta(minutes=1), False),
        ],
    )
    def test_is_later_only_within_72_hours_with_a_plausible_clock(self, started_at, after, expected):
        repeated = is_repeated_start(
            is_live=False, started_at=started_at, start_received_at=NOON, received_at=NOON + after
        )

        assert repeated is expected
