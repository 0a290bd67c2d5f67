from datetime import timedelta

import pytest

from apps.sessions import services
from apps.stations.models import Connector
from tests.factories import NOON
from tests.integration.sessions.conftest import BEGIN, KWH, session_of

pytestmark = pytest.mark.django_db

END = NOON + timedelta(hours=1)


class TestSettleSessions:
    def test_settles_a_minute_after_the_stop_when_nothing_else_can_be_priced(self, wire):
        session = wire.finish(wire.begin().transaction_id)

        too_early = services.settle_sessions(session_ids=[session.pk], at=END + timedelta(seconds=59))
        in_time = services.settle_sessions(session_ids=[session.pk], at=END + timedelta(seconds=60))
        again = services.settle_sessions(session_ids=[session.pk], at=END + timedelta(seconds=61))

        session.refresh_from_db()
        assert (too_early, in_time, again) == ((), (session.pk,), ())
        assert (session.status, session.settled_at) == ("settled", END + timedelta(seconds=60))

    def test_waits_for_the_rest_of_a_queue_although_the_connector_is_available(self, wire):
        begun = wire.begin()
        now = END + timedelta(days=2)
        services.record_connector_states((wire.status("Available", now),))

        session = wire.finish(begun.transaction_id, received_at=now)
        services.settle_sessions(session_ids=[session.pk], at=now + timedelta(seconds=60))

        assert session.status == "ended"
        assert session_of(begun).status == "settled"

    @pytest.mark.parametrize(
        ("told_of", "status"),
        [(END + timedelta(seconds=5), "ended"), (END + timedelta(days=2), "settled")],
    )
    def test_takes_available_of_the_present_as_the_end_of_the_queue(self, wire, told_of, status):
        now = END + timedelta(days=2)
        begun = wire.begin()
        wire.finish(begun.transaction_id, received_at=now)

        services.record_connector_states((wire.status("Available", told_of, received_at=now),))

        assert session_of(begun).status == status

    @pytest.mark.parametrize(
        ("start", "end", "sentence"),
        [
            ({}, {"meter_stop_milliwh": BEGIN - KWH}, "The end reading 999.000 kWh is below the begin reading"),
            ({}, {"meter_stop_milliwh": BEGIN + 30 * KWH}, "more than a connector of 22 kW can deliver"),
            ({"meter_start_milliwh": -KWH}, {"meter_stop_milliwh": 5 * KWH}, "The reading -1.000 kWh (2026-06-01"),
            ({"meter_start_milliwh": 0}, {"meter_stop_milliwh": 1_200 * KWH}, "The begin reading is 0"),
            ({"meter_start_milliwh": None}, {}, "The begin reading could not be read."),
            ({}, {"meter_stop_milliwh": None}, "The end reading could not be read."),
            ({"id_token": "STRANGER"}, {}, "Card …NGER was unknown"),
            ({"notes": ("timestamp has no zone.",)}, {}, "timestamp has no zone."),
        ],
    )
    def test_sends_to_review_with_the_reason_and_rates_nothing(self, wire, start, end, sentence):
        session = wire.finish(wire.begin(**start).transaction_id, **end)

        settled = services.settle_sessions(session_ids=[session.pk], at=END + timedelta(minutes=5))
        services.sweep_unrated(at=END + timedelta(minutes=5))

        session.refresh_from_db()
        assert settled == ()
        assert (session.status, session.settled_at) == ("review", None)
        assert len(session.review_reasons) == 1
        assert sentence in session.review_reasons[0]
        assert not session.cdrs.exists()

    def test_finds_a_fall_among_the_readings_on_the_way(self, wire):
        begun = wire.begin()
        services.record_readings(
            (
                wire.readings(
                    begun.transaction_id,
                    (NOON + timedelta(minutes=20), BEGIN + 4 * KWH),
                    (NOON + timedelta(minutes=40), BEGIN + 3 * KWH),
                ),
            )
        )
        session = wire.finish(begun.transaction_id)

        services.settle_sessions(session_ids=[session.pk], at=END + timedelta(minutes=5))

        session.refresh_from_db()
        assert session.status == "review"
        assert "The register falls from 1004.000 kWh" in session.review_reasons[0]


class TestSweepUnsettled:
    def test_settles_what_no_message_settled(self, wire):
        session = wire.finish(wire.begin().transaction_id)

        services.sweep_unsettled(at=END + timedelta(seconds=60))

        session.refresh_from_db()
        assert session.status == "settled"

    def test_gives_up_an_unresolved_session_after_72_hours(self, wire):
        first = wire.begin()
        wire.begin(started_at=NOON + timedelta(hours=1))

        services.sweep_unsettled(at=NOON + timedelta(hours=71))
        waiting = session_of(first).status
        services.sweep_unsettled(at=NOON + timedelta(hours=72))

        assert waiting == "unresolved"
        assert session_of(first).status == "review"
        assert session_of(first).review_reasons == ["The station never said when this session ended."]

    def test_takes_the_live_mark_from_a_session_whose_connector_is_long_free(self, wire):
        begun = wire.begin()
        services.record_connector_states((wire.status("Available", END),))

        services.sweep_unsettled(at=END + timedelta(minutes=14))
        still = session_of(begun).status
        services.sweep_unsettled(at=END + timedelta(minutes=15))

        assert still == "live"
        assert session_of(begun).status == "unresolved"

    def test_leaves_a_session_live_that_still_sends_readings(self, wire):
        begun = wire.begin()
        Connector.objects.update(status="Available", status_at=NOON + timedelta(minutes=1))
        services.record_readings((wire.readings(begun.transaction_id, (END, BEGIN + KWH)),))

        services.sweep_unsettled(at=END + timedelta(minutes=10))

        assert session_of(begun).status == "live"
