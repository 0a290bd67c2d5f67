"""When the janitor comes back."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.payments.domain.retries import is_key_old, needs_alert, pause_after

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class TestPause:
    @pytest.mark.parametrize(
        ("attempts", "unknown", "busy"),
        [(1, MINUTE, MINUTE), (2, 5 * MINUTE, 5 * MINUTE), (3, HOUR, HOUR), (4, DAY, HOUR), (40, DAY, HOUR)],
    )
    def test_grows_to_a_day_or_an_hour(self, attempts, unknown, busy):
        assert pause_after(attempts) == unknown
        assert pause_after(attempts, is_busy=True) == busy

    def test_is_followed_by_an_alert_once_the_ladder_is_used_up(self):
        assert [needs_alert(attempts) for attempts in (1, 3, 4, 5)] == [False, False, True, True]


class TestKey:
    def test_grows_old_after_23_hours(self):
        assert not is_key_old(first_sent_at=NOON, at=NOON + 23 * HOUR)
        assert is_key_old(first_sent_at=NOON, at=NOON + 23 * HOUR + timedelta(seconds=1))

    def test_never_sent_is_not_old(self):
        assert not is_key_old(first_sent_at=None, at=NOON)
