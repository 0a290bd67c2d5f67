"""Stops that name no transaction of ours, as the services keep and place them."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connections

from apps.sessions import services
from apps.sessions.models import ChargingSession, WaitingStop
from tests.factories import NOON, make_site
from tests.integration.sessions.conftest import BEGIN, KWH, Wire, session_of

pytestmark = pytest.mark.django_db

END = NOON + timedelta(hours=1)
BACK = NOON + timedelta(days=2)
MINUTE = timedelta(minutes=1)


def told_backwards(wire: Wire, **stop):
    """Tell a stop and then its start; return the outcome of the start."""
    services.end_sessions((wire.end(-1, received_at=BACK, **stop),))
    return wire.begin(received_at=BACK + timedelta(seconds=1))


class TestAStopWithoutItsStart:
    def test_ends_its_session_a_minute_after_its_station_has_told_all(self, wire):
        begun = told_backwards(wire)

        services.sweep_unsettled(at=BACK + timedelta(seconds=60))
        too_early = session_of(begun).status
        services.sweep_unsettled(at=BACK + timedelta(seconds=61))

        session = session_of(begun)
        assert (too_early, session.status, session.review_reasons) == ("live", "settled", [])
        assert (session.ended_at, session.meter_stop_milliwh) == (END, BEGIN + 10 * KWH)
        assert WaitingStop.objects.get().session == session

    def test_is_kept_once_however_often_it_is_told(self, wire):
        for minute in range(3):
            services.end_sessions((wire.end(-1, received_at=BACK + minute * MINUTE),))

        assert WaitingStop.objects.count() == 1

    def test_told_again_later_gets_its_sessions_answer_and_changes_nothing(self, wire):
        services.end_sessions((wire.end(4711, received_at=BACK),))
        begun = wire.begin(received_at=BACK + timedelta(seconds=1))
        services.sweep_unsettled(at=BACK + 5 * MINUTE)
        before = ChargingSession.objects.values().get()

        (outcome,) = services.end_sessions((wire.end(4711, received_at=BACK + 60 * MINUTE),))
        services.sweep_unsettled(at=BACK + 70 * MINUTE)

        assert outcome.session_id == begun.session_id
        assert ChargingSession.objects.values().get() == before

    def test_never_ends_a_session_of_another_station(self, wire):
        stranger = Wire(make_site())
        services.end_sessions((wire.end(-1, received_at=BACK),))
        begun = stranger.begin(received_at=BACK)

        services.sweep_unsettled(at=BACK + 5 * MINUTE)

        assert session_of(begun).status == "live"
        assert WaitingStop.objects.get().session is None

    def test_never_ends_the_only_live_session_of_another_register(self, wire):
        begun = wire.begin()

        services.end_sessions((wire.end(-1, meter_stop_milliwh=9_000 * KWH),))

        assert session_of(begun).ended_at is None

    def test_comes_late_for_a_session_given_up_and_ends_it_all_the_same(self, wire):
        begun = wire.begin()
        services.sweep_unsettled(at=NOON + timedelta(days=3))

        services.end_sessions((wire.end(-1, received_at=NOON + timedelta(days=5)),))
        services.sweep_unsettled(at=NOON + timedelta(days=5, minutes=2))

        session = session_of(begun)
        assert (session.status, session.ended_at, session.meter_stop_milliwh) == ("settled", END, BEGIN + 10 * KWH)

    def test_without_a_register_is_left_to_the_raw_log(self, wire):
        services.end_sessions((wire.end(-1, meter_stop_milliwh=None, received_at=BACK),))

        assert not WaitingStop.objects.exists()


@pytest.mark.django_db(transaction=True)
class TestTwoSweepersAtOnce:
    def test_end_it_once(self, wire):
        begun = told_backwards(wire)
        both = Barrier(2)

        def sweep() -> None:
            both.wait()
            services.sweep_unsettled(at=BACK + 5 * MINUTE)
            connections.close_all()

        threads = [Thread(target=sweep) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        services.sweep_unrated(at=BACK + 6 * MINUTE)

        assert [cdr.energy_milliwh for cdr in session_of(begun).cdrs.all()] == [10 * KWH]
        assert session_of(begun).readings.count() == 2
