from datetime import timedelta

import pytest
from django.db.utils import IntegrityError

from apps.sessions import services
from apps.sessions.models import ChargingSession, MeterReading, StateChange, WaitingStop
from apps.sessions.selectors import frames_still_needed
from tests.factories import NOON, make_user
from tests.integration.sessions.conftest import BEGIN, KWH, violations

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
KEPT_FOR = timedelta(days=184)
DECIDED_AT = NOON + 3 * HOUR


def unbilled(wire) -> ChargingSession:
    """A stranger's session, in review; whoever looks at it can only close it."""
    begun = wire.begin(id_token="STRANGER")
    services.record_connector_states((wire.status("Charging", NOON + HOUR / 2),))
    session = wire.finish(begun.transaction_id)
    services.settle_sessions(session_ids=[session.pk], at=NOON + 2 * HOUR)
    return session


def closed(wire) -> ChargingSession:
    session = unbilled(wire)
    services.bill_nothing(session_id=session.pk, reason="Unknown card.", by=make_user(), at=DECIDED_AT)
    return session


class TestForgetUnbilled:
    def test_forgets_course_and_card_of_what_nobody_is_billed_for(self, wire):
        session = closed(wire)

        too_early = services.forget_unbilled(at=DECIDED_AT + KEPT_FOR, kept_for=KEPT_FOR)
        forgotten = services.forget_unbilled(at=DECIDED_AT + KEPT_FOR + HOUR, kept_for=KEPT_FOR)
        again = services.forget_unbilled(at=DECIDED_AT + KEPT_FOR + HOUR, kept_for=KEPT_FOR)

        session.refresh_from_db()
        assert (too_early, forgotten, again) == (0, 1, 0)
        assert not MeterReading.objects.exists()
        assert not StateChange.objects.exists()
        assert (session.id_token, session.token_id, session.status) == ("", None, "settled")
        assert session.meter_stop_milliwh == BEGIN + 10 * KWH
        assert violations() == []

    def test_leaves_what_waits_for_a_person(self, wire):
        session = unbilled(wire)

        assert services.forget_unbilled(at=NOON + 4 * KEPT_FOR, kept_for=KEPT_FOR) == 0
        assert session.readings.count() == 2

    def test_leaves_what_has_a_record_or_is_still_to_be_priced(self, settled):
        unpriced = services.forget_unbilled(at=NOON + 4 * KEPT_FOR, kept_for=KEPT_FOR)
        services.rate_settled(session_id=settled.pk, at=NOON + 3 * HOUR)
        priced = services.forget_unbilled(at=NOON + 4 * KEPT_FOR, kept_for=KEPT_FOR)

        assert (unpriced, priced, settled.readings.count()) == (0, 0, 2)

    def test_forgets_stops_that_no_session_was_found_for(self, wire):
        services.end_sessions((wire.end(-1),))

        services.forget_unbilled(at=NOON + KEPT_FOR, kept_for=KEPT_FOR)
        kept = WaitingStop.objects.count()
        services.forget_unbilled(at=NOON + KEPT_FOR + 2 * HOUR, kept_for=KEPT_FOR)

        assert (kept, WaitingStop.objects.count()) == (1, 0)

    def test_is_the_only_way_to_delete_a_reading(self, wire):
        wire.begin()

        with pytest.raises(IntegrityError, match="never changed or deleted"):
            MeterReading.objects.all().delete()


class TestFramesStillNeeded:
    def test_are_those_of_sessions_that_are_not_over_for_everybody(self, wire, site):
        session = unbilled(wire)

        needed = frames_still_needed(site.station.pk, before=NOON + KEPT_FOR)
        services.bill_nothing(session_id=session.pk, reason="Unknown card.", by=make_user(), at=DECIDED_AT)

        assert needed == {session.start_frame_id, session.end_frame_id, session.states.get().frame_id}
        assert frames_still_needed(site.station.pk, before=NOON + KEPT_FOR) == set()
