"""Charges of past months, made by the services that make them: what month ends begin with."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from apps.contracts.models import Contract, IdToken, TariffAssignment
from apps.sessions.models import ChargingSession
from apps.sessions.services.rating import rate_settled
from apps.stations.models import Evse
from config.demo.world import OWNERS
from tests.factories import Site
from tests.integration.tenants import make_ended_session

OWNER = OWNERS[0]


def month_before(day: date) -> date:
    """Return the first day of the month before a day's."""
    return (day.replace(day=1) - timedelta(days=1)).replace(day=1)


def site_of_the_demo() -> Site:
    """Return the demo's first owner, its first connector, and its fleet's first card."""
    contract = Contract.objects.select_related("seller", "customer").get(number=OWNER.fleet.contract_number)
    evse = Evse.objects.select_related("station__location").get(station__identity=OWNER.stations[0].identity, number=1)
    token = IdToken.objects.select_related("vehicle").get(uid=OWNER.fleet.tokens[0].uid)
    tariff = TariffAssignment.objects.select_related("tariff").get(contract=contract).tariff
    return Site(
        owner=contract.seller,
        location=evse.station.location,
        station=evse.station,
        evse=evse,
        tariff=tariff,
        version=tariff.versions.get(),
        customer=contract.customer,
        contract=contract,
        vehicle=token.vehicle,
        token=token,
    )


def charge(site: Site, *, month: date, day: int, hour: int = 10, token: IdToken | None = None) -> ChargingSession:
    """Let a card draw 10 kWh in an hour and have it priced; without ``token`` it is the site's."""
    if token is not None:
        site = replace(site, token=token, vehicle=token.vehicle)
    started_at = datetime(month.year, month.month, day, hour, tzinfo=UTC)
    session = make_ended_session(site, started_at=started_at)
    rate_settled(session_id=session.pk, at=session.settled_at)
    return session
