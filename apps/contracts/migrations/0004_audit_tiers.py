"""I13 knows membership tiers."""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("apps.contracts.migrations.0002_audit_views").I13.replace("CREATE VIEW", "CREATE OR REPLACE VIEW")

I13 = (
    BEFORE
    + """
UNION ALL
SELECT 'contract ' || contract.id, 'its membership tier belongs to another seller'
FROM contracts_contract contract JOIN contracts_membershiptier tier ON tier.id = contract.tier_id
WHERE tier.seller_id <> contract.seller_id
UNION ALL
SELECT 'tariff assignment ' || assignment.id, 'it is assigned to a membership tier of another seller'
FROM contracts_tariffassignment assignment JOIN contracts_membershiptier tier ON tier.id = assignment.tier_id
WHERE tier.seller_id <> assignment.seller_id
"""
)


class Migration(migrations.Migration):
    dependencies = [("contracts", "0003_membership_tiers")]
    operations = [migrations.RunSQL(I13, BEFORE)]
