"""A large owner's years: ten thousand stations and a million sessions, written by the database itself.

Every session lies within one clock hour and has its two readings and a charge record that the engine would write, hash
included: it prices one session of each amount of energy, and SQL puts the times into a copy. Nothing is billed yet.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction

from apps.accounts.domain.roles import Role
from apps.accounts.models import Membership, Organisation, TaxRegistration, User
from apps.analytics.models import StaleDay
from apps.analytics.services.figures import sum_up_days, sum_up_months
from apps.contracts.models import Contract, Customer, IdToken, TariffAssignment, Vehicle
from apps.sessions.models import ChargingSession
from apps.sessions.services.rating import inputs_document, price
from apps.stations.models import ChargingStation, Connector, Evse, Location
from apps.stations.services import add_missing_pay_codes, hash_key
from apps.tariffs.domain.facts import GrantTerms, Reading, SessionFacts
from apps.tariffs.domain.rating import as_document, canonical_bytes
from apps.tariffs.domain.status import VersionStatus
from apps.tariffs.models import Tariff, TariffVersion
from config.demo.world import PASSWORD

OWNER: Final = "Volume Energy AG"
OWNER_EMAIL: Final = "owner@volume.example"
FLEET_EMAIL: Final = "fleet@volume.example"
KWH: Final = 1_000_000
ENERGIES: Final = range(3, 61)
STATIONS_OF_A_SITE: Final = 20
SESSIONS_OF_A_CONTRACT: Final = 2_000
UPTIME_DAYS: Final = 35
"""Days of uptime that are written; a year of ten thousand stations would be four million rows."""
# Distinct numbers that no energy and no amount contains; the longer are replaced before what they contain.
_START_MS: Final = 1_700_000_000_000
_END_MS: Final = 1_700_003_456_789
_LENGTH_MS: Final = _END_MS - _START_MS


@transaction.atomic
def seed_volume(*, sessions: int, stations: int, days: int, at: datetime) -> int:
    """Make a new owner with that much; return how many sessions there are, those that would lie ahead left out.

    :raises ValueError: there is such an owner already, or a station would have more than one session in two hours
    """
    if Organisation.objects.filter(name=OWNER).exists():
        raise ValueError(f"{OWNER} exists already: seed into a database that has none.")
    slot_s = days * 86_400 * stations // sessions
    if slot_s < 7_200:
        raise ValueError("A station takes one session in two hours: ask for more stations or days.")
    owner = _make_owner()
    version = _make_tariff(owner, since=at - timedelta(days=days + 2))
    _make_stations(owner, stations, at=at)
    payers = max(sessions // SESSIONS_OF_A_CONTRACT, 3)
    _make_contracts(owner, payers, since=at - timedelta(days=days + 2))
    with connection.cursor() as cursor:
        # Foreign keys are right by construction; asking for each would take longer than writing them.
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("SET LOCAL statement_timeout = 0")
        # Tables filled a moment ago: without it the planner takes them for empty and joins row by row.
        cursor.execute("ANALYZE stations_location, stations_chargingstation, stations_evse, contracts_idtoken")
        _put_templates(owner, version)
        since = at.replace(minute=0, second=0, microsecond=0) - timedelta(days=days)
        given: dict[str, Any] = {"since": since, "at": at, "slot_s": slot_s, "owner": owner.pk, "version": version.pk}
        given |= {
            "tariff": version.tariff_id,
            "stations": stations,
            "sessions": sessions,
            "kinds": len(ENERGIES),
            "payers": payers,
        }
        for statement in (
            _PLAN,
            "ANALYZE volume_session",
            _SESSIONS,
            _READINGS,
            _CDRS,
            _HOURS,
            _COUNTED,
            _HORIZON,
            _STALE,
        ):
            cursor.execute(statement, given)
        cursor.execute("ANALYZE analytics_sessionhour")
        cursor.execute(_UPTIME, {"at": at, "days": min(days, UPTIME_DAYS), "owner": owner.pk})
        cursor.execute("SET LOCAL session_replication_role = origin")
        cursor.execute("SELECT count(*) FROM volume_session")
        (count,) = cursor.fetchone()
    sum_up_days()
    sum_up_months(before=at.date())
    assert not StaleDay.objects.filter(seller=owner).exists()
    return int(count)


def _make_owner() -> Organisation:
    address = {"street": "Ring 1", "postcode": "10115", "city": "Berlin", "country": "DE"}
    owner: Organisation = Organisation.objects.create(
        name=OWNER, **address, time_zone="Europe/Berlin", currency="EUR", email=OWNER_EMAIL, is_station_owner=True
    )
    TaxRegistration.objects.create(organisation=owner, country="DE", vat_id="DE136695976", valid_from=date(2020, 1, 1))
    person = User.objects.create_user(OWNER_EMAIL, PASSWORD, name="Owner of much", is_staff=True)
    Membership.objects.create(user=person, organisation=owner, role=Role.OWNER)
    return owner


def _make_tariff(owner: Organisation, *, since: datetime) -> TariffVersion:
    """Make the price of contracts, and one with VAT for whoever pays by card."""
    versions = []
    for name, tax_included, price_per_kwh in (("Fleet", False, "0.50"), ("Card", True, "0.60")):
        tariff = Tariff.objects.create(owner=owner, name=name)
        versions.append(
            TariffVersion.objects.create(
                tariff=tariff,
                status=VersionStatus.PUBLISHED,
                valid_from=since,
                published_at=since,
                used_at=since,
                currency="EUR",
                tax_included=tax_included,
                elements=[{"price_components": [{"type": "ENERGY", "price": price_per_kwh}]}],
            )
        )
    TariffAssignment.objects.create(seller=owner, tariff=versions[1].tariff, valid_from=since)
    return versions[0]


def _make_stations(owner: Organisation, count: int, *, at: datetime) -> None:
    sites = Location.objects.bulk_create(
        Location(
            owner=owner,
            name=f"Site {number:04d}",
            street=f"Parkweg {number}",
            postcode="10115",
            city="Berlin",
            country="DE",
            time_zone="Europe/Berlin",
        )
        for number in range(-(-count // STATIONS_OF_A_SITE))
    )
    key_hash = hash_key(PASSWORD)
    stations = ChargingStation.objects.bulk_create(
        ChargingStation(
            location=sites[number // STATIONS_OF_A_SITE],
            identity=f"VOL-{number:06d}",
            key_hash=key_hash,
            last_seen_at=at,
            connected_at=at,
        )
        for number in range(count)
    )
    evses = Evse.objects.bulk_create(Evse(station=station, number=1) for station in stations)
    Connector.objects.bulk_create(Connector(evse=evse, max_power_w=400_000, kind="ccs2") for evse in evses)
    for site in sites:
        add_missing_pay_codes(location_id=site.pk, at=at)


def _make_contracts(owner: Organisation, count: int, *, since: datetime) -> None:
    """Make a customer with a contract, a vehicle and a card each; the first one's manager may sign in."""
    address = {"street": "Weg 2", "postcode": "20095", "city": "Hamburg", "country": "DE"}
    fleet = Organisation.objects.create(
        name="Volume Fleet GmbH", **address, time_zone="Europe/Berlin", currency="EUR", email=FLEET_EMAIL
    )
    person = User.objects.create_user(FLEET_EMAIL, PASSWORD, name="Manager of many")
    Membership.objects.create(user=person, organisation=fleet, role=Role.FLEET_ADMIN)
    tariff = Tariff.objects.get(owner=owner, name="Fleet")
    for number in range(count):
        customer = Customer.objects.create(
            seller=owner,
            organisation=None if number else fleet,
            number=f"V{number:05d}",
            name=f"Volume fleet {number:05d}",
            kind=Customer.Kind.FLEET,
            **address,
            email=f"fleet{number}@volume.example",
            language="de",
        )
        contract = Contract.objects.create(seller=owner, customer=customer, number=f"VC-{number:05d}", valid_from=since)
        TariffAssignment.objects.create(seller=owner, contract=contract, tariff=tariff, valid_from=since)
        vehicle = Vehicle.objects.create(customer=customer, plate=f"VOL {number:05d}")
        IdToken.objects.create(contract=contract, uid=f"VOL{number:06d}", vehicle=vehicle)


def _put_templates(owner: Organisation, version: TariffVersion) -> None:
    """Price a session of each amount of energy at a marked time, and keep its record's texts for SQL to copy."""
    evse = Evse.objects.filter(station__location__owner=owner).select_related("station__location").earliest("pk")
    session = ChargingSession(
        seller=owner,
        station=evse.station,
        evse=evse,
        contract=Contract.objects.filter(seller=owner).earliest("pk"),
        tariff_version=version,
        time_zone="Europe/Berlin",
        started_at=datetime.fromtimestamp(_START_MS / 1000, tz=UTC),
        ended_at=datetime.fromtimestamp(_END_MS // 1000, tz=UTC),
    )
    rows = []
    for kwh in ENERGIES:
        register = (Reading(at_ms=_START_MS, energy_milliwh=0), Reading(at_ms=_END_MS, energy_milliwh=kwh * KWH))
        facts = SessionFacts(
            started_at_ms=_START_MS, ended_at_ms=_END_MS, time_zone=session.time_zone, register=register
        )
        priced = price(session, facts=facts, grant=GrantTerms())
        rated = priced.rated
        document = canonical_bytes(as_document(rated)).decode()
        inputs = canonical_bytes(inputs_document(priced.inputs)).decode()
        rows.append((kwh, document, inputs, rated.net, rated.tax, rated.gross, rated.engine_version))
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE volume_template (kwh int PRIMARY KEY, document text, inputs text, net numeric, "
            "tax numeric, gross numeric, engine text) ON COMMIT DROP"
        )
        cursor.executemany("INSERT INTO volume_template VALUES (%s, %s, %s, %s, %s, %s, %s)", rows)


# Which session is where, when, whose, and of how much energy; chance is a hash of its number, so each run is alike.
_PLAN: Final = """
    CREATE TEMP TABLE volume_session ON COMMIT DROP AS
    WITH place AS (
        SELECT row_number() OVER (ORDER BY e.id) - 1 AS i, e.id AS evse_id, s.id AS station_id, l.id AS location_id
        FROM stations_evse e JOIN stations_chargingstation s ON s.id = e.station_id
        JOIN stations_location l ON l.id = s.location_id WHERE l.owner_id = %(owner)s
    ), payer AS (
        SELECT row_number() OVER (ORDER BY k.id) - 1 AS i, k.id AS contract_id, k.customer_id, t.id AS token_id,
            t.uid AS uid, t.vehicle_id
        FROM contracts_contract k JOIN contracts_idtoken t ON t.contract_id = k.id WHERE k.seller_id = %(owner)s
    ), drawn AS (
        SELECT n, n %% %(stations)s AS place, n / %(stations)s AS turn,
            hashint8(n) & 2147483647 AS a, hashint8(n + 7919000001) & 2147483647 AS b
        FROM generate_series(0::bigint, %(sessions)s - 1) n
    ), begun AS (
        SELECT d.*, CASE WHEN %(slot_s)s >= 86400
            THEN date_trunc('day', %(since)s::timestamptz + make_interval(secs => turn * %(slot_s)s))
                + make_interval(hours =>
                    (ARRAY[0,3,5,6,7,7,8,8,9,10,11,12,13,14,15,15,16,16,17,17,18,18,19,20,21])[1 + a %% 25])
            ELSE %(since)s::timestamptz + make_interval(hours => ((turn * %(slot_s)s + 3599) / 3600)::int
                + a %% greatest(%(slot_s)s / 3600 - 1, 1)::int) END
            + make_interval(mins => b %% 5) AS started_at
        FROM drawn d
    )
    SELECT nextval(pg_get_serial_sequence('charging_sessions_chargingsession', 'id')) AS id, b.turn, p.*, k.contract_id,
        k.customer_id, k.token_id, k.uid, k.vehicle_id, b.started_at,
        b.started_at + make_interval(secs => 600 + b.b %% 2700) AS ended_at, 3 + (b.a / 25) %% %(kinds)s AS kwh
    FROM begun b JOIN place p ON p.i = b.place
    JOIN payer k ON k.i = (b.b %% 10000)::bigint * (b.b %% 10000) * %(payers)s / 100000000
    WHERE b.started_at < %(at)s::timestamptz - interval '1 hour' ORDER BY b.started_at, b.n
"""
_SESSIONS: Final = """
    INSERT INTO charging_sessions_chargingsession (id, kind, uid, seller_id, station_id, evse_id, transaction_id,
        id_token, token_id, contract_id, vehicle_id, authorisation, tariff_version_id, time_zone, status, started_at,
        start_received_at, start_frame_id, meter_start_milliwh, ended_at, end_received_at, end_frame_id,
        meter_stop_milliwh, stop_reason, ended_by_rule, settled_at, is_under_calibration_law, review_reasons)
    SELECT id, 'charge', gen_random_uuid(), %(owner)s, station_id, evse_id, turn + 1, uid, token_id, contract_id,
        vehicle_id, 'Accepted', %(version)s, 'Europe/Berlin', 'settled', started_at, started_at, 1, 0, ended_at,
        ended_at, 1, kwh * 1000000, 'EVDisconnected', '', ended_at, false, '[]'
    FROM volume_session
"""
_READINGS: Final = """
    INSERT INTO charging_sessions_meterreading (session_id, at, energy_milliwh, context, frame_id)
    SELECT id, started_at, 0, 'Transaction.Begin', 1 FROM volume_session
    UNION ALL SELECT id, ended_at, kwh * 1000000, 'Transaction.End', 1 FROM volume_session
"""
_CDRS: Final = f"""
    INSERT INTO charging_sessions_cdr (session_id, purpose, revision, tariff_version_id, started_at, ended_at,
        energy_milliwh, currency, net, tax, gross, tax_date, inputs, document, content_hash, engine_version, rated_at,
        reason, is_automatic)
    SELECT id, 'retail', 1, %(version)s, started_at, ended_at, kwh * 1000000, 'EUR', net, tax, gross,
        (ended_at AT TIME ZONE 'Europe/Berlin')::date, inputs::jsonb, document::jsonb,
        encode(sha256(convert_to(document, 'UTF8')), 'hex'), engine, ended_at, '', false
    FROM (
        SELECT s.*, t.net, t.tax, t.gross, t.engine,
            replace(replace(replace(t.document, '{_START_MS}', start_ms), '{_END_MS}', end_ms),
                '{_LENGTH_MS}', length_ms) AS document,
            replace(replace(t.inputs, '{_START_MS}', start_ms), '{_END_MS}', end_ms) AS inputs
        FROM volume_session s JOIN volume_template t USING (kwh), LATERAL (
            SELECT (extract(epoch FROM s.started_at) * 1000)::bigint::text AS start_ms,
                (extract(epoch FROM s.ended_at) * 1000)::bigint::text AS end_ms,
                (extract(epoch FROM s.ended_at - s.started_at) * 1000)::bigint::text AS length_ms
        ) told
    ) made
"""  # noqa: S608 - numbers of ours
# What ``count_sessions`` would write of a session within one hour of the clock.
_HOURS: Final = """
    INSERT INTO analytics_sessionhour (session_id, starts_at, local_date, local_hour, seller_id, location_id, evse_id,
        tariff_id, customer_id, currency, sessions, energy_milliwh, net, in_use_ms, charging_ms)
    SELECT s.id, date_trunc('hour', started_at), (started_at AT TIME ZONE 'Europe/Berlin')::date,
        extract(hour FROM started_at AT TIME ZONE 'Europe/Berlin'), %(owner)s, location_id, evse_id, %(tariff)s,
        customer_id, 'EUR', 1, kwh * 1000000, net, extract(epoch FROM ended_at - started_at) * 1000,
        extract(epoch FROM ended_at - started_at) * 1000
    FROM volume_session s JOIN volume_template t USING (kwh)
"""
_COUNTED: Final = """
    INSERT INTO analytics_countedsession (session_id, cdr_id, credited, contract_id, ended_at, meter_stop_milliwh,
        time_zone)
    SELECT s.id, r.id, 0, s.contract_id, s.ended_at, s.kwh * 1000000, 'Europe/Berlin'
    FROM volume_session s JOIN charging_sessions_cdr r ON r.session_id = s.id
"""
# The raw frames are forgotten, as those of old sessions are; the audit then asks for none of them.
_HORIZON: Final = """
    INSERT INTO ocpp_framehorizon (station_id, deleted_to)
    SELECT DISTINCT station_id, 1 FROM volume_session
"""
_STALE: Final = """
    INSERT INTO analytics_staleday (seller_id, local_date, changes)
    SELECT DISTINCT seller_id, local_date, 1 FROM analytics_sessionhour WHERE seller_id = %(owner)s
"""
_UPTIME: Final = """
    INSERT INTO analytics_stationday (station_id, local_date, watched_ms, available_ms, offline_ms, faulted_ms)
    SELECT id, day, 86400000, 86400000 - offline - faulted, offline, faulted FROM (
        SELECT s.id, (%(at)s::timestamptz AT TIME ZONE 'Europe/Berlin')::date - n AS day,
            CASE WHEN hashint8(s.id * 1000 + n) %% 20 = 0 THEN 3600000 ELSE 0 END AS offline,
            CASE WHEN hashint8(s.id * 1000 + n) %% 50 = 1 THEN 1800000 ELSE 0 END AS faulted
        FROM stations_chargingstation s JOIN stations_location l ON l.id = s.location_id
        CROSS JOIN generate_series(1, %(days)s) n WHERE l.owner_id = %(owner)s
    ) drawn
"""
