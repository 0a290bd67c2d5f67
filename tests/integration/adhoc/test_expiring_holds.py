"""A hold that ends soon is billed for what is known, whatever the charger still owes us (PAYMENTS.md)."""

from datetime import datetime
from decimal import Decimal

import pytest

from apps.adhoc import services
from apps.core.audit import find_violations
from apps.invoices.services.receipts import issue_receipt
from apps.payments import waiting
from apps.payments.models import PaymentAttempt
from apps.payments.services.captures import capture_receipt
from apps.payments.services.expiry import GUARD_BEFORE, guard_hold
from apps.sessions.domain.commands import ConnectorStateCommand, EndCommand, MeterSample, ReadingsCommand
from apps.sessions.models import ChargingSession
from apps.sessions.services import (
    end_sessions,
    record_connector_states,
    record_readings,
    settle_sessions,
    sweep_unrated,
)
from apps.stations.models import StationCommand

from .conftest import MINUTE, NOW, sell_under, set_station
from .test_starting import plug_in

KWH = 1_000_000
BEGIN = 1_000 * KWH
IDLE_FEE = [
    {"price_components": [{"type": "ENERGY", "price": "0.50"}]},
    {"price_components": [{"type": "PARKING_TIME", "price": "6.00"}]},
]


def tell(session: ChargingSession, *samples: tuple[int, int]) -> None:
    """Let the station tell its register: minutes after the start, kWh since the begin."""
    told = tuple(MeterSample(at=NOW + n * MINUTE, energy_milliwh=BEGIN + kwh * KWH) for n, kwh in samples)
    record_readings(
        (
            ReadingsCommand(
                station_id=session.station_id,
                evse_number=1,
                transaction_id=session.transaction_id,
                samples=told,
                received_at=NOW + samples[-1][0] * MINUTE,
                frame_id=2,
            ),
        )
    )


def stop(session: ChargingSession, *, minutes: int, kwh: int) -> None:
    at = NOW + minutes * MINUTE
    end_sessions(
        (
            EndCommand(
                station_id=session.station_id,
                transaction_id=session.transaction_id,
                id_token=None,
                meter_stop_milliwh=BEGIN + kwh * KWH,
                reason="Local",
                samples=(),
                ended_at=at,
                received_at=at,
                frame_id=3,
            ),
        )
    )


def charging(attempt: PaymentAttempt, site) -> ChargingSession:
    services.start_charging(attempt_id=attempt.pk, at=NOW)
    plug_in(site, at=NOW)
    return ChargingSession.objects.get()


@pytest.fixture
def attempt(driver) -> PaymentAttempt:
    """A driver's attempt whose hold of 60.00 EUR stands for a week."""
    return driver.pay()


@pytest.fixture
def guard_at(attempt) -> datetime:
    attempt.payment.refresh_from_db()
    return attempt.payment.capture_before - GUARD_BEFORE + MINUTE


def guard(at: datetime) -> None:
    """Do what the sweepers do, twice: the guard, then the rating, which may still send a session to review."""
    for _ in range(2):
        for attempt_id in waiting.expiring_attempt_ids(until=at + GUARD_BEFORE):
            guard_hold(attempt_id=attempt_id, at=at)
        sweep_unrated(at=at)


def bill(session: ChargingSession, attempt: PaymentAttempt, *, at: datetime) -> PaymentAttempt:
    """Let receipt and capture follow, as bells and sweepers see to it."""
    [cdr] = session.cdrs.all()
    capture_receipt(receipt_id=issue_receipt(cdr_id=cdr.pk, at=at).pk, at=at)
    attempt.refresh_from_db()
    return attempt


def assert_captured(attempt: PaymentAttempt, amount: str) -> None:
    assert attempt.status == "captured"
    assert attempt.receipt.gross.amount == Decimal(amount)
    attempt.payment.refresh_from_db()
    assert attempt.payment.amount_received.amount == Decimal(amount)
    # These sessions came over no wire, a week lies between them and the present, and NOW is when the suite began.
    assert [found for found in find_violations() if found.invariant not in {"I9", "I10", "I11", "I15"}] == []


class TestAHoldThatEndsSoon:
    def test_is_left_alone_before_its_last_twelve_hours(self, attempt, site, guard_at):
        session = charging(attempt, site)

        guard(guard_at - 2 * MINUTE)

        session.refresh_from_db()
        assert session.status == "live"
        assert not StationCommand.objects.filter(action="RemoteStopTransaction").exists()

    def test_ends_a_session_whose_stop_is_missing_at_its_last_reading(self, attempt, site, guard_at):
        """12 kWh at 0.50 are 6.00."""
        session = charging(attempt, site)
        tell(session, (30, 6), (60, 12))

        guard(guard_at)

        session.refresh_from_db()
        assert (session.status, session.ended_at) == ("settled", NOW + 60 * MINUTE)
        assert session.ended_by_rule == "The hold on the driver's card ends soon."
        assert StationCommand.objects.filter(action="RemoteStopTransaction").count() == 1
        assert_captured(bill(session, attempt, at=guard_at), "6.00")

    def test_does_not_wait_for_a_vehicle_that_stands_there_for_a_week(self, driver, site):
        """8 kWh at 0.50 and an idle fee for a week, cut at the 60.00 that are held."""
        sell_under(site, elements=IDLE_FEE)
        attempt = driver.pay()
        attempt.payment.refresh_from_db()
        guard_at = attempt.payment.capture_before - GUARD_BEFORE + MINUTE
        session = charging(attempt, site)
        stop(session, minutes=60, kwh=8)
        record_connector_states(
            (
                ConnectorStateCommand(
                    station_id=session.station_id,
                    evse_number=1,
                    status="Finishing",
                    error_code="NoError",
                    at=NOW + 61 * MINUTE,
                    received_at=NOW + 61 * MINUTE,
                    frame_id=4,
                ),
            )
        )

        set_station(site, status="Finishing", seen_at=guard_at - 10 * MINUTE)
        settle_sessions(session_ids=[session.pk], at=guard_at)
        session.refresh_from_db()
        assert session.status == "ended"

        guard(guard_at)

        session.refresh_from_db()
        assert session.status == "settled"
        assert_captured(bill(session, attempt, at=guard_at), "60.00")

    def test_takes_the_undisputed_part_of_a_session_under_review(self, attempt, site, guard_at):
        """Up to 30 minutes 6 kWh at 0.50 are 3.00; then the register falls."""
        session = charging(attempt, site)
        tell(session, (10, 2), (30, 6), (40, 8), (50, 3))
        stop(session, minutes=60, kwh=4)

        guard(guard_at)

        session.refresh_from_db()
        assert session.status == "settled"
        assert session.review_reasons[-1] == (
            "Billed by rule up to the last reading that nothing contradicts: The hold on the driver's card ends soon."
        )
        assert_captured(bill(session, attempt, at=guard_at), "3.00")

    def test_waives_a_session_of_which_nothing_is_beyond_doubt(self, attempt, site, guard_at):
        session = charging(attempt, site)
        ChargingSession.objects.filter(pk=session.pk).update(meter_start_milliwh=None)
        stop(session, minutes=60, kwh=4)

        guard(guard_at)

        session.refresh_from_db()
        assert session.status == "settled"
        assert bill(session, attempt, at=guard_at).status == "released"
        assert attempt.receipt.gross.amount == 0
