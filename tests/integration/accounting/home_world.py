"""A driver who charges at home is paid back 0.32 € a kWh, our fee 4.50 € a month; the seller is in Berlin."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from apps.accounting.models import HomeFile, HomeStatement
from apps.accounting.services.home import make_home_file, make_home_statement
from apps.contracts.models import HomeAgreement, HomeCharger, HomeDriver
from apps.core import audit
from apps.ledger.domain.chart import Role, account_code
from apps.ledger.models import LedgerEntry
from apps.sessions.domain.commands import StartCommand
from apps.sessions.models import Cdr, ChargingSession
from apps.sessions.services.rating import price, write_cdr
from apps.sessions.services.starting import start_sessions
from apps.tariffs.domain.facts import GrantTerms
from tests.factories import (
    LONG_AGO,
    Site,
    make_evse,
    make_site,
    make_station,
    make_tariff,
    make_tariff_version,
    make_user,
)
from tests.integration.invoices.world import facts_of

PAID_BACK = [{"price_components": [{"type": "ENERGY", "price": "0.32", "step_size": 1}]}]
MARCH, APRIL_MONTH = date(2026, 3, 1), date(2026, 4, 1)
EVENING = datetime(2026, 3, 10, 18, tzinfo=UTC)
APRIL, MAY = datetime(2026, 4, 1, 6, tzinfo=UTC), datetime(2026, 5, 1, 6, tzinfo=UTC)
IBAN = "DE89370400440532013000"


@pytest.fixture
def site(db) -> Site:
    return make_site()


@pytest.fixture
def agreement(site) -> HomeAgreement:
    tariff = make_tariff(owner=site.owner, name="At home")
    make_tariff_version(tariff=tariff, elements=PAID_BACK)
    return HomeAgreement.objects.create(contract=site.contract, tariff=tariff, currency="EUR", fee="4.50")


@pytest.fixture
def driver(agreement) -> HomeDriver:
    return HomeDriver.objects.create(agreement=agreement, name="Jörg Müller", iban=IBAN, payroll_number="0815")


@pytest.fixture
def home(site, driver) -> Site:
    """The site with the driver's wallbox in place of the public station."""
    station = make_station(location=site.location)
    HomeCharger.objects.create(driver=driver, station=station, first_day=LONG_AGO.date())
    return replace(site, station=station, evse=make_evse(station=station))


def begin(site: Site, at: datetime = EVENING, *, uid: str | None = None) -> ChargingSession:
    command = StartCommand(
        station_id=site.station.pk,
        evse_number=1,
        id_token=uid or site.token.uid,
        meter_start_milliwh=1_000_000_000,
        started_at=at,
        received_at=at,
        frame_id=1,
    )
    (outcome,) = start_sessions((command,))
    return ChargingSession.objects.get(pk=outcome.session_id)


def charge(site: Site, at: datetime = EVENING, *, kwh: str = "20") -> Cdr:
    """Charge at home for two hours; return the record."""
    session = begin(site, at)
    ended_at = at + timedelta(hours=2)
    ChargingSession.objects.filter(pk=session.pk).update(
        status="settled", ended_at=ended_at, end_received_at=ended_at, settled_at=ended_at
    )
    session.refresh_from_db()
    return write_cdr(session, price(session, facts=facts_of(session, kwh=kwh), grant=GrantTerms()), at=ended_at)


def state(driver: HomeDriver, *, month: date = MARCH, at: datetime = APRIL) -> HomeStatement | None:
    return make_home_statement(driver_id=driver.pk, month=month, at=at)


def pay(site: Site, *, kind=HomeFile.Kind.PAIN001, at: datetime = APRIL) -> HomeFile:
    return make_home_file(seller_id=site.owner.pk, kind=kind, execution_date=date(2026, 4, 2), by=make_user(), at=at)


def balance(site: Site, role: Role) -> Decimal:
    entries = LedgerEntry.objects.filter(journal__entity=site.owner, account__code=account_code(role))
    return sum((entry.amount.amount for entry in entries), Decimal(0))


def books(site: Site) -> tuple[Decimal, Decimal, Decimal]:
    """Return what fleets owe, what is owed to drivers, and what the bank has."""
    return balance(site, Role.HOME_RECEIVABLE), -balance(site, Role.HOME_PAYABLE), balance(site, Role.BANK)


def violations() -> list[audit.Violation]:
    checked = {"I1", "I2", "I4", "I5", "I6", "I7", "I8", "I13"}
    return [found for found in audit.find_violations() if found.invariant in checked]
