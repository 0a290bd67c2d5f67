"""Decisions of a person: begin and end set by hand, and the price that is shown before anything is done."""

from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest

from apps.core.clock import to_epoch_ms
from apps.core.domain.moves import IllegalMove
from apps.sessions import services
from apps.sessions.errors import NothingToBill, PriceChanged, ReasonMissing, RegisterUnusable
from apps.sessions.models import Cdr
from apps.sessions.services.review import accept_session, bill_between, bill_nothing, decide_as_shown, preview_decision
from apps.tariffs.domain.facts import Reading
from tests.factories import NOON, make_user
from tests.integration.sessions.conftest import BEGIN, KWH, session_of, violations

LATER = NOON + timedelta(hours=5)


def reading(minutes: int, kwh: int) -> Reading:
    return Reading(at_ms=to_epoch_ms(NOON + timedelta(minutes=minutes)), energy_milliwh=BEGIN + kwh * KWH)


@pytest.fixture
def person(db):
    return make_user(name="Petra Prüfer")


@pytest.fixture
def fallen(wire):
    """A session in review whose register ends below its begin, with good readings between."""
    begun = wire.begin()
    samples = [(NOON + timedelta(minutes=n), BEGIN + n // 5 * KWH) for n in (10, 20, 30)]
    services.record_readings((wire.readings(begun.transaction_id, *samples),))
    session = wire.finish(begun.transaction_id, meter_stop_milliwh=3 * KWH)
    services.settle_sessions(session_ids=[session.pk], at=LATER)
    session.refresh_from_db()
    assert session.status == "review"
    return session


class TestBillBetween:
    def test_bills_what_flowed_between_the_readings_that_were_set(self, fallen, person):
        cdr = bill_between(
            session_id=fallen.pk,
            begin=reading(0, 0),
            end=reading(30, 6),
            reason="Display photographed.",
            by=person,
            at=LATER,
        )

        fallen.refresh_from_db()
        assert (cdr.revision, cdr.energy_milliwh, cdr.gross.amount) == (1, 6 * KWH, Decimal("3.57"))
        assert (cdr.started_at, cdr.ended_at) == (NOON, NOON + timedelta(minutes=30))
        assert (cdr.reason, cdr.revised_by) == ("Display photographed.", person)
        assert cdr.inputs["register"]["energy_milliwh"] == [BEGIN + n * KWH for n in (0, 2, 4, 6)]
        assert fallen.review_reasons[-1] == "Begin and end set by Petra Prüfer: Display photographed."
        assert violations() == []

    def test_leaves_what_the_station_said_on_the_session(self, fallen, person):
        bill_between(session_id=fallen.pk, begin=reading(5, 1), end=reading(30, 6), reason="Seen.", by=person, at=LATER)

        fallen.refresh_from_db()
        assert (fallen.started_at, fallen.ended_at) == (NOON, NOON + timedelta(hours=1))
        assert (fallen.meter_start_milliwh, fallen.meter_stop_milliwh) == (BEGIN, 3 * KWH)

    def test_ends_a_session_whose_end_was_never_told(self, wire, person):
        begun = wire.begin()
        services.record_readings((wire.readings(begun.transaction_id, (NOON + timedelta(hours=1), BEGIN + 5 * KWH)),))
        wire.begin(started_at=NOON + timedelta(hours=2))
        services.sweep_unsettled(at=NOON + timedelta(hours=73))

        cdr = bill_between(
            session_id=begun.session_id,
            begin=reading(0, 0),
            end=reading(60, 5),
            reason="The driver says so.",
            by=person,
            at=NOON + timedelta(hours=73),
        )

        session = session_of(begun)
        assert (session.status, session.ended_at) == ("settled", NOON + timedelta(hours=1))
        assert (cdr.energy_milliwh, cdr.gross.amount) == (5 * KWH, Decimal("2.98"))
        assert violations() == []

    @pytest.mark.parametrize(
        ("begin", "end", "sentence"),
        [
            (reading(30, 0), reading(0, 6), "end lies before the begin"),
            (reading(0, 6), reading(30, 0), "below the register at the begin"),
            (reading(0, -2_000), reading(30, 0), "never negative"),
            (reading(0, 0), reading(6 * 60, 6), "in the future"),
            (reading(-32 * 24 * 60, 0), reading(30, 6), "more than 31 days"),
        ],
    )
    def test_refuses_what_no_session_can_be(self, fallen, person, begin, end, sentence):
        with pytest.raises(RegisterUnusable, match=sentence):
            bill_between(session_id=fallen.pk, begin=begin, end=end, reason="So.", by=person, at=LATER)

        fallen.refresh_from_db()
        assert fallen.status == "review"
        assert not Cdr.objects.exists()

    def test_refuses_where_nobody_agreed_to_pay_and_without_a_reason(self, wire, fallen, person):
        stranger = wire.finish(wire.begin(id_token="STRANGER", started_at=NOON + timedelta(hours=2)).transaction_id)
        services.settle_sessions(session_ids=[stranger.pk], at=LATER)
        decide = partial(bill_between, begin=reading(0, 0), end=reading(30, 6), by=person, at=LATER)

        with pytest.raises(NothingToBill):
            decide(session_id=stranger.pk, reason="So.")
        with pytest.raises(ReasonMissing):
            decide(session_id=fallen.pk, reason=" ")

        assert not Cdr.objects.exists()

    def test_refuses_a_session_that_is_settled(self, settled, person):
        with pytest.raises(IllegalMove):
            bill_between(
                session_id=settled.pk, begin=reading(0, 0), end=reading(30, 6), reason="So.", by=person, at=LATER
            )

        assert not Cdr.objects.exists()


class TestPreviewDecision:
    def test_tells_the_price_and_writes_nothing(self, fallen, person):
        before = fallen.review_reasons
        decide = partial(
            bill_between,
            session_id=fallen.pk,
            begin=reading(0, 0),
            end=reading(30, 6),
            reason="Seen.",
            by=person,
            at=LATER,
        )

        shown = preview_decision(decide)

        fallen.refresh_from_db()
        assert (shown.gross.amount, shown.energy_milliwh) == (Decimal("3.57"), 6 * KWH)
        assert (fallen.status, fallen.review_reasons) == ("review", before)
        assert not Cdr.objects.exists()

    def test_is_refused_as_the_decision_would_be(self, fallen, person):
        with pytest.raises(RegisterUnusable):
            preview_decision(partial(accept_session, session_id=fallen.pk, reason="So.", by=person, at=LATER))


class TestDecideAsShown:
    def test_does_what_was_shown(self, fallen, person):
        decide = partial(bill_nothing, session_id=fallen.pk, reason="Broken.", by=person, at=LATER)

        cdr = decide_as_shown(decide, shown_gross=Decimal(0))

        assert list(Cdr.objects.all()) == [cdr]

    def test_writes_nothing_when_it_comes_to_another_price(self, fallen, person):
        decide = partial(
            bill_between,
            session_id=fallen.pk,
            begin=reading(0, 0),
            end=reading(30, 6),
            reason="Seen.",
            by=person,
            at=LATER,
        )

        with pytest.raises(PriceChanged):
            decide_as_shown(decide, shown_gross=Decimal("3.00"))

        fallen.refresh_from_db()
        assert fallen.status == "review"
        assert not Cdr.objects.exists()
