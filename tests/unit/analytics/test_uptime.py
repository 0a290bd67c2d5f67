"""How a station's day was spent, by what it was heard to say."""

from hypothesis import given
from hypothesis import strategies as st

from apps.analytics.domain.uptime import Told, uptime_of

MINUTE = 60_000
DAY = 1440 * MINUTE
ONE, TWO = (0, 1), (0, 2)


def every_five_minutes(begin: int, end: int) -> list[int]:
    return [minute * MINUTE for minute in range(begin, end, 5)]


class TestUptimeOf:
    def test_counts_a_station_that_is_always_heard_as_there(self):
        spent = uptime_of(begin_ms=0, end_ms=DAY, heard=every_five_minutes(-5, 1440), told=[])

        assert spent == (DAY, DAY, 0, 0)

    def test_counts_a_silence_of_more_than_three_heartbeats_from_its_begin(self):
        heard = [*every_five_minutes(-5, 600), *every_five_minutes(660, 1440)]

        spent = uptime_of(begin_ms=0, end_ms=DAY, heard=heard, told=[])

        # last heard at 9:55, then at 11:00
        assert spent == (DAY, DAY - 65 * MINUTE, 65 * MINUTE, 0)

    def test_counts_faults_of_several_connectors_once_and_not_while_it_is_silent(self):
        told = [
            Told(-60 * MINUTE, ONE, True),
            Told(30 * MINUTE, TWO, True),
            Told(60 * MINUTE, ONE, False),
            Told(90 * MINUTE, TWO, False),
            Told(605 * MINUTE, ONE, True),
            Told(700 * MINUTE, ONE, False),
        ]
        heard = [*every_five_minutes(-5, 610), *every_five_minutes(665, 1440)]

        spent = uptime_of(begin_ms=0, end_ms=DAY, heard=heard, told=told)

        assert (spent.offline_ms, spent.faulted_ms) == (60 * MINUTE, (90 + 35) * MINUTE)

    def test_watches_a_new_station_from_its_first_word(self):
        spent = uptime_of(begin_ms=0, end_ms=DAY, heard=every_five_minutes(720, 1440), told=[])

        assert (spent.watched_ms, spent.available_ms) == (DAY // 2, DAY // 2)

    def test_says_nothing_of_one_that_was_never_heard(self):
        assert uptime_of(begin_ms=0, end_ms=DAY, heard=[DAY + 1], told=[]) is None

    @given(
        st.lists(st.integers(-DAY, 2 * DAY), min_size=1, max_size=20),
        st.lists(st.tuples(st.integers(-DAY, DAY - 1), st.sampled_from([ONE, TWO]), st.booleans()), max_size=12),
    )
    def test_always_adds_up(self, heard, told):
        spent = uptime_of(
            begin_ms=0, end_ms=DAY, heard=sorted(heard), told=[Told(*each) for each in sorted(told, key=lambda t: t[0])]
        )

        if spent is not None:
            assert min(spent) >= 0
            assert spent.watched_ms == spent.available_ms + spent.offline_ms + spent.faulted_ms <= DAY
