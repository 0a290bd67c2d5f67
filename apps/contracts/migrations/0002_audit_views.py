"""I13: no row crosses tenants."""

from django.db import migrations

I13 = """
CREATE VIEW audit_i13_contracts_stay_with_their_seller AS
SELECT 'contract ' || contract.id AS subject, 'its customer belongs to another seller' AS problem
FROM contracts_contract contract JOIN contracts_customer customer ON customer.id = contract.customer_id
WHERE customer.seller_id <> contract.seller_id
UNION ALL
SELECT 'id token ' || token.id, 'its contract belongs to another seller'
FROM contracts_idtoken token JOIN contracts_contract contract ON contract.id = token.contract_id
WHERE contract.seller_id <> token.seller_id
UNION ALL
SELECT 'id token ' || token.id, 'its vehicle belongs to another customer'
FROM contracts_idtoken token
JOIN contracts_contract contract ON contract.id = token.contract_id
JOIN contracts_vehicle vehicle ON vehicle.id = token.vehicle_id
WHERE vehicle.customer_id <> contract.customer_id
UNION ALL
SELECT 'tariff assignment ' || assignment.id, 'its tariff belongs to another seller'
FROM contracts_tariffassignment assignment JOIN tariffs_tariff tariff ON tariff.id = assignment.tariff_id
WHERE tariff.owner_id <> assignment.seller_id
UNION ALL
SELECT 'tariff assignment ' || assignment.id, 'it is assigned to a contract or a place of another seller'
FROM contracts_tariffassignment assignment
LEFT JOIN contracts_contract contract ON contract.id = assignment.contract_id
LEFT JOIN stations_evse evse ON evse.id = assignment.evse_id
LEFT JOIN stations_chargingstation station ON station.id = COALESCE(assignment.station_id, evse.station_id)
LEFT JOIN stations_location location ON location.id = COALESCE(assignment.location_id, station.location_id)
WHERE COALESCE(contract.seller_id, location.owner_id) <> assignment.seller_id
"""


class Migration(migrations.Migration):
    dependencies = [("contracts", "0001_initial"), ("stations", "0001_initial"), ("tariffs", "0001_initial")]
    operations = [migrations.RunSQL(I13, "DROP VIEW audit_i13_contracts_stay_with_their_seller")]
