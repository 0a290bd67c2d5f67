from datetime import UTC, datetime, timedelta

import pytest

from apps.sessions.domain.orphans import is_forgotten, is_given_up

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MOMENT = timedelta(seconds=1)


class TestForgotten:
    @pytest.mark.parametrize(
        ("silent_for", "online_for", "is_it"),
        [
            (24 * HOUR - MOMENT, 100 * HOUR, False),
            (24 * HOUR, 100 * HOUR, True),
            # It was away for most of that time, and may have a queue to tell.
            (71 * HOUR, HOUR, False),
            (71 * HOUR, 24 * HOUR, True),
            (72 * HOUR - MOMENT, None, False),
            (72 * HOUR, None, True),
            (72 * HOUR, MOMENT, True),
        ],
    )
    def test_is_a_session_whose_station_could_have_spoken_of_it(self, silent_for, online_for, is_it):
        since = None if online_for is None else NOON - online_for

        assert is_forgotten(at=NOON, last_word_at=NOON - silent_for, online_since=since) is is_it


class TestGivenUp:
    @pytest.mark.parametrize(
        ("silent_for", "online_for", "is_final", "is_it"),
        [
            (72 * HOUR - MOMENT, 100 * HOUR, False, False),
            (72 * HOUR, None, False, True),
            # What an anonymous driver pays is never raised later: its station may still tell more.
            (72 * HOUR, None, True, False),
            (72 * HOUR, HOUR - MOMENT, True, False),
            (72 * HOUR, HOUR, True, True),
            (14 * 24 * HOUR - MOMENT, None, True, False),
            (14 * 24 * HOUR, None, True, True),
        ],
    )
    def test_is_a_stop_that_nobody_waits_for(self, silent_for, online_for, is_final, is_it):
        since = None if online_for is None else NOON - online_for

        said = is_given_up(at=NOON, last_word_at=NOON - silent_for, online_since=since, is_final=is_final)

        assert said is is_it
