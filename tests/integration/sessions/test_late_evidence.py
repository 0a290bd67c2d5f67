"""What arrives after a session was rated, at 0.40 EUR per kWh net and 0.80 from 14:30 in Berlin, 12:30 UTC."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from threading import Event
from types import SimpleNamespace

import pytest
from django.db import transaction

from apps.core import bells
from apps.sessions import services
from apps.sessions.models import Cdr, ChargingSession
from apps.sessions.services import revising
from apps.sessions.services.rating import price
from tests.factories import NOON, Site, make_site, make_user
from tests.integration.sessions.conftest import BEGIN, KWH, Wire, violations

pytestmark = pytest.mark.django_db

HALF = NOON + timedelta(minutes=30)
RATED_AT = NOON + timedelta(hours=2)
LATER = NOON + timedelta(hours=5)
ELEMENTS = [
    {"price_components": [{"type": "ENERGY", "price": "0.80"}], "restrictions": {"start_time": "14:30"}},
    {"price_components": [{"type": "ENERGY", "price": "0.40"}]},
]


@pytest.fixture
def site(db) -> Site:
    return make_site(elements=ELEMENTS)


def rate_one(wire: Wire) -> Cdr:
    """Charge 10 kWh from noon to one, evenly as far as is known: 5 × 0.40 + 5 × 0.80."""
    session = wire.finish(wire.begin().transaction_id)
    services.settle_sessions(session_ids=[session.pk], at=RATED_AT)
    cdr = services.rate_settled(session_id=session.pk, at=RATED_AT)
    assert cdr.net.amount == Decimal("6.00")
    return cdr


def tell(wire: Wire, session: ChargingSession, kwh: int) -> None:
    services.record_readings((wire.readings(session.transaction_id, (HALF, BEGIN + kwh * KWH), received_at=LATER),))


class TestLateReading:
    def test_makes_a_revision_of_its_own_where_it_changes_the_total(self, wire):
        session = rate_one(wire).session
        tell(wire, session, 2)

        looked_at = services.sweep_late_evidence(at=LATER)
        nothing_left = services.sweep_late_evidence(at=LATER)

        # 2 × 0.40 + 8 × 0.80.
        assert (looked_at, nothing_left) == (1, 0)
        first, second = session.cdrs.order_by("revision")
        assert (first.net.amount, second.net.amount) == (Decimal("6.00"), Decimal("7.20"))
        assert (second.revision, second.reason) == (2, "What the station told later changes the price.")
        assert (second.is_automatic, second.revised_by, second.rated_at) == (True, None, LATER)
        assert violations() == []

    def test_makes_none_where_the_total_stays(self, wire):
        session = rate_one(wire).session
        tell(wire, session, 5)

        looked_at = services.sweep_late_evidence(at=LATER)

        session.refresh_from_db()
        assert (looked_at, session.late_evidence_at, session.cdrs.count()) == (1, None, 1)
        assert violations() == []

    def test_makes_one_however_often_it_is_told(self, wire):
        session = rate_one(wire).session

        for _ in range(3):
            tell(wire, session, 2)
            services.rate_again(session_id=session.pk, at=LATER)

        assert session.cdrs.count() == 2

    def test_makes_none_of_a_newer_engine_alone(self, wire, monkeypatch):
        def price_dearer(session, **told):
            priced = price(session, **told)
            dearer = SimpleNamespace(net=Decimal("9.00"), tax=Decimal("1.71"), gross=Decimal("10.71"))
            return replace(priced, rated=dearer)

        cdr = rate_one(wire)
        monkeypatch.setattr(revising, "price", price_dearer)

        services.record_readings((wire.readings(cdr.session.transaction_id, (NOON, BEGIN), received_at=LATER),))
        looked_at = services.sweep_late_evidence(at=LATER)

        assert (looked_at, Cdr.objects.get()) == (1, cdr)

    def test_leaves_what_a_person_decided(self, wire):
        session = rate_one(wire).session
        services.bill_nothing(session_id=session.pk, reason="Goodwill.", by=make_user(), at=RATED_AT)
        tell(wire, session, 2)

        services.sweep_late_evidence(at=LATER)

        session.refresh_from_db()
        assert (session.cdrs.count(), session.late_evidence_at, session.status) == (2, None, "settled")

    def test_brings_a_session_to_a_person_where_it_contradicts_the_rest(self, wire):
        session = rate_one(wire).session
        tell(wire, session, 11)

        services.sweep_late_evidence(at=LATER)

        session.refresh_from_db()
        assert (session.status, session.cdrs.count(), session.late_evidence_at) == ("review", 1, None)
        assert session.review_reasons[0].startswith("What arrived after it was priced contradicts it: The register")
        assert violations() == []

    def test_before_the_rating_is_simply_part_of_it(self, wire):
        session = wire.finish(wire.begin().transaction_id)
        services.settle_sessions(session_ids=[session.pk], at=RATED_AT)
        tell(wire, session, 2)

        cdr = services.rate_settled(session_id=session.pk, at=LATER)

        session.refresh_from_db()
        assert (cdr.net.amount, session.late_evidence_at) == (Decimal("7.20"), None)
        assert services.sweep_late_evidence(at=LATER) == 0

    def test_rings_once_it_is_kept(self, wire, monkeypatch, django_capture_on_commit_callbacks):
        session = rate_one(wire).session
        heard = []
        monkeypatch.setattr(bells, "_send", lambda bell, tasks, ids: heard.append((bell, ids)))

        with django_capture_on_commit_callbacks(execute=True):
            tell(wire, session, 2)

        assert heard == [("session.late_evidence", {"id": session.pk})]

    def test_of_a_running_session_is_not_late(self, wire):
        begun = wire.begin()

        services.record_readings((wire.readings(begun.transaction_id, (HALF, BEGIN + KWH)),))

        assert ChargingSession.objects.get().late_evidence_at is None


class TestLateState:
    def test_makes_a_revision_where_it_changes_the_total(self, db):
        parking = [{"price_components": [{"type": "PARKING_TIME", "price": "6.00"}]}]
        wire = Wire(make_site(elements=parking))
        end = NOON + timedelta(hours=1)
        session = wire.finish(wire.begin().transaction_id)
        services.sweep_unsettled(at=end + timedelta(minutes=15))
        before = services.rate_settled(session_id=session.pk, at=RATED_AT)

        for status, minutes in (("Finishing", 0.1), ("Available", 10)):
            at = end + timedelta(minutes=minutes)
            services.record_connector_states((wire.status(status, at, received_at=LATER),))
        services.sweep_late_evidence(at=LATER)

        after = session.cdrs.get(revision=2)
        assert (before.net.amount, after.net.amount) == (Decimal("0.00"), Decimal("1.00"))
        assert (before.ended_at, after.ended_at) == (end, end + timedelta(minutes=10))
        assert violations() == []

    def test_after_a_settlement_by_silence_says_nothing_of_the_time_before(self, db):
        parking = [{"price_components": [{"type": "PARKING_TIME", "price": "6.00"}]}]
        wire = Wire(make_site(elements=parking))
        session = wire.finish(wire.begin().transaction_id)
        services.sweep_unsettled(at=NOON + timedelta(minutes=75))
        services.rate_settled(session_id=session.pk, at=RATED_AT)

        services.record_connector_states((wire.status("Available", LATER, received_at=LATER + timedelta(minutes=2)),))

        assert services.sweep_late_evidence(at=LATER + timedelta(minutes=3)) == 0
        assert session.cdrs.count() == 1


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_two_who_look_again_make_one_revision(self, at_once):
        wire = Wire(make_site(elements=ELEMENTS))
        session = rate_one(wire).session
        tell(wire, session, 2)

        made = at_once(*[lambda: services.rate_again(session_id=session.pk, at=LATER)] * 2)

        assert sorted(cdr is None for cdr in made) == [False, True]
        assert session.cdrs.count() == 2

    def test_a_reading_that_comes_while_the_session_is_rated_is_not_forgotten(self, at_once):
        wire = Wire(make_site(elements=ELEMENTS))
        session = wire.finish(wire.begin().transaction_id)
        has_gathered = Event()

        def settle_and_rate() -> None:
            with transaction.atomic():
                services.settle_sessions(session_ids=[session.pk], at=RATED_AT)
                services.rate_settled(session_id=session.pk, at=RATED_AT)
                has_gathered.set()

        def come_late() -> None:
            # It saw the session before that was settled, and waits for its lock.
            has_gathered.wait(timeout=10)
            tell(wire, session, 2)

        at_once(settle_and_rate, come_late)
        services.sweep_late_evidence(at=LATER)

        assert [cdr.net.amount for cdr in session.cdrs.order_by("revision")] == [Decimal("6.00"), Decimal("7.20")]
