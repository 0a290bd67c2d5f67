"""I1 charge records, I9 energy, I11 due work, I13 tenants; I8 is a registered check (``apps.sessions.audit``)."""

from django.db import migrations

I1 = """
CREATE VIEW audit_i1_settled_sessions_have_charge_records AS
SELECT 'session ' || session.id AS subject, 'settled and billable, but without a charge record' AS problem
FROM charging_sessions_chargingsession session
WHERE session.status = 'settled' AND session.authorisation = 'Accepted' AND session.tariff_version_id IS NOT NULL
  AND session.settled_at < now() - interval '15 minutes'
  AND NOT EXISTS (
    SELECT 1 FROM charging_sessions_cdr cdr WHERE cdr.session_id = session.id AND cdr.purpose = 'retail'
  )
UNION ALL
SELECT 'session ' || cdr.session_id, 'revisions of purpose ' || cdr.purpose || ' have a gap'
FROM charging_sessions_cdr cdr
GROUP BY cdr.session_id, cdr.purpose
HAVING min(cdr.revision) <> 1 OR max(cdr.revision) <> count(*)
UNION ALL
SELECT 'charge record ' || cdr.id, 'its session does not exist'
FROM charging_sessions_cdr cdr LEFT JOIN charging_sessions_chargingsession session ON session.id = cdr.session_id
WHERE session.id IS NULL
UNION ALL
SELECT 'charge record ' || cdr.id, 'its session is billable to nobody or was never settled'
FROM charging_sessions_cdr cdr JOIN charging_sessions_chargingsession session ON session.id = cdr.session_id
WHERE session.authorisation <> 'Accepted' OR session.settled_at IS NULL
"""

# W × ms ÷ 3600 = milliwatt-hours; 100,000 mWh is the register check's allowance (tariffs.domain.register).
I9 = """
CREATE VIEW audit_i9_energy_is_what_was_metered AS
SELECT 'charge record ' || cdr.id AS subject,
       'its energy is not stop minus start, or more than the connector can deliver' AS problem
FROM charging_sessions_cdr cdr
JOIN charging_sessions_chargingsession session ON session.id = cdr.session_id
WHERE cdr.revised_by_id IS NULL
  AND (
    cdr.energy_milliwh IS DISTINCT FROM session.meter_stop_milliwh - session.meter_start_milliwh
    OR cdr.energy_milliwh > 100000 + (
      SELECT max(connector.max_power_w) FROM stations_connector connector WHERE connector.evse_id = session.evse_id
    ) * EXTRACT(EPOCH FROM session.ended_at - session.started_at) * 1000 * 1.10 / 3600
  )
"""

I11 = """
CREATE VIEW audit_i11_ended_sessions_settle AS
SELECT 'session ' || session.id AS subject, 'ended, its station silent, and neither settled nor in review' AS problem
FROM charging_sessions_chargingsession session
JOIN stations_chargingstation station ON station.id = session.station_id
WHERE session.status = 'ended'
  AND GREATEST(session.end_received_at, station.last_seen_at) < now() - interval '30 minutes'
"""

I13 = """
CREATE VIEW audit_i13_sessions_stay_with_their_seller AS
SELECT 'session ' || session.id AS subject, 'its seller does not own the station' AS problem
FROM charging_sessions_chargingsession session
JOIN stations_chargingstation station ON station.id = session.station_id
JOIN stations_location location ON location.id = station.location_id
WHERE location.owner_id <> session.seller_id
UNION ALL
SELECT 'session ' || session.id, 'its EVSE belongs to another station'
FROM charging_sessions_chargingsession session JOIN stations_evse evse ON evse.id = session.evse_id
WHERE evse.station_id <> session.station_id
UNION ALL
SELECT 'session ' || session.id, 'its contract belongs to another seller'
FROM charging_sessions_chargingsession session JOIN contracts_contract contract ON contract.id = session.contract_id
WHERE contract.seller_id <> session.seller_id
UNION ALL
SELECT 'session ' || session.id, 'its token belongs to another seller or another contract'
FROM charging_sessions_chargingsession session JOIN contracts_idtoken token ON token.id = session.token_id
WHERE token.seller_id <> session.seller_id OR token.contract_id <> session.contract_id
UNION ALL
SELECT 'session ' || session.id, 'its vehicle belongs to another customer'
FROM charging_sessions_chargingsession session
JOIN contracts_vehicle vehicle ON vehicle.id = session.vehicle_id
LEFT JOIN contracts_contract contract ON contract.id = session.contract_id
WHERE vehicle.customer_id IS DISTINCT FROM contract.customer_id
UNION ALL
SELECT 'session ' || session.id, 'its tariff belongs to another seller'
FROM charging_sessions_chargingsession session
JOIN tariffs_tariffversion version ON version.id = session.tariff_version_id
JOIN tariffs_tariff tariff ON tariff.id = version.tariff_id
WHERE tariff.owner_id <> session.seller_id
UNION ALL
SELECT 'grant ' || used_grant.id, 'its seller, station, contract or tariff is not that of its session'
FROM charging_sessions_startgrant used_grant
JOIN charging_sessions_chargingsession session ON session.id = used_grant.used_by_session_id
WHERE used_grant.seller_id <> session.seller_id OR used_grant.station_id <> session.station_id
   OR used_grant.contract_id IS DISTINCT FROM session.contract_id
   OR used_grant.tariff_version_id IS DISTINCT FROM session.tariff_version_id
UNION ALL
SELECT 'charge record ' || cdr.id, 'it was priced with another tariff than its session took'
FROM charging_sessions_cdr cdr JOIN charging_sessions_chargingsession session ON session.id = cdr.session_id
WHERE cdr.tariff_version_id IS DISTINCT FROM session.tariff_version_id
"""

VIEWS = {
    "audit_i1_settled_sessions_have_charge_records": I1,
    "audit_i9_energy_is_what_was_metered": I9,
    "audit_i11_ended_sessions_settle": I11,
    "audit_i13_sessions_stay_with_their_seller": I13,
}


class Migration(migrations.Migration):
    dependencies = [
        ("charging_sessions", "0001_initial"),
        ("contracts", "0001_initial"),
        ("stations", "0001_initial"),
        ("tariffs", "0001_initial"),
    ]
    operations = [migrations.RunSQL(sql, f"DROP VIEW {name}") for name, sql in VIEWS.items()]
