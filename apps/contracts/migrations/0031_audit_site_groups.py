"""I13 knows site groups."""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("apps.contracts.migrations.0004_audit_tiers").I13

I13 = (
    BEFORE
    + """
UNION ALL
SELECT 'tariff assignment ' || assignment.id, 'it is assigned to a site group of another seller'
FROM contracts_tariffassignment assignment JOIN contracts_sitegroup site_group ON site_group.id = assignment.group_id
WHERE site_group.seller_id <> assignment.seller_id
UNION ALL
SELECT 'site group ' || site_group.id, 'it holds a location of another seller'
FROM contracts_groupedsite grouped
JOIN contracts_sitegroup site_group ON site_group.id = grouped.group_id
JOIN stations_location location ON location.id = grouped.location_id
WHERE site_group.seller_id <> location.owner_id
UNION ALL
SELECT 'contract version ' || version.id, 'it gives a tariff at a site group of another seller'
FROM contracts_agreedtariff agreed
JOIN contracts_contractversion version ON version.id = agreed.version_id
JOIN contracts_contract contract ON contract.id = version.contract_id
JOIN contracts_sitegroup site_group ON site_group.id = agreed.group_id
WHERE site_group.seller_id <> contract.seller_id
"""
)


class Migration(migrations.Migration):
    dependencies = [("contracts", "0030_site_groups")]
    operations = [migrations.RunSQL(I13, BEFORE)]
