"""Until when a vehicle is known to stand there: messages alone say so, and only of the time they speak of."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.sessions.domain.states import Occupancy, ReportedState, occupancy

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
CHARGING, IDLE, PARKED, GONE, UNKNOWN = (
    ReportedState.CHARGING,
    ReportedState.IDLE,
    ReportedState.PARKED,
    ReportedState.GONE,
    ReportedState.UNKNOWN,
)


def minutes(after: float) -> datetime:
    return NOON + timedelta(minutes=after)


def stood(*states: tuple[float, ReportedState], received: float = 0, reason: str = "Local") -> Occupancy:
    """Tell of a stop at noon, received so many minutes later."""
    return occupancy(
        ended_at=NOON,
        end_received_at=minutes(received),
        stop_reason=reason,
        states=[(minutes(after), state) for after, state in states],
    )


class TestOccupancy:
    def test_lasts_until_available(self):
        assert stood((-50, CHARGING), (0.1, PARKED), (40, GONE)) == Occupancy(
            until=minutes(40), is_gone=True, is_said_to_stand=False
        )
        assert stood((40, GONE)).until == minutes(40)

    def test_lasts_until_the_last_message_that_says_so_while_it_has_not_left(self):
        assert stood((-50, CHARGING), (0.1, PARKED), (7, PARKED)) == Occupancy(
            until=minutes(7), is_gone=False, is_said_to_stand=True
        )

    def test_ends_with_the_first_that_leaves(self):
        assert stood((0.1, PARKED), (5, GONE), (20, PARKED), (30, GONE)).until == minutes(5)

    @pytest.mark.parametrize("states", [(), ((-50, CHARGING),), ((-10, IDLE),)])
    def test_is_nothing_where_no_message_speaks_of_it(self, states):
        assert stood(*states) == Occupancy(until=NOON, is_gone=False, is_said_to_stand=False)

    @pytest.mark.parametrize("after", [-0.5, 0])
    def test_is_said_by_a_message_that_comes_just_before_its_stop(self, after):
        assert stood((after, PARKED)) == Occupancy(until=NOON, is_gone=False, is_said_to_stand=True)

    @pytest.mark.parametrize("after", [-5, 0])
    def test_is_nothing_where_the_connector_was_available_before_the_stop(self, after):
        assert stood((-50, CHARGING), (after, GONE)) == Occupancy(until=NOON, is_gone=True, is_said_to_stand=False)

    def test_is_nothing_where_the_vehicle_was_unplugged_to_stop(self):
        assert stood((0.1, PARKED), (40, GONE), reason="EVDisconnected").until == NOON

    def test_ends_where_a_message_says_that_nobody_knows(self):
        assert stood((0.1, PARKED), (10, UNKNOWN), (40, GONE)) == Occupancy(
            until=minutes(10), is_gone=True, is_said_to_stand=False
        )

    def test_is_not_inferred_from_what_a_station_says_when_it_is_back(self):
        assert stood((180, PARKED), (200, GONE), received=180).until == NOON
        assert stood((179.9, GONE), received=180).until == NOON

    def test_is_what_the_queue_of_a_station_tells_that_was_offline(self):
        assert stood((0.1, PARKED), (25, GONE), (180, GONE), received=180).until == minutes(25)
