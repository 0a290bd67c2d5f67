"""The demo's people, places and prices as plain data; ``seed`` makes rows of them."""

from dataclasses import dataclass, field

PASSWORD = "charge-and-explain"  # noqa: S105 — of a demonstration that refuses to run in production
VALID_FROM = "2026-01-01T00:00:00+00:00"

DAY_AND_NIGHT: list[dict[str, object]] = [
    {
        "price_components": [{"type": "ENERGY", "price": "0.290000"}],
        "restrictions": {"start_time": "22:00", "end_time": "06:00"},
    },
    {"price_components": [{"type": "ENERGY", "price": "0.450000"}]},
    {"price_components": [{"type": "FLAT", "price": "0.350000"}]},
]
ENERGY_AND_TIME: list[dict[str, object]] = [
    {"price_components": [{"type": "ENERGY", "price": "0.390000"}, {"type": "TIME", "price": "1.200000"}]},
]
# What a driver without a contract pays: gross, as a price to the public must be.
AD_HOC: list[dict[str, object]] = [
    {
        "price_components": [{"type": "ENERGY", "price": "0.490000"}],
        "restrictions": {"start_time": "22:00", "end_time": "06:00"},
    },
    {"price_components": [{"type": "ENERGY", "price": "0.590000"}]},
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    identity: str
    location: str
    street: str
    evses: int
    kind: str
    max_power_w: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    uid: str
    plate: str
    label: str
    status: str = "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    name: str
    street: str
    postcode: str
    city: str
    vat_id: str
    customer_number: str
    contract_number: str
    language: str
    admin_email: str
    tokens: tuple[Token, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    name: str
    street: str
    postcode: str
    city: str
    registration_number: str
    vat_id: str
    iban: str
    bic: str
    email: str
    owner_email: str
    tariff: str
    elements: list[dict[str, object]]
    stations: tuple[Station, ...]
    fleet: Fleet


OWNERS = (
    Owner(
        name="Nordlicht Laden GmbH",
        street="Speicherstraße 12",
        postcode="20457",
        city="Hamburg",
        registration_number="HRB 170001, Amtsgericht Hamburg",
        vat_id="DE136695976",
        iban="DE34200505501234567890",
        bic="HASPDEHHXXX",
        email="rechnung@nordlicht.example",
        owner_email="owner@nordlicht.example",
        tariff="Fleet day and night",
        elements=DAY_AND_NIGHT,
        stations=(
            Station(
                identity="NORD-001",
                location="Depot Hafencity",
                street="Am Sandtorkai 30",
                evses=2,
                kind="type2",
                max_power_w=22_000,
            ),
            Station(
                identity="NORD-002",
                location="Depot Altona",
                street="Große Elbstraße 145",
                evses=1,
                kind="ccs2",
                max_power_w=50_000,
            ),
        ),
        fleet=Fleet(
            name="Elbkurier Logistik GmbH",
            street="Billstraße 80",
            postcode="20539",
            city="Hamburg",
            vat_id="DE281000122",
            customer_number="K-1001",
            contract_number="V-2026-001",
            language="de",
            admin_email="fleet@elbkurier.example",
            tokens=(
                Token(uid="04A2B3C4D5E601", plate="HH-EK 101", label="eVito"),
                Token(uid="04A2B3C4D5E602", plate="HH-EK 102", label="e-Crafter"),
                Token(uid="04A2B3C4D5E6FF", plate="HH-EK 102", label="e-Crafter", status="blocked"),
            ),
        ),
    ),
    Owner(
        name="Rheinstrom Ladepark GmbH",
        street="Deutzer Freiheit 9",
        postcode="50679",
        city="Köln",
        registration_number="HRB 90210, Amtsgericht Köln",
        vat_id="DE811444556",
        iban="DE89370400440532013000",
        bic="COBADEFFXXX",
        email="billing@rheinstrom.example",
        owner_email="owner@rheinstrom.example",
        tariff="Energy and time",
        elements=ENERGY_AND_TIME,
        stations=(
            Station(
                identity="RHEIN-001",
                location="Ladepark Deutz",
                street="Auenweg 2",
                evses=2,
                kind="ccs2",
                max_power_w=150_000,
            ),
            Station(
                identity="RHEIN-002",
                location="Messeparkhaus",
                street="Messeplatz 1",
                evses=1,
                kind="type2",
                max_power_w=11_000,
            ),
        ),
        fleet=Fleet(
            name="Domstadt Pflegedienst GmbH",
            street="Aachener Straße 1",
            postcode="50674",
            city="Köln",
            vat_id="DE293100776",
            customer_number="C-2001",
            contract_number="V-2026-101",
            language="en",
            admin_email="fleet@domstadt.example",
            tokens=(Token(uid="04F1E2D3C4B501", plate="K-DP 11", label="ID.3"),),
        ),
    ),
)
