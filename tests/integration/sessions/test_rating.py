from datetime import date, timedelta
from decimal import Decimal

import pytest

from apps.accounts.models import TaxRegistration
from apps.core.domain.moves import IllegalMove
from apps.sessions import services
from apps.sessions.errors import NothingToBill, RatingRefused, ReasonMissing, RegisterUnusable
from apps.sessions.models import Cdr, ChargingSession
from tests.factories import NOON, make_user
from tests.integration.sessions.conftest import BEGIN, KWH, session_of, violations

pytestmark = pytest.mark.django_db

END = NOON + timedelta(hours=1)
LATER = NOON + timedelta(hours=3)


class TestRateSettled:
    def test_makes_one_frozen_record_of_what_was_metered(self, settled):
        cdr = services.rate_settled(session_id=settled.pk, at=LATER)
        again = services.rate_settled(session_id=settled.pk, at=LATER + timedelta(days=1))

        # 10 kWh × 0.50 = 5.00 net, 19 % of it 0.95.
        assert again == cdr
        assert Cdr.objects.count() == 1
        assert (cdr.revision, cdr.purpose, cdr.reason) == (1, "retail", "")
        assert (cdr.net.amount, cdr.tax.amount, cdr.gross.amount) == (Decimal("5.00"), Decimal("0.95"), Decimal("5.95"))
        assert str(cdr.gross.currency) == "EUR"
        assert (cdr.energy_milliwh, cdr.tax_date, cdr.rated_at) == (10 * KWH, date(2026, 6, 1), LATER)
        assert cdr.inputs["register"]["energy_milliwh"] == [BEGIN, BEGIN + 10 * KWH]
        assert cdr.inputs["tax_rates"] == {"standard": "0.19"}
        assert len(cdr.content_hash) == 64
        assert violations() == []

    def test_takes_the_rate_of_the_local_day_on_which_the_supply_ended(self, wire):
        # 23:30 UTC on 31 May is 1 June in Berlin.
        begun = wire.begin(started_at=NOON - timedelta(hours=14))
        session = wire.finish(begun.transaction_id, ended_at=NOON - timedelta(hours=12, minutes=30))
        services.settle_sessions(session_ids=[session.pk], at=NOON)

        assert services.rate_settled(session_id=session.pk, at=NOON).tax_date == date(2026, 6, 1)

    def test_refuses_a_session_that_is_not_settled(self, wire):
        session = wire.finish(wire.begin().transaction_id)

        with pytest.raises(RatingRefused, match="ended, not settled"):
            services.rate_settled(session_id=session.pk, at=LATER)

        assert not Cdr.objects.exists()

    def test_sends_to_review_what_cannot_be_taxed(self, settled):
        TaxRegistration.objects.all().delete()

        record = services.rate_or_review(session_id=settled.pk, at=LATER)

        settled.refresh_from_db()
        assert record is None
        assert settled.status == "review"
        assert settled.review_reasons == [
            "It cannot be priced: the seller has no tax registration in DE on 2026-06-01."
        ]
        assert not Cdr.objects.exists()

    def test_is_found_by_the_sweeper_when_no_bell_was_heard(self, settled):
        looked_at = services.sweep_unrated(at=LATER)
        nothing_left = services.sweep_unrated(at=LATER)

        assert (looked_at, nothing_left) == (1, 0)
        assert settled.cdrs.get().gross.amount == Decimal("5.95")

    @pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
    def test_makes_the_same_record_in_whatever_order_the_readings_came(self, wire, order):
        begun = wire.begin()
        readings = [
            wire.readings(begun.transaction_id, (NOON + timedelta(minutes=15 * n), BEGIN + n * 3 * KWH))
            for n in (1, 2, 3)
        ]
        session = wire.finish(begun.transaction_id)
        for index in order:
            services.record_readings((readings[index],))
        services.settle_sessions(session_ids=[session.pk], at=LATER)

        cdr = services.rate_settled(session_id=session.pk, at=LATER)

        assert cdr.inputs["register"]["energy_milliwh"] == [BEGIN + n * KWH for n in (0, 3, 6, 9, 10)]


@pytest.fixture
def person(db):
    return make_user(name="Petra Prüfer")


def in_review(wire, start=None, end=None) -> ChargingSession:
    session = wire.finish(wire.begin(**(start or {})).transaction_id, **(end or {}))
    services.settle_sessions(session_ids=[session.pk], at=LATER)
    session.refresh_from_db()
    assert session.status == "review"
    return session


class TestAcceptSession:
    def test_bills_what_the_notes_had_held_back(self, wire, person):
        session = in_review(wire, end={"notes": ("meterStop is no integer.",)})

        cdr = services.accept_session(session_id=session.pk, reason="Read off the meter.", by=person, at=LATER)

        session.refresh_from_db()
        assert (cdr.revision, cdr.reason, cdr.revised_by) == (1, "Read off the meter.", person)
        assert cdr.gross.amount == Decimal("5.95")
        assert (session.status, session.settled_at) == ("settled", LATER)
        assert session.review_reasons == [
            "meterStop is no integer.",
            "Accepted as it is by Petra Prüfer: Read off the meter.",
        ]
        assert violations() == []

    def test_leaves_out_the_readings_that_contradict_the_rest(self, wire, person):
        begun = wire.begin()
        services.record_readings(
            (
                wire.readings(
                    begun.transaction_id,
                    (NOON + timedelta(minutes=10), BEGIN + 2 * KWH),
                    (NOON + timedelta(minutes=20), BEGIN + 9 * KWH),
                    (NOON + timedelta(minutes=30), BEGIN + 4 * KWH),
                    (NOON + timedelta(minutes=40), BEGIN + 6 * KWH),
                    (NOON + timedelta(minutes=50), 0),
                ),
            )
        )
        session = wire.finish(begun.transaction_id)
        services.settle_sessions(session_ids=[session.pk], at=LATER)

        cdr = services.accept_session(session_id=session.pk, reason="A spike.", by=person, at=LATER)

        assert cdr.inputs["register"]["energy_milliwh"] == [BEGIN + n * KWH for n in (0, 2, 4, 6, 10)]
        assert cdr.energy_milliwh == 10 * KWH
        assert violations() == []

    def test_does_not_bill_the_whole_odometer_after_a_begin_of_zero(self, wire, person):
        begun = wire.begin(meter_start_milliwh=0)
        services.record_readings((wire.readings(begun.transaction_id, (NOON + timedelta(minutes=1), 1_300 * KWH)),))
        session = wire.finish(begun.transaction_id, meter_stop_milliwh=1_304 * KWH)
        services.settle_sessions(session_ids=[session.pk], at=LATER)

        cdr = services.accept_session(session_id=session.pk, reason="Begin was 0.", by=person, at=LATER)

        assert cdr.energy_milliwh == 4 * KWH

    def test_refuses_where_nobody_agreed_to_pay(self, wire, person):
        session = in_review(wire, start={"id_token": "STRANGER"})

        with pytest.raises(NothingToBill, match="no contract or no tariff"):
            services.accept_session(session_id=session.pk, reason="Please.", by=person, at=LATER)

        session.refresh_from_db()
        assert session.status == "review"
        assert not Cdr.objects.exists()

    @pytest.mark.parametrize(
        ("end", "sentence"),
        [
            ({"meter_stop_milliwh": BEGIN - KWH}, "below the begin reading"),
            ({"ended_at": NOON - timedelta(hours=1), "received_at": END}, "ends before it starts"),
        ],
    )
    def test_refuses_a_register_that_cannot_be_made_consistent(self, wire, person, end, sentence):
        session = in_review(wire, end=end)

        with pytest.raises(RegisterUnusable, match=sentence):
            services.accept_session(session_id=session.pk, reason="Please.", by=person, at=LATER)

        session.refresh_from_db()
        assert session.status == "review"
        assert not Cdr.objects.exists()

    def test_refuses_twice_and_without_a_reason(self, wire, person):
        session = in_review(wire, end={"notes": ("odd",)})
        with pytest.raises(ReasonMissing):
            services.accept_session(session_id=session.pk, reason="  ", by=person, at=LATER)
        services.accept_session(session_id=session.pk, reason="Fine.", by=person, at=LATER)

        with pytest.raises(IllegalMove):
            services.accept_session(session_id=session.pk, reason="Fine.", by=person, at=LATER)

        assert Cdr.objects.count() == 1


class TestBillNothing:
    def test_adds_a_revision_of_zero_to_a_billed_session_once(self, settled, person):
        services.rate_settled(session_id=settled.pk, at=LATER)

        cdr = services.bill_nothing(session_id=settled.pk, reason="Goodwill.", by=person, at=LATER)
        again = services.bill_nothing(session_id=settled.pk, reason="Goodwill.", by=person, at=LATER)

        assert again == cdr
        assert (cdr.revision, cdr.reason, cdr.revised_by) == (2, "Goodwill.", person)
        assert (cdr.net.amount, cdr.tax.amount, cdr.gross.amount) == (0, 0, 0)
        assert cdr.energy_milliwh == 10 * KWH
        assert Cdr.objects.count() == 2
        assert violations() == []

    @pytest.mark.parametrize(
        "end",
        [
            {"notes": ("odd",)},
            {"meter_stop_milliwh": BEGIN - KWH},
            {"meter_stop_milliwh": None},
            {"ended_at": NOON - timedelta(hours=1), "received_at": END},
        ],
    )
    def test_makes_revision_one_of_zero_for_a_session_in_review(self, wire, person, end):
        session = in_review(wire, end=end)

        cdr = services.bill_nothing(session_id=session.pk, reason="Meter broken.", by=person, at=LATER)

        session.refresh_from_db()
        assert (cdr.revision, cdr.gross.amount, session.status) == (1, 0, "settled")
        assert session.review_reasons[-1] == "Billed to nobody by Petra Prüfer: Meter broken."
        assert violations() == []

    def test_only_settles_where_nobody_would_have_paid(self, wire, person):
        session = in_review(wire, start={"id_token": "STRANGER"})

        record = services.bill_nothing(session_id=session.pk, reason="Unknown card.", by=person, at=LATER)

        session.refresh_from_db()
        assert (record, session.status) == (None, "settled")
        assert not Cdr.objects.exists()
        assert violations() == []

    def test_closes_a_session_that_never_ended_at_its_last_reading(self, wire, person):
        begun = wire.begin()
        services.record_readings((wire.readings(begun.transaction_id, (END, BEGIN + 5 * KWH)),))
        wire.begin(started_at=NOON + timedelta(hours=2))
        services.sweep_unsettled(at=NOON + timedelta(hours=73))

        cdr = services.bill_nothing(
            session_id=begun.session_id, reason="Lost.", by=person, at=NOON + timedelta(hours=73)
        )

        assert session_of(begun).ended_at == END
        assert (cdr.energy_milliwh, cdr.gross.amount) == (5 * KWH, 0)

    def test_refuses_a_session_that_still_runs(self, wire, person):
        begun = wire.begin()

        with pytest.raises(IllegalMove):
            services.bill_nothing(session_id=begun.session_id, reason="No.", by=person, at=LATER)

        assert session_of(begun).status == "live"
