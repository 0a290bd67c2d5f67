"""Complete rows for tests, made by plain functions: call one, override what the test is about.

Each function makes what it hangs on unless it is handed in. Names and numbers count up, so that nothing collides.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

from stdnum.iso7064 import mod_11_10

from apps.accounts.domain.roles import Role
from apps.accounts.models import Membership, Organisation, TaxRegistration, User
from apps.contracts.models import (
    AllocationKey,
    Contract,
    ContractPlan,
    ContractTemplate,
    CostCentre,
    Customer,
    GroupedSite,
    IdToken,
    MembershipTier,
    Occupancy,
    Plan,
    SharedCost,
    SiteGroup,
    TariffAssignment,
    Unit,
    Vehicle,
)
from apps.sessions.domain.tokens import hash_token
from apps.sessions.models import ChargingSession, StartGrant
from apps.stations.models import ChargingStation, Connector, Evse, Location
from apps.stations.services import hash_key
from apps.tariffs.models import Tariff, TariffVersion

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
STATION_KEY = "0123456789abcdef0123456789abcdef01234567"
FLAT_PRICE_ELEMENTS: list[dict[str, Any]] = [
    {"price_components": [{"type": "ENERGY", "price": "0.50", "step_size": 1}]}
]

_numbers = count(1)


def next_number() -> int:
    """Return a number no other row of this run has."""
    return next(_numbers)


def german_vat_id(number: int) -> str:
    """Return the VAT identifier of these eight digits, with its check digit."""
    return f"DE{number}{mod_11_10.calc_check_digit(str(number))}"


def make_owner(**fields: Any) -> Organisation:
    """Make a station owner in Berlin, registered for VAT in Germany."""
    number = next_number()
    values = {
        "name": f"Stadtwerke {number} GmbH",
        "street": "Hauptstraße 1",
        "postcode": "10115",
        "city": "Berlin",
        "country": "DE",
        "time_zone": "Europe/Berlin",
        "currency": "EUR",
        "email": f"billing{number}@owner.example",
        "iban": "DE02120300000000202051",
        "bic": "BYLADEM1001",
        "is_station_owner": True,
    }
    owner = Organisation.objects.create(**{**values, **fields})
    TaxRegistration.objects.create(
        organisation=owner,
        country=owner.country,
        vat_id=german_vat_id(10_000_000 + number),
        valid_from=date(2020, 1, 1),
    )
    return owner


def make_organisation(**fields: Any) -> Organisation:
    """Make a customer's own organisation (a tenant that owns no station)."""
    number = next_number()
    values = {
        "name": f"Fleet {number} AG",
        "street": "Ring 2",
        "postcode": "20095",
        "city": "Hamburg",
        "country": "DE",
        "time_zone": "Europe/Berlin",
        "currency": "EUR",
        "email": f"office{number}@fleet.example",
    }
    return Organisation.objects.create(**{**values, **fields})


def make_user(*, email: str | None = None, password: str = "correct horse battery", **fields: Any) -> User:
    return User.objects.create_user(email or f"person{next_number()}@example.com", password, **fields)


def make_member(*, organisation: Organisation, role: Role, user: User | None = None) -> Membership:
    """Make a person with a role in the organisation."""
    user = user or make_user(is_staff=organisation.is_station_owner)
    return Membership.objects.create(user=user, organisation=organisation, role=role)


def make_location(*, owner: Organisation | None = None, **fields: Any) -> Location:
    owner = owner or make_owner()
    values = {
        "name": f"Site {next_number()}",
        "street": "Parkweg 5",
        "postcode": "10115",
        "city": "Berlin",
        "country": owner.country,
        "time_zone": owner.time_zone,
    }
    return Location.objects.create(owner=owner, **{**values, **fields})


def make_station(*, location: Location | None = None, key: str = STATION_KEY, **fields: Any) -> ChargingStation:
    """Make a station without EVSEs; it logs in with ``key``."""
    values = {"identity": f"CS-{next_number():04d}", "key_hash": hash_key(key)}
    return ChargingStation.objects.create(location=location or make_location(), **{**values, **fields})


def make_evse(*, station: ChargingStation | None = None, number: int = 1, max_power_w: int = 22_000) -> Evse:
    """Make an EVSE with one connector."""
    evse = Evse.objects.create(station=station or make_station(), number=number)
    Connector.objects.create(evse=evse, max_power_w=max_power_w)
    return evse


def make_tariff(*, owner: Organisation, **fields: Any) -> Tariff:
    return Tariff.objects.create(owner=owner, **{"name": f"Tariff {next_number()}", **fields})


def make_tariff_version(
    *, tariff: Tariff | None = None, owner: Organisation | None = None, **fields: Any
) -> TariffVersion:
    """Make a published version valid since long ago: 0.50 EUR per kWh net unless told otherwise."""
    published = {"status": "published", "valid_from": LONG_AGO, "published_at": LONG_AGO}
    return make_draft(tariff=tariff, owner=owner, **{**published, **fields})


def make_draft(*, tariff: Tariff | None = None, owner: Organisation | None = None, **fields: Any) -> TariffVersion:
    """Make a version that nobody published: 0.50 EUR per kWh net unless told otherwise."""
    tariff = tariff or make_tariff(owner=owner or make_owner())
    values = {"currency": tariff.owner.currency, "tax_included": False, "elements": FLAT_PRICE_ELEMENTS}
    return TariffVersion.objects.create(tariff=tariff, **{**values, **fields})


def assign_tariff(*, tariff: Tariff, **place: Any) -> TariffAssignment:
    """Assign a tariff to ``contract=``, ``tier=``, ``group=``, ``location=``, ``station=``, ``evse=`` or everybody."""
    return TariffAssignment.objects.create(seller=tariff.owner, tariff=tariff, **{"valid_from": LONG_AGO, **place})


def make_group(*locations: Location, seller: Organisation | None = None, **fields: Any) -> SiteGroup:
    """Make a site group that has held these locations since long ago; without any, of ``seller``."""
    seller = seller or (locations[0].owner if locations else make_owner())
    group = SiteGroup.objects.create(seller=seller, **{"name": f"Group {next_number()}", **fields})
    for location in locations:
        put_into(group, location)
    return group


def put_into(group: SiteGroup, location: Location, **fields: Any) -> GroupedSite:
    return GroupedSite.objects.create(group=group, location=location, **{"valid_from": LONG_AGO, **fields})


def make_customer(*, seller: Organisation | None = None, **fields: Any) -> Customer:
    """Make a fleet customer in Germany."""
    number = next_number()
    values = {
        "kind": Customer.Kind.FLEET,
        "number": f"K-{number}",
        "name": f"Fleet {number} AG",
        "street": "Ring 2",
        "postcode": "20095",
        "city": "Hamburg",
        "country": "DE",
        "vat_id": german_vat_id(20_000_000 + number),
        "email": f"invoices{number}@fleet.example",
        # A test that counts mails counts its own.
        "mails_documents": False,
    }
    return Customer.objects.create(seller=seller or make_owner(), **{**values, **fields})


def make_tier(*, seller: Organisation | None = None, **fields: Any) -> MembershipTier:
    """Make a membership tier in force since long ago, without a discount."""
    values = {"name": f"Tier {next_number()}", "valid_from": LONG_AGO}
    return MembershipTier.objects.create(seller=seller or make_owner(), **{**values, **fields})


def make_contract(*, customer: Customer | None = None, **fields: Any) -> Contract:
    customer = customer or make_customer()
    values = {"number": f"V-{next_number()}", "valid_from": LONG_AGO}
    return Contract.objects.create(seller=customer.seller, customer=customer, **{**values, **fields})


def make_plan(
    *, seller: Organisation | None = None, steps: Iterable[tuple[str | None, str]] = (), **fields: Any
) -> Plan:
    """Make a monthly plan that costs nothing unless told otherwise; ``steps``: (up to kWh, price per kWh)."""
    seller = seller or make_owner()
    plan = Plan.objects.create(
        seller=seller, **{"name": f"Plan {next_number()}", "currency": seller.currency, **fields}
    )
    for up_to, price in steps:
        plan.steps.create(up_to=up_to, price=price)
    return plan


def give_plan(*, contract: Contract, first_day: date, plan: Plan | None = None, **fields: Any) -> ContractPlan:
    """Let a contract have a plan; without ``plan`` the fields are those of a new one."""
    end_day = fields.pop("end_day", None)
    plan = plan or make_plan(seller=contract.seller, **fields)
    return ContractPlan.objects.create(contract=contract, plan=plan, first_day=first_day, end_day=end_day)


def make_vehicle(*, customer: Customer, **fields: Any) -> Vehicle:
    return Vehicle.objects.create(customer=customer, **{"plate": f"B-WL {next_number()}", **fields})


def make_cost_centre(*, customer: Customer, **fields: Any) -> CostCentre:
    number = next_number()
    return CostCentre.objects.create(customer=customer, **{"code": f"{number}", "name": f"Team {number}", **fields})


def make_community(*, seller: Organisation | None = None, **fields: Any) -> Customer:
    return make_customer(seller=seller, **{"kind": Customer.Kind.COMMUNITY, "name": f"House {next_number()}", **fields})


def make_unit(*, community: Customer, **fields: Any) -> Unit:
    """Make a flat of 50 m² that is there since 2020."""
    values = {"label": f"Flat {next_number():03d}", "area_sqm": "50", "first_day": LONG_AGO.date()}
    return Unit.objects.create(customer=community, **{**values, **fields})


def hold_unit(*, unit: Unit, contract: Contract | None = None, **fields: Any) -> Occupancy:
    """Let a private person's contract hold a unit since 2020."""
    seller = unit.customer.seller
    contract = contract or make_contract(customer=make_customer(seller=seller, kind="private", vat_id=""))
    return Occupancy.objects.create(unit=unit, contract=contract, **{"first_day": LONG_AGO.date(), **fields})


def make_key(*, community: Customer, **fields: Any) -> AllocationKey:
    return AllocationKey.objects.create(customer=community, **{"name": f"Key {next_number()}", **fields})


def make_shared_cost(*, community: Customer, kind: str = "equal", **fields: Any) -> SharedCost:
    """Make a monthly cost of 120.00 net since 1 March 2026, shared by a key of its own."""
    key = fields.pop("key", None) or make_key(community=community, kind=kind)
    values = {
        "name": f"Operation {next_number()}",
        "currency": community.seller.currency,
        "amount": "120.00",
        "first_day": date(2026, 3, 1),
    }
    return SharedCost.objects.create(customer=community, key=key, **{**values, **fields})


def make_template(*, seller: Organisation, **fields: Any) -> ContractTemplate:
    values = {"name": f"Terms {next_number()}", "terms": "# Parties\n{seller} and {customer}\n\n{term}"}
    return ContractTemplate.objects.create(seller=seller, **{**values, **fields})


def make_token(*, contract: Contract | None = None, **fields: Any) -> IdToken:
    return IdToken.objects.create(contract=contract or make_contract(), **{"uid": f"CARD{next_number():06d}", **fields})


@dataclass(frozen=True, kw_only=True)
class Site:
    """An owner's smallest whole business: one EVSE, one default tariff, one fleet contract with one card."""

    owner: Organisation
    location: Location
    station: ChargingStation
    evse: Evse
    tariff: Tariff
    version: TariffVersion
    customer: Customer
    contract: Contract
    vehicle: Vehicle
    token: IdToken


def make_site(*, owner: Organisation | None = None, max_power_w: int = 22_000, **version_fields: Any) -> Site:
    """Make everything a session needs to be started, settled, rated and billed; ``version_fields`` go to the tariff."""
    owner = owner or make_owner()
    location = make_location(owner=owner)
    station = make_station(location=location)
    evse = make_evse(station=station, max_power_w=max_power_w)
    tariff = make_tariff(owner=owner)
    version = make_tariff_version(tariff=tariff, **version_fields)
    assign_tariff(tariff=tariff)
    customer = make_customer(seller=owner, organisation=make_organisation())
    contract = make_contract(customer=customer)
    vehicle = make_vehicle(customer=customer)
    return Site(
        owner=owner,
        location=location,
        station=station,
        evse=evse,
        tariff=tariff,
        version=version,
        customer=customer,
        contract=contract,
        vehicle=vehicle,
        token=make_token(contract=contract, vehicle=vehicle),
    )


def make_neighbour(site: Site) -> Site:
    """Make another customer of the same seller's, with an organisation, contract, vehicle and card of its own."""
    customer = make_customer(seller=site.owner, organisation=make_organisation())
    contract, vehicle = make_contract(customer=customer), make_vehicle(customer=customer)
    token = make_token(contract=contract, vehicle=vehicle)
    return replace(site, customer=customer, contract=contract, vehicle=vehicle, token=token)


def make_session(*, site: Site | None = None, **fields: Any) -> ChargingSession:
    """Make a live session of the site's card, begun at noon at 1,000 kWh; services make the rest of its life."""
    site = site or make_site()
    values = {
        "seller": site.owner,
        "station": site.station,
        "evse": site.evse,
        "transaction_id": 1_000_000 + next_number(),
        "id_token": site.token.uid,
        "token": site.token,
        "contract": site.contract,
        "vehicle": site.vehicle,
        "authorisation": "Accepted",
        "tariff_version": site.version,
        "time_zone": site.location.time_zone,
        "status": "live",
        "started_at": NOON,
        "start_received_at": NOON,
        "start_frame_id": 1,
        "meter_start_milliwh": 1_000_000_000,
    }
    return ChargingSession.objects.create(**{**values, **fields})


def make_grant(*, site: Site, token: str = "ADHOC01", **fields: Any) -> StartGrant:
    """Make an open anonymous grant at the site's station until an hour after it was given."""
    granted_at = fields.pop("granted_at", NOON)
    values = {
        "tariff_version": site.version,
        "currency": site.version.currency,
        "granted_at": granted_at,
        "expires_at": granted_at + timedelta(hours=1),
    }
    return StartGrant.objects.create(
        seller=site.owner, station=site.station, token_hash=hash_token(token), **{**values, **fields}
    )
