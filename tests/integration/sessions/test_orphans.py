"""Sessions that nothing speaks of any more, at 0.50 EUR per kWh net."""

from datetime import datetime, timedelta
from decimal import Decimal
from threading import Barrier, Thread

import pytest
from django.db import connections
from django.db.utils import IntegrityError

from apps.sessions import services
from apps.sessions.models import Cdr, ChargingSession
from apps.sessions.services import sweep_unsettled
from apps.stations.models import ChargingStation, StationCommand
from tests.factories import NOON, make_grant, make_user
from tests.integration.sessions.conftest import BEGIN, KWH, session_of, violations

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
GIVEN_UP = "The station never said when this session ended."


def online(*, since: datetime, at: datetime) -> None:
    ChargingStation.objects.update(connected_at=since, last_seen_at=at, disconnected_at=None)


def read_until_one(wire, begun) -> None:
    """5 kWh in the first half hour, and not a word after one o'clock."""
    services.record_readings(
        (wire.readings(begun.transaction_id, (NOON + HOUR / 2, BEGIN + 5 * KWH), (NOON + HOUR, BEGIN + 8 * KWH)),)
    )


def record_violations() -> list[str]:
    """Return what the audit finds of charge records; commands stay unsent here, and no receipt is written."""
    return [str(violation) for violation in violations() if violation.invariant in ("I1", "I8", "I9")]


def bill(at: datetime) -> None:
    for later in (timedelta(0), timedelta(minutes=2)):
        services.sweep_unsettled(at=at + later)
        services.sweep_unrated(at=at + later)
        services.sweep_late_evidence(at=at + later)


@pytest.fixture
def forgotten(wire):
    """A contract's session that ended by rule, 72 hours after its last word."""
    begun = wire.begin()
    read_until_one(wire, begun)
    online(since=NOON, at=NOON + 73 * HOUR)
    sweep_unsettled(at=NOON + 73 * HOUR)
    return begun


@pytest.fixture
def driver(wire, site):
    """An anonymous driver's session of a limit of 20 EUR."""
    make_grant(site=site, token="ADHOC01", limit_amount=Decimal("20.00"))
    begun = wire.begin(id_token="ADHOC01")
    read_until_one(wire, begun)
    return begun


class TestASessionThatNothingSpeaksOf:
    def test_is_unresolved_after_a_day_of_a_station_that_is_there(self, wire):
        begun = wire.begin()
        read_until_one(wire, begun)
        online(since=NOON, at=NOON + 25 * HOUR)

        sweep_unsettled(at=NOON + 25 * HOUR - timedelta(seconds=1))
        before = session_of(begun).status
        sweep_unsettled(at=NOON + 25 * HOUR)

        assert (before, session_of(begun).status) == ("live", "unresolved")

    def test_stays_live_while_its_station_is_away_and_may_have_a_queue(self, wire):
        begun = wire.begin()
        ChargingStation.objects.update(connected_at=NOON, last_seen_at=NOON + HOUR, disconnected_at=NOON + HOUR)

        sweep_unsettled(at=NOON + 71 * HOUR)

        assert session_of(begun).status == "live"

    def test_stays_live_for_a_word_of_its_vehicle(self, wire):
        begun = wire.begin()
        services.record_connector_states((wire.status("SuspendedEV", NOON + 20 * HOUR),))
        online(since=NOON, at=NOON + 43 * HOUR)

        sweep_unsettled(at=NOON + 43 * HOUR)

        assert session_of(begun).status == "live"

    def test_is_stopped_at_its_limit_although_it_counts_as_live_no_more(self, wire, driver):
        online(since=NOON, at=NOON + 25 * HOUR)
        sweep_unsettled(at=NOON + 25 * HOUR)

        services.record_readings(
            (wire.readings(driver.transaction_id, (NOON + 25 * HOUR, BEGIN + 33 * KWH)),)  # 33 × 0.50 × 1.19
        )

        assert session_of(driver).status == "unresolved"
        assert [command.action for command in StationCommand.objects.all()] == ["RemoteStopTransaction"]

    def test_blocks_neither_card_nor_connector(self, wire, site):
        begun = wire.begin()
        online(since=NOON, at=NOON + 25 * HOUR)
        sweep_unsettled(at=NOON + 25 * HOUR)

        may = services.authorise(token=site.token.uid, station_id=site.station.pk, at=NOON + 25 * HOUR)
        again = wire.begin(started_at=NOON + 25 * HOUR, meter_start_milliwh=BEGIN + 8 * KWH)

        assert (may, again.status) == ("Accepted", "Accepted")
        assert (session_of(begun).status, session_of(again).status) == ("unresolved", "live")


class TestASessionGivenUp:
    def test_waits_for_a_person_with_its_last_reading_as_its_end(self, wire, forgotten):
        session = session_of(forgotten)

        assert (session.status, session.review_reasons) == ("review", [GIVEN_UP])
        assert (session.ended_at, session.meter_stop_milliwh) == (NOON + HOUR, BEGIN + 8 * KWH)
        assert (session.ended_by_rule, session.end_frame_id) == (GIVEN_UP, None)
        assert not Cdr.objects.exists()

    def test_can_be_accepted_as_it_is(self, forgotten):
        cdr = services.accept_session(
            session_id=forgotten.session_id, reason="Seen.", by=make_user(), at=NOON + 80 * HOUR
        )

        assert (cdr.energy_milliwh, cdr.net.amount) == (8 * KWH, Decimal("4.00"))

    def test_is_billed_by_itself_once_its_stop_comes(self, wire, forgotten):
        late = NOON + 100 * HOUR
        session = wire.finish(forgotten.transaction_id, ended_at=NOON + 2 * HOUR, received_at=late)
        bill(late + HOUR)
        wire.finish(forgotten.transaction_id, ended_at=NOON + 2 * HOUR, received_at=late + 2 * HOUR)
        bill(late + 3 * HOUR)

        session.refresh_from_db()
        (cdr,) = session.cdrs.all()
        assert (session.status, session.review_reasons) == ("settled", [])
        assert (cdr.revision, cdr.energy_milliwh, cdr.ended_at) == (1, 10 * KWH, NOON + 2 * HOUR)
        assert record_violations() == []

    def test_stays_with_a_person_who_has_other_reasons_too(self, wire):
        begun = wire.begin(notes=("timestamp has no zone.",))
        sweep_unsettled(at=NOON + 72 * HOUR)

        session = wire.finish(begun.transaction_id, received_at=NOON + 96 * HOUR)
        bill(NOON + 97 * HOUR)

        session.refresh_from_db()
        assert (session.status, session.review_reasons) == ("review", ["timestamp has no zone."])
        assert not Cdr.objects.exists()

    def test_keeps_what_a_person_decided_when_its_stop_comes(self, wire, forgotten):
        services.bill_nothing(session_id=forgotten.session_id, reason="Lost.", by=make_user(), at=NOON + 80 * HOUR)

        wire.finish(forgotten.transaction_id, received_at=NOON + 100 * HOUR)
        bill(NOON + 101 * HOUR)

        session = session_of(forgotten)
        assert [(cdr.revision, cdr.gross.amount) for cdr in session.cdrs.all()] == [(1, 0)]
        assert (session.status, session.ended_at) == ("settled", NOON + HOUR)

    def test_of_an_anonymous_driver_settles_once_its_station_is_back(self, driver):
        ChargingStation.objects.update(connected_at=NOON, last_seen_at=NOON + HOUR, disconnected_at=NOON + HOUR)
        bill(NOON + 80 * HOUR)
        waiting = session_of(driver).status
        online(since=NOON + 80 * HOUR, at=NOON + 81 * HOUR)
        bill(NOON + 81 * HOUR)

        session = session_of(driver)
        (cdr,) = session.cdrs.all()
        assert waiting == "unresolved"
        assert (session.status, session.ended_by_rule) == ("settled", GIVEN_UP)
        assert (cdr.energy_milliwh, cdr.net.amount) == (8 * KWH, Decimal("4.00"))
        assert record_violations() == []


class TestEndSession:
    WHY = "The hold on the card ends."

    def test_ends_at_the_last_reading_flags_and_asks_the_station_to_stop(self, wire, driver):
        services.end_session(session_id=driver.session_id, reason=self.WHY, at=NOON + 10 * HOUR)
        services.end_session(session_id=driver.session_id, reason="Again.", at=NOON + 11 * HOUR)
        bill(NOON + 12 * HOUR)

        session = session_of(driver)
        assert (session.status, session.ended_by_rule) == ("settled", self.WHY)
        assert (session.ended_at, session.end_received_at) == (NOON + HOUR, NOON + 10 * HOUR)
        (command,) = StationCommand.objects.all()
        assert (command.action, command.reason) == ("RemoteStopTransaction", self.WHY)
        assert [cdr.net.amount for cdr in session.cdrs.all()] == [Decimal("4.00")]

    def test_takes_the_stop_that_comes_before_it_settles(self, wire, driver):
        services.end_session(session_id=driver.session_id, reason=self.WHY, at=NOON + 2 * HOUR)
        stopped = NOON + 2 * HOUR + timedelta(seconds=5)
        wire.finish(driver.transaction_id, ended_at=stopped)
        bill(NOON + 3 * HOUR)

        assert [cdr.energy_milliwh for cdr in session_of(driver).cdrs.all()] == [10 * KWH]

    def test_is_corrected_by_the_stop_that_comes_later(self, wire, driver):
        services.end_session(session_id=driver.session_id, reason=self.WHY, at=NOON + 10 * HOUR)
        bill(NOON + 11 * HOUR)
        wire.finish(driver.transaction_id, ended_at=NOON + 2 * HOUR, received_at=NOON + 90 * HOUR)
        bill(NOON + 91 * HOUR)

        session = session_of(driver)
        told = [(cdr.revision, cdr.energy_milliwh, cdr.is_automatic) for cdr in session.cdrs.order_by("revision")]
        assert told == [(1, 8 * KWH, False), (2, 10 * KWH, True)]
        assert (session.status, session.ended_by_rule) == ("settled", self.WHY)
        assert record_violations() == []

    def test_leaves_the_record_and_asks_a_person_where_the_later_stop_contradicts_it(self, wire, driver):
        services.end_session(session_id=driver.session_id, reason=self.WHY, at=NOON + 10 * HOUR)
        bill(NOON + 11 * HOUR)
        wire.finish(driver.transaction_id, meter_stop_milliwh=BEGIN - KWH, received_at=NOON + 90 * HOUR)
        bill(NOON + 91 * HOUR)

        session = session_of(driver)
        assert (session.status, session.cdrs.count()) == ("review", 1)
        assert "contradicts it: Two values for one instant" in session.review_reasons[0]
        assert record_violations() == []

    def test_settles_what_only_waits_for_its_stop(self, forgotten):
        services.end_session(session_id=forgotten.session_id, reason=self.WHY, at=NOON + 74 * HOUR)
        bill(NOON + 75 * HOUR)

        session = session_of(forgotten)
        assert (session.status, session.ended_by_rule) == ("settled", self.WHY)
        assert [cdr.net.amount for cdr in session.cdrs.all()] == [Decimal("4.00")]

    def test_changes_nothing_of_a_session_that_has_ended(self, wire, settled):
        before = ChargingSession.objects.values().get()

        services.end_session(session_id=settled.pk, reason=self.WHY, at=NOON + 10 * HOUR)

        assert ChargingSession.objects.values().get() == before
        assert not StationCommand.objects.exists()

    def test_bills_no_energy_that_no_reading_shows(self, wire):
        begun = wire.begin()
        services.end_session(session_id=begun.session_id, reason=self.WHY, at=NOON + 10 * HOUR)
        bill(NOON + 11 * HOUR)

        session = session_of(begun)
        assert (session.ended_at, session.meter_stop_milliwh) == (NOON, BEGIN)
        assert [cdr.gross.amount for cdr in session.cdrs.all()] == [0]

    def test_is_refused_a_flag_without_an_end(self, wire):
        begun = wire.begin()

        with pytest.raises(IntegrityError, match="session_ended_by_rule_has_ended"):
            ChargingSession.objects.filter(pk=begun.session_id).update(ended_by_rule="No.")


@pytest.mark.django_db(transaction=True)
class TestStopAndRuleAtOnce:
    def test_end_it_once_at_the_end_that_was_told(self, wire, driver):
        both = Barrier(2)

        def run(work) -> None:
            both.wait()
            work()
            connections.close_all()

        ways = [
            lambda: services.end_session(session_id=driver.session_id, reason="Why.", at=NOON + 2 * HOUR),
            lambda: wire.finish(driver.transaction_id, ended_at=NOON + 2 * HOUR),
        ]
        threads = [Thread(target=run, args=(way,)) for way in ways]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        bill(NOON + 3 * HOUR)

        session = session_of(driver)
        assert (session.ended_at, session.meter_stop_milliwh) == (NOON + 2 * HOUR, BEGIN + 10 * KWH)
        assert [cdr.energy_milliwh for cdr in session.cdrs.all()] == [10 * KWH]
