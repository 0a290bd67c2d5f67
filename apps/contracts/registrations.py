"""Where a seller may sell: a tariff applies only where its seller is registered for tax (TARIFFS.md "Which tax")."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from apps.accounts.models import Organisation
from apps.contracts.groups import sites_from
from apps.contracts.models import SiteGroup, TariffAssignment
from apps.core.domain.tax import Registration
from apps.core.domain.zones import zone
from apps.stations.models import ChargingStation, Evse, Location
from apps.tariffs.models import Tariff


class NotRegistered(Exception):
    """The seller has no tax registration where a tariff is to apply; the message says where and what to do."""


def registrations_of(seller: Organisation) -> tuple[Registration, ...]:
    """Return the seller's VAT registrations as the rule book reads them."""
    return tuple(
        Registration(country=row.country.code, vat_id=row.vat_id, valid_from=row.valid_from, valid_to=row.valid_to)
        for row in seller.tax_registrations.order_by("country", "valid_from")
    )


def check_registered(*, seller: Organisation, locations: Iterable[Location] | None, at: datetime) -> None:
    """Refuse to let a tariff apply from ``at`` on where the seller may not sell on that local day.

    locations  None: the tariff applies at every location of the seller

    :raises NotRegistered: the message names each country and a location there
    """
    everywhere = Location.objects.filter(owner=seller)
    _refuse_unregistered(seller, everywhere if locations is None else locations, at=at)


def why_not_published(tariff: Tariff, at: datetime) -> str:
    """Say why a tariff must not be published from ``at`` on; "" where it may.

    It must not be assigned, then or later, where its owner may not sell.
    """
    rows = TariffAssignment.objects.filter(tariff=tariff).exclude(valid_to__lte=at)
    for row in rows.select_related("location", "station__location", "evse__station__location", "group"):
        since = max(at, row.valid_from)
        places = locations_of(evse=row.evse, station=row.station, location=row.location, group=row.group, at=since)
        try:
            check_registered(seller=tariff.owner, locations=places, at=since)
        except NotRegistered as refusal:
            return str(refusal)
    return ""


def locations_of(
    *,
    evse: Evse | None,
    station: ChargingStation | None,
    location: Location | None,
    group: SiteGroup | None,
    at: datetime,
) -> Sequence[Location] | None:
    """Return the locations at which an assignment to these places counts from ``at`` on; None: all of the seller's."""
    if group is not None:
        return sites_from(group, at)
    if evse is not None:
        return [evse.station.location]
    if station is not None:
        return [station.location]
    return [location] if location is not None else None


def _refuse_unregistered(seller: Organisation, locations: Iterable[Location], *, at: datetime) -> None:
    registrations = registrations_of(seller)
    missing: dict[str, str] = {}
    for location in locations:
        day = at.astimezone(zone(location.time_zone)).date()
        country = location.country.code
        if country not in missing and not any(row.country == country and row.is_valid(day) for row in registrations):
            missing[country] = (
                f"{seller} has no tax registration in {location.country.name} ({country}) on {day.isoformat()}, where "
                f"“{location}” stands. Add it to the company's tax registrations first"
            )
    if missing:
        raise NotRegistered(". ".join(missing.values()) + ".")
