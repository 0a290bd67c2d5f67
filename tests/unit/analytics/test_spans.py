from datetime import UTC, date, datetime

import pytest

from apps.analytics.domain.spans import Preset, days_of, instants_of


class TestLastMonth:
    @pytest.mark.parametrize(
        ("today", "first", "last"),
        [
            (date(2026, 11, 22), date(2026, 10, 1), date(2026, 10, 31)),
            (date(2026, 1, 1), date(2025, 12, 1), date(2025, 12, 31)),
            (date(2028, 3, 31), date(2028, 2, 1), date(2028, 2, 29)),
        ],
    )
    def test_is_the_whole_month_before_todays(self, today, first, last):
        assert days_of(Preset.LAST_MONTH, today=today) == (first, last)


class TestLastThirtyDays:
    def test_end_with_yesterday(self):
        first, last = days_of(Preset.LAST_30_DAYS, today=date(2026, 3, 1))

        assert (first, last) == (date(2026, 1, 30), date(2026, 2, 28))
        assert (last - first).days == 29


class TestInstants:
    def test_are_the_owners_midnights(self):
        span = instants_of(date(2026, 10, 1), date(2026, 10, 31), time_zone="Europe/Berlin")

        # October has the night of 25 hours.
        assert span == (datetime(2026, 9, 30, 22, tzinfo=UTC), datetime(2026, 10, 31, 23, tzinfo=UTC))

    def test_begin_with_the_transition_where_there_is_no_midnight(self):
        begin_at, _ = instants_of(date(2026, 9, 6), date(2026, 9, 6), time_zone="America/Santiago")

        assert begin_at == datetime(2026, 9, 6, 4, tzinfo=UTC)
