"""Two sessions that count the same energy of one connector at the same time: one is billed, a person decides."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connections

from apps.sessions import services
from apps.sessions.models import Cdr, ChargingSession
from tests.factories import NOON, make_evse, make_site, make_user
from tests.integration.sessions.conftest import BEGIN, KWH, Wire, session_of

pytestmark = pytest.mark.django_db

HALF = timedelta(minutes=30)
END = NOON + 2 * HALF
LATER = NOON + timedelta(hours=5)
SAME = "counts the same energy of the same connector at the same time."


def charged(wire: Wire, *, start=NOON, end=END, begin=BEGIN, stop=BEGIN + 10 * KWH, **fields) -> ChargingSession:
    begun = wire.begin(started_at=start, meter_start_milliwh=begin, **fields)
    return wire.finish(begun.transaction_id, ended_at=end, meter_stop_milliwh=stop)


def settle_and_rate(*sessions: ChargingSession) -> list[ChargingSession]:
    services.settle_sessions(session_ids=[session.pk for session in sessions], at=LATER)
    services.sweep_unrated(at=LATER)
    return [ChargingSession.objects.get(pk=session.pk) for session in sessions]


class TestTheSecondOfTwo:
    def test_waits_for_a_person(self, wire):
        first, second = settle_and_rate(charged(wire), charged(wire, start=NOON + HALF, begin=BEGIN + 5 * KWH))

        assert {first.status, second.status} == {"review"}
        assert first.review_reasons == [f"Session {second} {SAME}"]
        assert second.review_reasons == [f"Session {first} {SAME}"]
        assert not Cdr.objects.exists()

    def test_told_after_the_first_was_billed_leaves_that_as_it_is(self, wire):
        (first,) = settle_and_rate(charged(wire))
        (second,) = settle_and_rate(charged(wire, start=NOON + HALF, begin=BEGIN + 5 * KWH))

        assert (first.status, second.status) == ("settled", "review")
        assert Cdr.objects.get().session == first

    def test_may_be_billed_once_a_person_billed_the_first_to_nobody(self, wire):
        first, second = settle_and_rate(charged(wire), charged(wire, start=NOON + HALF, begin=BEGIN + 5 * KWH))
        by = make_user()

        services.bill_nothing(session_id=first.pk, reason="never happened", by=by, at=LATER)
        cdr = services.accept_session(session_id=second.pk, reason="this one did", by=by, at=LATER)

        assert cdr.energy_milliwh == 5 * KWH
        assert sum(record.gross.amount for record in Cdr.objects.exclude(pk=cdr.pk)) == 0

    def test_costs_a_driver_nothing_where_the_money_cannot_wait(self, wire):
        first, _ = settle_and_rate(charged(wire), charged(wire, start=NOON + HALF, begin=BEGIN + 5 * KWH))

        cdr = services.bill_undisputed(session_id=first.pk, reason="the hold ends", at=LATER)

        assert (cdr.gross.amount, cdr.energy_milliwh) == (0, 10 * KWH)


class TestTwoThatMayBeBilled:
    @pytest.mark.parametrize(
        "second",
        [
            {"start": END, "end": END + HALF, "begin": BEGIN + 10 * KWH, "stop": BEGIN + 15 * KWH},
            {"start": NOON + HALF, "end": END + HALF, "begin": BEGIN + 10 * KWH, "stop": BEGIN + 15 * KWH},
            {"start": END, "end": END + HALF},
            {"start": NOON + HALF, "id_token": "STRANGER", "begin": BEGIN + 5 * KWH},
        ],
        ids=["one after the other", "a clock that jumps", "a meter that starts anew", "one that nobody pays"],
    )
    def test_share_no_energy(self, wire, second):
        settle_and_rate(charged(wire), charged(wire, **second))

        assert ChargingSession.objects.order_by("pk").first().status == "settled"
        assert Cdr.objects.count() == (1 if "id_token" in second else 2)

    def test_are_at_two_connectors(self, wire, site):
        make_evse(station=site.station, number=2)

        both = settle_and_rate(charged(wire), charged(wire, start=NOON + HALF, evse_number=2))

        assert [session.status for session in both] == ["settled", "settled"]


@pytest.mark.django_db(transaction=True)
def test_two_that_end_at_once_on_two_processes_are_never_both_billed():
    wire = Wire(make_site())
    first = wire.begin()
    second = wire.begin(started_at=NOON + HALF, meter_start_milliwh=BEGIN + 5 * KWH)
    wire.begin(started_at=END, meter_start_milliwh=BEGIN + 10 * KWH)
    ends = [wire.end(outcome.transaction_id) for outcome in (first, second)]
    together = Barrier(2)

    def end_and_rate(command) -> None:
        together.wait()
        (outcome,) = services.end_sessions((command,))
        services.settle_sessions(session_ids=[outcome.session_id], at=LATER)
        if session_of(outcome).status == "settled":
            services.rate_or_review(session_id=outcome.session_id, at=LATER)
        connections.close_all()

    threads = [Thread(target=end_and_rate, args=(command,)) for command in ends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Cdr.objects.count() <= 1
