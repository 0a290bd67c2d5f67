from datetime import datetime, timedelta

import pytest
from django.db.utils import IntegrityError

from apps.core.audit import find_violations
from apps.ocpp import retention
from apps.ocpp.models import Frame, FrameHorizon
from apps.ocpp.retention import forget_frames
from tests.factories import NOON, make_session, make_site
from tests.integration.tenants import make_ended_session

pytestmark = pytest.mark.django_db

KEPT_FOR = timedelta(days=397)
LATER = NOON + KEPT_FOR + timedelta(days=1)


@pytest.fixture
def site():
    return make_site()


def frame(site, at: datetime) -> Frame:
    return Frame.objects.create(
        station=site.station, connection_no=1, direction="in", received_at=at, message_id="m", action="Heartbeat"
    )


class TestForgetFrames:
    def test_deletes_what_is_old_in_batches_and_keeps_the_rest(self, site, monkeypatch):
        monkeypatch.setattr(retention, "AT_ONCE", 2)
        old = [frame(site, NOON + timedelta(minutes=minute)) for minute in range(5)]
        young = frame(site, LATER - KEPT_FOR)

        deleted = forget_frames(at=LATER, kept_for=KEPT_FOR)
        again = forget_frames(at=LATER, kept_for=KEPT_FOR)

        assert (deleted, again) == (5, 0)
        assert list(Frame.objects.all()) == [young]
        assert FrameHorizon.objects.get().deleted_to == old[-1].pk

    def test_leaves_the_readings_that_they_brought_and_a_clean_audit(self, site):
        session = make_ended_session(site)
        # Priced elsewhere: here nobody pays.
        type(session).objects.update(authorisation="Invalid")

        forget_frames(at=LATER, kept_for=KEPT_FOR)

        assert not Frame.objects.exists()
        assert session.readings.count() == 2
        assert list(find_violations()) == []

    def test_keeps_those_of_a_session_in_review_until_it_is_decided(self, site):
        told = frame(site, NOON)
        session = make_session(
            site=site, status="review", review_reasons=["odd"], start_frame_id=told.pk, authorisation="Invalid"
        )
        frame(site, NOON)

        deleted = forget_frames(at=LATER, kept_for=KEPT_FOR)
        kept = list(Frame.objects.all())
        type(session).objects.update(status="settled", ended_at=NOON, settled_at=NOON)
        afterwards = forget_frames(at=LATER, kept_for=KEPT_FOR)

        assert (deleted, kept, afterwards) == (1, [told], 1)

    def test_still_misses_a_young_frame_that_is_not_there(self, site):
        make_session(site=site, start_frame_id=frame(site, NOON).pk + 1_000)
        forget_frames(at=LATER, kept_for=KEPT_FOR)

        assert [violation.invariant for violation in find_violations()] == ["I10"]

    def test_is_the_only_way_to_delete_a_frame(self, site):
        frame(site, NOON)

        with pytest.raises(IntegrityError, match="never changed or deleted"):
            Frame.objects.all().delete()
