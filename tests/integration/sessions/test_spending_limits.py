"""A contract's sessions never reserve more together than its spending limit has room for."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from threading import Barrier

import pytest
from django.db import IntegrityError, transaction

from apps.contracts import spending
from apps.contracts.models import SpendingLimit
from apps.core.audit import Violation
from apps.sessions import services
from apps.sessions.domain.commands import AuthorisationStatus
from apps.sessions.models import ChargingSession, StartGrant
from apps.stations.models import StationCommand
from tests.factories import NOON, make_evse, make_site, make_station
from tests.integration.sessions.conftest import BEGIN, KWH, Wire, session_of, violations

pytestmark = pytest.mark.django_db


def make_limit(site, amount="10.00", session_amount="4.00", **fields) -> SpendingLimit:
    values = {"contract": site.contract, "currency": "EUR", "amount": amount, "session_amount": session_amount}
    return SpendingLimit.objects.create(**values | fields)


def with_own_station(site):
    """Return the site with a station of its own, where the same card may charge."""
    station = make_station(location=site.location)
    return replace(site, station=station, evse=make_evse(station=station))


def found() -> list[Violation]:
    """Return what the audit finds, but for I15: commands of a past noon wait for no station here."""
    return [violation for violation in violations() if violation.invariant != "I15"]


def add_evses(site, count: int) -> None:
    for number in range(2, count + 1):
        make_evse(station=site.station, number=number)


def starts(wire, count: int):
    return [wire.start(evse_number=number) for number in range(1, count + 1)]


@pytest.fixture
def limit(site) -> SpendingLimit:
    """Of 10.00, each session reserves 4.00: two fit."""
    add_evses(site, 3)
    return make_limit(site)


class TestAStart:
    def test_reserves_until_no_more_fits_and_then_is_blocked_and_billed_to_nobody(self, wire, site, limit):
        outcomes = services.start_sessions(tuple(starts(wire, 3)))

        assert [outcome.status for outcome in outcomes] == ["Accepted", "Accepted", "Blocked"]
        refused = session_of(outcomes[2])
        limit.refresh_from_db()
        assert (limit.reserved, limit.available) == (Decimal("8.00"), Decimal("2.00"))
        assert (refused.contract, StartGrant.objects.count()) == (None, 2)
        assert refused.review_reasons == ["The contract's spending limit is used up. Nobody is billed by itself."]
        assert StationCommand.objects.get().action == "RemoteStopTransaction"
        assert found() == []

    def test_dated_1970_is_not_taken_to_have_begun_before_it_was_told(self, wire, limit):
        unset = NOON.replace(year=1970)
        services.start_sessions(tuple(starts(wire, 2)))

        outcome = wire.begin(evse_number=3, started_at=unset, received_at=NOON)

        assert outcome.status == "Blocked"

    def test_repeated_reserves_once(self, wire, limit):
        assert wire.begin() == wire.begin()

        limit.refresh_from_db()
        assert limit.reserved == Decimal("4.00")

    def test_counts_what_is_owed(self, wire, limit):
        SpendingLimit.objects.update(owed="6.01")

        assert wire.begin().status is AuthorisationStatus.BLOCKED

    def test_that_its_station_told_late_is_paid_whatever_the_limit(self, wire, limit):
        SpendingLimit.objects.update(owed="10.00")

        outcome = wire.begin(received_at=NOON + timedelta(hours=2))

        assert outcome.status is AuthorisationStatus.ACCEPTED
        assert session_of(outcome).is_billable

    def test_in_another_currency_is_blocked(self, wire, site):
        make_limit(site, currency="CHF")

        outcome = wire.begin()

        assert outcome.status is AuthorisationStatus.BLOCKED
        assert "Its prices are in EUR, its spending limit in CHF." in session_of(outcome).review_reasons[0]

    def test_without_a_limit_reserves_nothing(self, wire):
        assert session_of(wire.begin()).grant.reserved_amount is None


class TestAuthorising:
    def test_is_refused_without_room_but_not_to_who_charges_here(self, wire, site, limit):
        def answer() -> AuthorisationStatus:
            return services.authorise(token=site.token.uid, station_id=site.station.pk, at=NOON)

        assert answer() is AuthorisationStatus.ACCEPTED
        SpendingLimit.objects.update(owed="10.00")
        assert answer() is AuthorisationStatus.BLOCKED
        SpendingLimit.objects.update(owed="0")
        wire.begin()
        SpendingLimit.objects.update(owed="10.00")
        assert answer() is AuthorisationStatus.ACCEPTED


class TestTheSession:
    def test_is_stopped_before_it_costs_more_than_it_reserved(self, wire, limit):
        outcome = wire.begin()

        # 7.9 kWh at 0.50 net are 3.95 and, with 19 % VAT, 4.70.
        services.record_readings(
            (wire.readings(outcome.transaction_id, (NOON + timedelta(minutes=30), BEGIN + 7_900_000)),)
        )

        command = StationCommand.objects.get()
        assert command.action == "RemoteStopTransaction"
        assert "4.00 EUR" in command.reason

    def test_gives_its_reservation_back_for_its_price_and_is_cut_by_nothing(self, wire, site, limit):
        session = wire.finish(wire.begin().transaction_id, meter_stop_milliwh=BEGIN + 10 * KWH)
        services.settle_sessions(session_ids=[session.pk], at=NOON + timedelta(hours=2))
        for _ in range(2):
            cdr = services.rate_settled(session_id=session.pk, at=NOON + timedelta(hours=2))

        limit.refresh_from_db()
        # 10 kWh at 0.50 are 5.00, and 0.95 VAT.
        assert (cdr.gross.amount, limit.reserved, limit.owed) == (Decimal("5.95"), 0, Decimal("5.95"))
        assert found() == []

    def test_gives_its_reservation_back_by_the_sweeper_when_nobody_pays_it(self, wire, limit):
        session = wire.finish(wire.begin().transaction_id)
        ChargingSession.objects.filter(pk=session.pk).update(
            status="settled", settled_at=NOON + timedelta(hours=2), authorisation="Blocked"
        )

        assert services.sweep_spending(at=NOON) == 1
        assert services.sweep_spending(at=NOON) == 0

        limit.refresh_from_db()
        assert (limit.reserved, limit.owed) == (0, 0)


class TestTheDatabase:
    @pytest.mark.parametrize(
        ("change", "rule"),
        [
            ({"session_amount": "0"}, "limit_reserves_something"),
            ({"session_amount": "10.01"}, "limit_lets_one_session_begin"),
            ({"reserved": "-0.01"}, "limit_reserved_is_not_negative"),
            ({"amount": "10.005"}, "limit_amounts_are_rounded"),
        ],
    )
    def test_refuses_a_limit_that_makes_no_sense(self, limit, change, rule):
        with pytest.raises(IntegrityError, match=rule), transaction.atomic():
            SpendingLimit.objects.update(**change)

        limit.refresh_from_db()
        assert limit.session_amount == Decimal("4.00")


@pytest.mark.django_db(transaction=True)
class TestTwentyStartsAtOnce:
    """Against a limit of 10.00 of which each reserves 1.50: six fit."""

    @pytest.fixture
    def deeds(self):
        # A start locks the EVSEs of its station, so that only starts at different stations are at once.
        first = make_site()
        make_limit(first, session_amount="1.50")
        sites = [first, *(with_own_station(first) for _ in range(19))]
        commands = [Wire(site).start() for site in sites]
        return [lambda command=command: services.start_sessions((command,)) for command in commands]

    def test_would_pass_the_limit_without_the_lock(self, deeds, at_once, monkeypatch):
        monkeypatch.setattr(SpendingLimit.objects, "select_for_update", SpendingLimit.objects.all)
        both_have_looked, decide = Barrier(2), spending._reserve

        def decide_after_the_other_has_looked(limit, wish):
            both_have_looked.wait(timeout=10)
            return decide(limit, wish)

        monkeypatch.setattr(spending, "_reserve", decide_after_the_other_has_looked)
        SpendingLimit.objects.update(owed="8.50")

        outcomes = at_once(*deeds[:2])

        # 1.50 were left; two took them.
        assert [outcome.status for (outcome,) in outcomes] == ["Accepted", "Accepted"]

    def test_lets_only_so_many_through_as_fit(self, deeds, at_once):
        outcomes = at_once(*deeds)

        statuses = sorted(outcome.status for (outcome,) in outcomes)
        assert statuses == ["Accepted"] * 6 + ["Blocked"] * 14
        assert SpendingLimit.objects.get().reserved == Decimal("9.00")
        assert found() == []
