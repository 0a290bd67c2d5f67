from datetime import UTC, datetime, timedelta

import pytest

from apps.sessions import services
from apps.sessions.domain.commands import AuthorisationStatus, EndOutcome, MeterSample
from apps.sessions.models import ChargingSession, MeterReading
from tests.factories import NOON, make_evse, make_site, make_token
from tests.integration.sessions.conftest import BEGIN, KWH, Wire, session_of

pytestmark = pytest.mark.django_db

END = NOON + timedelta(hours=1)


class TestEndSessions:
    def test_ends_the_session_and_stores_what_the_stop_carried(self, wire):
        begun = wire.begin()
        half = MeterSample(at=NOON + timedelta(minutes=30), energy_milliwh=BEGIN + 5 * KWH, context="Sample.Clock")

        (outcome,) = services.end_sessions((wire.end(begun.transaction_id, reason="EVDisconnected", samples=(half,)),))

        session = session_of(outcome)
        assert outcome == EndOutcome(session_id=begun.session_id, status=AuthorisationStatus.ACCEPTED)
        assert (session.status, session.ended_at, session.meter_stop_milliwh, session.stop_reason) == (
            "ended",
            END,
            BEGIN + 10 * KWH,
            "EVDisconnected",
        )
        assert list(session.readings.values_list("energy_milliwh", "context")) == [
            (BEGIN, "Transaction.Begin"),
            (BEGIN + 5 * KWH, "Sample.Clock"),
            (BEGIN + 10 * KWH, "Transaction.End"),
        ]

    @pytest.mark.parametrize("after", [timedelta(0), timedelta(hours=1), timedelta(days=7)])
    def test_answers_a_repeated_stop_alike_and_changes_nothing(self, wire, after):
        begun = wire.begin()
        (first,) = services.end_sessions((wire.end(begun.transaction_id),))
        before = ChargingSession.objects.values().get()

        (again,) = services.end_sessions((wire.end(begun.transaction_id, received_at=END + after),))

        assert again == first
        assert ChargingSession.objects.values().get() == before
        assert MeterReading.objects.count() == 2

    def test_ends_once_what_a_batch_ends_twice(self, wire):
        begun = wire.begin()

        one, two = services.end_sessions((wire.end(begun.transaction_id), wire.end(begun.transaction_id)))

        assert one == two
        assert MeterReading.objects.count() == 2

    def test_never_ends_another_stations_transaction(self, wire):
        begun = wire.begin()
        stranger = Wire(make_site())
        mine = stranger.begin()

        (outcome,) = services.end_sessions((stranger.end(begun.transaction_id),))

        assert outcome == EndOutcome(session_id=None, status=AuthorisationStatus.ACCEPTED)
        assert [session_of(begun).status, session_of(mine).status] == ["live", "live"]
        assert MeterReading.objects.filter(context="Transaction.End").count() == 0

    def test_ends_an_unresolved_session_when_its_stop_comes_at_last(self, wire):
        first = wire.begin()
        second = wire.begin(started_at=NOON + timedelta(hours=2))

        wire.finish(first.transaction_id, received_at=NOON + timedelta(hours=3))

        assert [session_of(first).status, session_of(second).status] == ["ended", "live"]

    def test_answers_with_the_cards_status(self, wire):
        begun = wire.begin(id_token="STRANGER")

        (outcome,) = services.end_sessions((wire.end(begun.transaction_id),))

        assert outcome == EndOutcome(session_id=begun.session_id, status=AuthorisationStatus.INVALID)

    @pytest.mark.parametrize(
        ("fields", "sentence"),
        [
            ({"meter_stop_milliwh": None}, "The end reading could not be read."),
            (
                {"ended_at": NOON - timedelta(seconds=1), "received_at": END},
                "The session ends (2026-06-01 11:59:59 UTC) before it starts (2026-06-01 12:00:00 UTC).",
            ),
            (
                {"ended_at": datetime(2036, 6, 1, tzinfo=UTC), "received_at": END},
                "The station's clock said 2036-06-01 00:00 UTC for a stop received at 2026-06-01 13:00 UTC.",
            ),
            ({"notes": ("meterStop is no integer.",)}, "meterStop is no integer."),
        ],
    )
    def test_answers_whatever_is_odd_and_keeps_it_for_review(self, wire, fields, sentence):
        begun = wire.begin()

        session = wire.finish(begun.transaction_id, **fields)

        assert session.status == "ended"
        assert session.review_reasons == [sentence]

    def test_settles_at_once_where_the_connector_was_available_first(self, wire):
        begun = wire.begin()
        services.record_connector_states((wire.status("Available", END + timedelta(seconds=1)),))

        session = wire.finish(begun.transaction_id, received_at=END + timedelta(seconds=2))

        assert session.status == "settled"


class TestStatements:
    """A flush holds up to five hundred messages; what it costs must not grow with them."""

    def test_are_a_handful_for_readings_states_and_ends_of_many(self, wire, site, django_assert_max_num_queries):
        for number in range(2, 51):
            make_evse(station=site.station, number=number)
        begun = services.start_sessions(tuple(wire.start(evse_number=number) for number in range(1, 51)))
        at = NOON + timedelta(minutes=30)
        readings = tuple(wire.readings(start.transaction_id, (at, BEGIN + KWH)) for start in begun)
        states = tuple(wire.status("Charging", at, evse_number=number) for number in range(1, 51))
        ends = tuple(wire.end(start.transaction_id) for start in begun)

        with django_assert_max_num_queries(5):
            services.record_readings(readings)
        with django_assert_max_num_queries(5):
            services.record_connector_states(states)
        with django_assert_max_num_queries(6):
            services.end_sessions(ends)
        # One of them asks whether anybody is told of sessions by webhook.
        with django_assert_max_num_queries(9):
            services.settle_sessions(session_ids=[start.session_id for start in begun], at=END + timedelta(minutes=2))

        assert ChargingSession.objects.filter(status="settled").count() == 50


class TestStopWithoutAnId:
    """The answer to the start was lost, so the station says −1."""

    def test_ends_the_only_live_session_of_the_station(self, wire):
        begun = wire.begin()

        session = wire.finish(-1)

        assert session.pk == begun.session_id
        assert session.status == "ended"
        assert session.review_reasons == []

    def test_gets_the_same_answer_when_repeated_though_another_session_is_live(self, wire):
        begun = wire.begin()
        wire.finish(-1)
        following = wire.begin(started_at=NOON + timedelta(hours=2))

        (again,) = services.end_sessions((wire.end(-1, received_at=NOON + timedelta(hours=3)),))

        assert again.session_id == begun.session_id
        assert session_of(following).status == "live"

    def test_finds_its_session_among_several_by_the_card(self, wire, site):
        make_evse(station=site.station, number=2)
        other_card = make_token(contract=site.contract)
        wire.begin()
        second = wire.begin(evse_number=2, id_token=other_card.uid)

        session = wire.finish(-1, id_token=other_card.uid)

        assert session.pk == second.session_id

    @pytest.mark.parametrize("case", ["two fit", "other card", "before the start", "none live", "other station"])
    def test_ends_nothing_when_not_exactly_one_fits(self, wire, site, case):
        make_evse(station=site.station, number=2)
        if case != "none live":
            wire.begin()
        if case == "two fit":
            wire.begin(evse_number=2)
        sender = Wire(make_site()) if case == "other station" else wire
        fields = {"other card": {"id_token": "OTHER"}, "before the start": {"ended_at": NOON - timedelta(hours=1)}}

        (outcome,) = services.end_sessions((sender.end(-1, **fields.get(case, {})),))

        assert outcome == EndOutcome(session_id=None, status=AuthorisationStatus.ACCEPTED)
        assert not ChargingSession.objects.exclude(status="live").exists()


@pytest.mark.django_db(transaction=True)
class TestTwoProcessesAtOnce:
    def test_end_the_session_once(self, at_once):
        wire = Wire(make_site())
        begun = wire.begin()
        one = wire.end(begun.transaction_id)
        two = wire.end(begun.transaction_id, meter_stop_milliwh=BEGIN + 11 * KWH)

        outcomes = at_once(lambda: services.end_sessions((one,)), lambda: services.end_sessions((two,)))

        answers = [outcome for (outcome,) in outcomes]
        assert len({(answer.session_id, answer.status) for answer in answers}) == 1
        assert sorted(answer.contradicts for answer in answers) == [False, True]
        assert MeterReading.objects.filter(context="Transaction.End").count() == 1
        assert (
            session_of(begun).meter_stop_milliwh == MeterReading.objects.get(context="Transaction.End").energy_milliwh
        )

    def test_settle_and_rate_the_session_once(self, at_once):
        wire = Wire(make_site())
        session = wire.finish(wire.begin().transaction_id)
        later = END + timedelta(minutes=2)

        settled = at_once(
            *[lambda: services.settle_sessions(session_ids=[session.pk], at=later)] * 2,
        )
        records = at_once(*[lambda: services.rate_settled(session_id=session.pk, at=later).pk] * 2)

        assert sorted(settled) == [(), (session.pk,)]
        assert records[0] == records[1]
        assert session.cdrs.count() == 1
