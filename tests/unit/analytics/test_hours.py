"""A session split by local hours: nothing is lost or made, whatever the clock does."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.analytics.domain.hours import Counted, Stretch, apportion, hour_marks, shares_of
from apps.core.clock import from_epoch_ms, to_epoch_ms

BERLIN = "Europe/Berlin"
HOUR = 3_600_000
KWH = 1_000_000


def ms(*fields: int) -> int:
    return to_epoch_ms(datetime(*fields, tzinfo=UTC))


def counted(started_ms, left_ms, *, energy=10 * KWH, net=500, register=(), stretches=()) -> Counted:
    return Counted(started_ms, left_ms, energy, net, tuple(register), tuple(stretches))


@st.composite
def sessions(draw):
    started = draw(st.integers(ms(2026, 3, 28), ms(2026, 3, 30)) | st.integers(ms(2026, 10, 24), ms(2026, 10, 26)))
    left = started + draw(st.integers(0, 9 * HOUR))
    times = sorted(draw(st.sets(st.integers(started, max(left, started + 1)), min_size=2, max_size=6)))
    steps = draw(st.lists(st.integers(0, 5 * KWH), min_size=len(times), max_size=len(times)))
    register = tuple((at, sum(steps[: index + 1])) for index, at in enumerate(times))
    costs = st.integers(0, 10**7)
    stretches = tuple(
        Stretch(begin, end, draw(st.integers(0, end - begin)), draw(costs), draw(costs), draw(costs))
        for begin, end in pairwise(times)
    )
    energy = register[-1][1] - register[0][1]
    return Counted(started, left, energy, draw(st.integers(-100, 100_000)), register, stretches)


class TestSharesOf:
    @given(sessions(), st.sampled_from([BERLIN, "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]))
    def test_add_up_to_the_session(self, session, time_zone):
        shares = shares_of(session, time_zone=time_zone)

        assert sum(share.sessions for share in shares) == 1
        assert sum(share.energy_milliwh for share in shares) == session.energy_milliwh
        assert sum(share.net_minor for share in shares) == session.net_minor
        assert sum(share.in_use_ms for share in shares) == session.left_ms - session.started_ms
        assert sum(share.charging_ms for share in shares) == sum(each.charging_ms for each in session.stretches)
        assert all(share.energy_milliwh >= 0 and 0 <= share.in_use_ms <= HOUR for share in shares)
        assert [share.starts_ms for share in shares] == sorted({share.starts_ms for share in shares})

    def test_give_each_hour_what_its_readings_say(self):
        begin = ms(2026, 10, 5, 7, 30)
        register = [(begin, 0), (begin + HOUR, 6 * KWH), (begin + 2 * HOUR, 10 * KWH)]

        shares = shares_of(counted(begin, begin + 2 * HOUR, register=register), time_zone=BERLIN)

        assert [(each.local_hour, each.energy_milliwh) for each in shares] == [
            (9, 3 * KWH),
            (10, 5 * KWH),
            (11, 2 * KWH),
        ]

    def test_give_each_hour_what_its_prices_make(self):
        # 18:00 to 20:00 in Berlin: 5 kWh at 0.80, then 5 kWh at 0.20, and a start fee of 1.00
        begin = ms(2026, 10, 5, 16)
        register = [(begin, 0), (begin + 2 * HOUR, 10 * KWH)]
        stretches = [
            Stretch(begin, begin + HOUR, HOUR, 4_000_000, 0, 1_000_000),
            Stretch(begin + HOUR, begin + 2 * HOUR, HOUR, 1_000_000, 0, 0),
        ]
        session = counted(begin, begin + 2 * HOUR, net=600, register=register, stretches=stretches)

        shares = shares_of(session, time_zone=BERLIN)

        assert [(each.local_hour, each.net_minor) for each in shares] == [(18, 500), (19, 100)]

    def test_have_two_hours_at_two_in_the_night_of_autumn(self):
        begin = ms(2026, 10, 24, 23, 30)

        shares = shares_of(counted(begin, begin + 3 * HOUR), time_zone=BERLIN)

        assert [(each.local_date, each.local_hour) for each in shares] == [
            (date(2026, 10, 25), hour) for hour in (1, 2, 2, 3)
        ]

    def test_have_no_hour_at_two_in_the_night_of_spring(self):
        begin = ms(2026, 3, 29, 0, 30)

        assert [each.local_hour for each in shares_of(counted(begin, begin + HOUR), time_zone=BERLIN)] == [1, 3]

    def test_of_a_session_without_length_are_one(self):
        (only,) = shares_of(counted(ms(2026, 5, 1, 12), ms(2026, 5, 1, 12), energy=0), time_zone=BERLIN)

        assert (only.sessions, only.net_minor, only.in_use_ms) == (1, 500, 0)

    def test_begin_on_the_hour_of_a_zone_of_quarters(self):
        marks = hour_marks(ms(2026, 5, 1, 12), ms(2026, 5, 1, 13), time_zone="Asia/Kathmandu")

        assert [from_epoch_ms(at) + timedelta(hours=5, minutes=45) for at in marks] == [
            datetime(2026, 5, 1, 17, tzinfo=UTC),
            datetime(2026, 5, 1, 18, tzinfo=UTC),
        ]


@pytest.mark.parametrize(
    ("total", "weights", "parts"), [(100, [1, 1, 1], [33, 33, 34]), (7, [0, 0], [7, 0]), (-5, [1, 1], [-3, -2])]
)
def test_a_total_is_split_without_a_rest(total, weights, parts):
    assert apportion(total, weights) == parts
