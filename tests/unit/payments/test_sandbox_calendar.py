from datetime import UTC, datetime

import pytest

from apps.payments.sandbox.clock import after_business_days, next_midnight


def at(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


class TestAfterBusinessDays:
    @pytest.mark.parametrize(
        ("begin", "days", "end"),
        [
            ("2026-11-30 10:00", 5, "2026-12-07 10:00"),  # Monday to Monday
            ("2026-12-04 10:00", 1, "2026-12-07 10:00"),  # over a weekend
            ("2026-12-05 10:00", 1, "2026-12-07 10:00"),  # from a Saturday
            ("2026-12-06 10:00", 1, "2026-12-07 10:00"),  # from a Sunday
            ("2026-11-30 10:00", 14, "2026-12-18 10:00"),
            ("2024-02-28 23:59", 2, "2024-03-01 23:59"),  # leap day
            ("2026-11-30 10:00", 0, "2026-11-30 10:00"),
        ],
    )
    def test_counts_no_weekends(self, begin, days, end):
        assert after_business_days(at(begin), days) == at(end)


class TestNextMidnight:
    @pytest.mark.parametrize(
        ("instant", "midnight"),
        [("2026-11-30 00:00", "2026-12-01"), ("2026-11-30 23:59", "2026-12-01"), ("2026-12-31 12:00", "2027-01-01")],
    )
    def test_is_always_later(self, instant, midnight):
        assert next_midnight(at(instant)) == at(midnight)
