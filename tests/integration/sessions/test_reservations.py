"""Reservations at 3.00 EUR per hour and 0.50 once, 4.00 when nobody comes; charging 0.50 per kWh; all gross."""

from datetime import timedelta
from decimal import Decimal
from threading import Barrier, Thread

import pytest
from django.db import connections

from apps.contracts.models import IdToken
from apps.invoices.models import Invoice
from apps.invoices.services.billing import run_billing
from apps.sessions import services
from apps.sessions.domain.commands import Phase
from apps.sessions.models import ChargingSession, Reservation
from apps.stations.models import ChargingStation
from apps.tariffs.models import TariffVersion
from tests.factories import NOON, Site, make_contract, make_customer, make_site, make_tier, make_token
from tests.integration.sessions.conftest import BEGIN, KWH, Wire, session_of, violations

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
HALF_PAST = NOON + 30 * MINUTE
ELEMENTS = [
    {
        "price_components": [{"type": "TIME", "price": "3.00"}, {"type": "FLAT", "price": "0.50"}],
        "restrictions": {"reservation": "RESERVATION"},
    },
    {
        "price_components": [{"type": "FLAT", "price": "4.00"}],
        "restrictions": {"reservation": "RESERVATION_EXPIRES"},
    },
    {"price_components": [{"type": "ENERGY", "price": "0.50"}]},
]


@pytest.fixture
def site(db) -> Site:
    return make_site(elements=ELEMENTS, tax_included=True)


def reserve(site: Site, **fields) -> Reservation | None:
    """Reserve the site's EVSE for its card from noon to half past."""
    values = {
        "station_id": site.station.pk,
        "reservation_id": 17,
        "evse_number": 1,
        "token": site.token.uid,
        "expires_at": HALF_PAST,
        "at": NOON,
    }
    return services.record_reservation(**{**values, **fields})


def online(*, since, at) -> None:
    ChargingStation.objects.update(connected_at=since, last_seen_at=at, disconnected_at=None)


def charge(wire: Wire, *, at=NOON + 20 * MINUTE, received_at=None, **start) -> ChargingSession:
    """Charge 10 kWh in an hour from ``at`` and rate it."""
    received_at = received_at or at
    begun = wire.begin(started_at=at, received_at=received_at, **start)
    ended_at = at + 60 * MINUTE
    wire.finish(begun.transaction_id, ended_at=ended_at, received_at=max(ended_at, received_at))
    rate(max(ended_at, received_at) + 5 * MINUTE)
    return session_of(begun)


def rate(at) -> None:
    services.sweep_unsettled(at=at)
    services.sweep_unrated(at=at)
    services.sweep_late_evidence(at=at)


def grosses(session: ChargingSession) -> list[Decimal]:
    return [cdr.gross.amount for cdr in session.cdrs.order_by("revision")]


class TestRecordReservation:
    def test_keeps_the_terms_of_the_moment_once_however_often_it_is_told(self, site):
        first, again = reserve(site), reserve(site, at=NOON + MINUTE)

        assert first == again == Reservation.objects.get()
        assert (first.contract, first.tariff_version, first.status) == (site.contract, site.version, "open")
        assert (first.reserved_at, first.expires_at) == (NOON, HALF_PAST)
        assert TariffVersion.objects.get().used_at == NOON

    @pytest.mark.parametrize(
        "odd", [{"token": "STRANGER"}, {"evse_number": 0}, {"evse_number": 9}, {"expires_at": NOON}]
    )
    def test_writes_nothing_that_nobody_could_be_billed_for(self, site, odd):
        assert reserve(site, **odd) is None
        assert not Reservation.objects.exists()

    def test_writes_nothing_for_a_blocked_card_or_another_owners(self, site):
        other = make_site(elements=ELEMENTS)
        IdToken.objects.filter(pk=site.token.pk).update(status="blocked")

        assert (reserve(site), reserve(site, token=other.token.uid)) == (None, None)
        assert not Reservation.objects.exists()


class TestAReservationUsed:
    @pytest.mark.parametrize("named", [{"reservation_id": 17}, {}, {"reservation_id": 99}])
    def test_is_in_its_charges_record_whether_the_station_names_it_or_not(self, site, wire, named):
        reservation = reserve(site)

        session = charge(wire, **named)
        online(since=NOON, at=NOON + 120 * MINUTE)
        closed = services.sweep_reservations(at=NOON + 120 * MINUTE)

        reservation.refresh_from_db()
        # 20 min × 0.05 + 0.50, and 10 kWh × 0.50.
        assert grosses(session) == [Decimal("6.50")]
        assert (session.reserved_from, reservation.used_by, reservation.status) == (NOON, session, "used")
        assert (closed, ChargingSession.objects.count()) == (0, 1)
        assert violations() == []

    def test_is_used_once_by_the_start_told_twice(self, site, wire):
        reserve(site)
        first = wire.begin(started_at=NOON + MINUTE)
        again = wire.begin(started_at=NOON + MINUTE)

        assert first == again
        assert Reservation.objects.get().used_by_id == first.session_id

    def test_is_not_used_by_another_contract_or_another_time(self, site, wire):
        reserve(site)
        stranger = make_token(contract=make_contract(customer=make_customer(seller=site.owner)))
        other = charge(wire, id_token=stranger.uid, reservation_id=17)
        later = charge(wire, at=HALF_PAST + 90 * MINUTE, meter_start_milliwh=BEGIN)

        assert grosses(other) == grosses(later) == [Decimal("5.00")]
        assert Reservation.objects.get().status == "open"

    def test_of_a_transaction_is_used_by_the_event_that_brings_the_card(self, site, wire):
        reserve(site)
        named = {"transaction_ref": "tx", "meter_start_milliwh": BEGIN}
        plugged, shown = NOON + 10 * MINUTE, NOON + 20 * MINUTE
        services.follow_transactions(
            (
                wire.start(**named, id_token="", started_at=plugged),
                wire.start(**named, started_at=shown, phase=Phase.UPDATED),
            )
        )
        services.follow_transactions((wire.start(**named, started_at=shown, phase=Phase.UPDATED, reservation_id=17),))

        session = ChargingSession.objects.get()
        assert (session.started_at, session.reserved_from) == (shown, NOON)
        assert Reservation.objects.get().used_by == session


class TestAReservationExpired:
    def test_is_a_session_of_its_own_billed_to_the_contract(self, site):
        reserve(site)
        online(since=NOON, at=HALF_PAST + 10 * MINUTE)

        too_early = services.sweep_reservations(at=HALF_PAST + 9 * MINUTE)
        closed = services.sweep_reservations(at=HALF_PAST + 10 * MINUTE)
        rate(HALF_PAST + 20 * MINUTE)
        rate(HALF_PAST + 30 * MINUTE)
        run_billing(seller_id=site.owner.pk, until_date=NOON.date() + timedelta(days=30), at=NOON + timedelta(days=31))

        session = ChargingSession.objects.get()
        (cdr,) = session.cdrs.all()
        assert (too_early, closed, session.kind, session.contract) == (0, 1, "reservation", site.contract)
        # 30 min × 0.05 and 4.00 instead of 0.50.
        assert (cdr.gross.amount, cdr.energy_milliwh, cdr.ended_at) == (Decimal("5.50"), 0, HALF_PAST)
        assert [line.net.amount for line in Invoice.objects.get().lines.all()] == [Decimal("4.62")]
        assert violations() == []

    def test_has_the_discount_of_the_contracts_tier(self, site):
        site.contract.tier = make_tier(seller=site.owner, discount_percent=Decimal(10))
        site.contract.save()
        reserve(site)

        services.expire_reservation(station_id=site.station.pk, reservation_id=17, at=HALF_PAST)
        rate(HALF_PAST + MINUTE)

        assert grosses(ChargingSession.objects.get()) == [Decimal("4.95")]

    def test_waits_for_a_station_that_was_away_and_costs_nothing_if_it_stays_away(self, site):
        reserve(site)
        ChargingStation.objects.update(connected_at=NOON, last_seen_at=NOON, disconnected_at=NOON)

        waiting = services.sweep_reservations(at=HALF_PAST + timedelta(hours=71))
        given_up = services.sweep_reservations(at=HALF_PAST + timedelta(hours=72))

        assert (waiting, given_up, Reservation.objects.get().status) == (0, 1, "cancelled")
        assert not ChargingSession.objects.exists()

    def test_costs_nothing_once_a_charge_that_used_it_is_told(self, site, wire):
        reserve(site)
        services.expire_reservation(station_id=site.station.pk, reservation_id=17, at=HALF_PAST)
        rate(HALF_PAST + MINUTE)

        session = charge(wire, received_at=NOON + timedelta(hours=10))

        expired = ChargingSession.objects.get(kind="reservation")
        assert grosses(expired) == [Decimal("5.50"), Decimal(0)]
        assert grosses(session) == [Decimal("6.50")]
        assert violations() == []


class TestAReservationGivenUp:
    def test_costs_nothing_and_is_used_by_nobody(self, site, wire):
        reserve(site)
        names = {"station_id": site.station.pk, "reservation_id": 17}

        given_up = services.cancel_reservation(**names, at=NOON + MINUTE)
        again = services.cancel_reservation(**names, at=NOON + 2 * MINUTE)
        expired = services.expire_reservation(**names, at=HALF_PAST)
        session = charge(wire)

        assert (given_up, again, expired) == (True, False, False)
        assert grosses(session) == [Decimal("5.00")]
        assert Reservation.objects.get().closed_at == NOON + MINUTE

    def test_of_another_station_is_out_of_reach(self, site):
        reserve(site)
        stranger = make_site()

        assert not services.cancel_reservation(station_id=stranger.station.pk, reservation_id=17, at=NOON)
        assert Reservation.objects.get().status == "open"


@pytest.mark.django_db(transaction=True)
class TestExpiredAndUsedAtOnce:
    def test_costs_it_once(self, site, wire):
        reserve(site)
        both = Barrier(2)

        def run(work) -> None:
            both.wait()
            work()
            connections.close_all()

        ways = [
            lambda: services.expire_reservation(station_id=site.station.pk, reservation_id=17, at=HALF_PAST),
            lambda: wire.begin(started_at=NOON + 20 * MINUTE, received_at=HALF_PAST),
        ]
        threads = [Thread(target=run, args=(way,)) for way in ways]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        begun = ChargingSession.objects.get(kind="charge")
        wire.finish(begun.transaction_id, ended_at=NOON + 80 * MINUTE, meter_stop_milliwh=BEGIN + 10 * KWH)
        rate(NOON + 90 * MINUTE)

        assert Reservation.objects.get().used_by == begun
        assert grosses(begun) == [Decimal("6.50")]
        assert all(grosses(one)[-1] == 0 for one in ChargingSession.objects.filter(kind="reservation"))
