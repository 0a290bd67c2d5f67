"""Make the demo's world: idempotent, by natural keys, in one transaction."""

import hashlib
import hmac
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction

from apps.accounts.domain.roles import Role
from apps.accounts.models import Membership, Organisation, TaxRegistration, User
from apps.contracts.models import Contract, Customer, IdToken, TariffAssignment, Vehicle
from apps.core import clock
from apps.stations.models import ChargingStation, Connector, Evse, Location, PayCode
from apps.stations.services import add_missing_pay_codes, hash_key
from apps.tariffs.domain.status import VersionStatus
from apps.tariffs.models import Tariff, TariffVersion
from config.demo.world import AD_HOC, OWNERS, PASSWORD, VALID_FROM, Fleet, Owner, Station

SINCE = datetime.fromisoformat(VALID_FROM)
PLATFORM_OPERATOR = "admin@wattledger.example"


def station_key(identity: str) -> str:
    """Return the demo charger's key: derived, so that it can be printed again though only its hash is stored."""
    return hmac.new(settings.SECRET_KEY.encode(), f"demo:{identity}".encode(), hashlib.sha256).hexdigest()[:32]


@transaction.atomic
def seed() -> None:
    """Create what is missing of the demo's world and leave the rest as it is."""
    _login(PLATFORM_OPERATOR, "Platform operator", is_staff=True, is_superuser=True)
    for owner in OWNERS:
        _seed_owner(owner)


def as_json(*, web_url: str) -> dict[str, Any]:
    """Return identities, keys, tokens and logins of the demo (see DESIGN.md, From outside)."""
    stations, tokens = [], []
    logins = [
        {"role": "platform_operator", "email": PLATFORM_OPERATOR, "password": PASSWORD, "url": f"{web_url}/admin/"}
    ]
    for owner in OWNERS:
        stations += [
            {
                "identity": station.identity,
                "password": station_key(station.identity),
                "protocol": "ocpp1.6",
                "owner": owner.name,
                "connectors": list(range(1, station.evses + 1)),
            }
            for station in owner.stations
        ]
        tokens += [
            {
                "uid": token.uid,
                "contract": owner.fleet.contract_number,
                "seller": owner.name,
                "status": token.status,
            }
            for token in owner.fleet.tokens
        ]
        logins += [
            {"role": "owner", "email": owner.owner_email, "password": PASSWORD, "url": f"{web_url}/admin/"},
            {
                "role": "fleet_admin",
                "email": owner.fleet.admin_email,
                "password": PASSWORD,
                "url": f"{web_url}/portal/",
            },
        ]
    return {"stations": stations, "id_tokens": tokens, "pay_codes": _pay_codes(web_url), "logins": logins}


def _pay_codes(web_url: str) -> list[dict[str, Any]]:
    stations = [station.identity for owner in OWNERS for station in owner.stations]
    codes = PayCode.objects.filter(connector__evse__station__identity__in=stations).order_by("pk")
    return [
        {
            "code": code.code,
            "url": f"{web_url}/c/{code.code}/",
            "station": code.connector.evse.station.identity,
            "connector": code.connector.evse.number,
            "status": "revoked" if code.revoked_at else "active",
        }
        for code in codes.select_related("connector__evse__station")
    ]


def _login(email: str, name: str, **flags: bool) -> User:
    user = User.objects.filter(email=email).first()
    return user or User.objects.create_user(email, PASSWORD, name=name, **flags)


def _seed_owner(owner: Owner) -> None:
    seller, _ = Organisation.objects.get_or_create(
        name=owner.name,
        defaults={
            "street": owner.street,
            "postcode": owner.postcode,
            "city": owner.city,
            "country": "DE",
            "time_zone": "Europe/Berlin",
            "currency": "EUR",
            "email": owner.email,
            "registration_number": owner.registration_number,
            "iban": owner.iban,
            "bic": owner.bic,
            "is_station_owner": True,
        },
    )
    TaxRegistration.objects.get_or_create(
        organisation=seller, country="DE", defaults={"vat_id": owner.vat_id, "valid_from": date(2020, 1, 1)}
    )
    person = _login(owner.owner_email, f"Owner of {owner.name}", is_staff=True)
    Membership.objects.get_or_create(user=person, organisation=seller, defaults={"role": Role.OWNER})
    for station in owner.stations:
        location = _seed_station(seller, owner, station)
        add_missing_pay_codes(location_id=location.pk, at=clock.now())
    contract = _seed_fleet(seller, owner.fleet)
    _seed_tariff(seller, name=owner.tariff, elements=owner.elements, tax_included=False, contract=contract)
    _seed_tariff(seller, name="Card payment", elements=AD_HOC, tax_included=True, contract=None)


def _seed_station(seller: Organisation, owner: Owner, station: Station) -> Location:
    location, _ = Location.objects.get_or_create(
        owner=seller,
        name=station.location,
        defaults={
            "street": station.street,
            "postcode": owner.postcode,
            "city": owner.city,
            "country": "DE",
            "time_zone": "Europe/Berlin",
        },
    )
    charger, _ = ChargingStation.objects.get_or_create(
        identity=station.identity,
        defaults={"location": location, "key_hash": hash_key(station_key(station.identity))},
    )
    for number in range(1, station.evses + 1):
        evse, _ = Evse.objects.get_or_create(station=charger, number=number)
        Connector.objects.get_or_create(
            evse=evse, number=1, defaults={"kind": station.kind, "max_power_w": station.max_power_w}
        )
    return location


def _seed_tariff(
    seller: Organisation, *, name: str, elements: list[dict[str, object]], tax_included: bool, contract: Contract | None
) -> None:
    """A tariff and where it applies: to the contract, or by default to whoever has none."""
    tariff, _ = Tariff.objects.get_or_create(owner=seller, name=name)
    TariffVersion.objects.get_or_create(
        tariff=tariff,
        valid_from=SINCE,
        defaults={
            "status": VersionStatus.PUBLISHED,
            "published_at": SINCE,
            "currency": "EUR",
            "tax_included": tax_included,
            "elements": elements,
        },
    )
    TariffAssignment.objects.get_or_create(
        seller=seller,
        contract=contract,
        evse=None,
        station=None,
        location=None,
        defaults={"tariff": tariff, "valid_from": SINCE},
    )


def _seed_fleet(seller: Organisation, fleet: Fleet) -> Contract:
    address = {"street": fleet.street, "postcode": fleet.postcode, "city": fleet.city, "country": "DE"}
    organisation, _ = Organisation.objects.get_or_create(
        name=fleet.name,
        defaults={**address, "time_zone": "Europe/Berlin", "currency": "EUR", "email": fleet.admin_email},
    )
    person = _login(fleet.admin_email, f"Fleet manager of {fleet.name}")
    Membership.objects.get_or_create(user=person, organisation=organisation, defaults={"role": Role.FLEET_ADMIN})
    customer, _ = Customer.objects.get_or_create(
        seller=seller,
        number=fleet.customer_number,
        defaults={
            **address,
            "organisation": organisation,
            "name": fleet.name,
            "vat_id": fleet.vat_id,
            "email": fleet.admin_email,
            "language": fleet.language,
        },
    )
    since = SINCE.replace(tzinfo=ZoneInfo(seller.time_zone))
    contract, _ = Contract.objects.get_or_create(
        seller=seller, number=fleet.contract_number, defaults={"customer": customer, "valid_from": since}
    )
    for token in fleet.tokens:
        vehicle, _ = Vehicle.objects.get_or_create(
            customer=customer, plate=token.plate, defaults={"label": token.label}
        )
        IdToken.objects.get_or_create(
            contract=contract, uid=token.uid, defaults={"vehicle": vehicle, "status": token.status}
        )
    return contract
