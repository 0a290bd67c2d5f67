"""Contracts that were suspended before reasons were kept get a row; I17: a contract is suspended as long as one stands."""

from django.db import migrations

SUSPENDED_BEFORE = """
INSERT INTO contracts_suspension (contract_id, cause, reason, since, lift_reason)
SELECT id, 'manual', 'Suspended before reasons were kept.', now(), ''
FROM contracts_contract contract WHERE status = 'suspended'
  AND NOT EXISTS (SELECT 1 FROM contracts_suspension s WHERE s.contract_id = contract.id AND s.lifted_at IS NULL)
"""
I17 = """
CREATE VIEW audit_i17_suspensions_block AS
SELECT 'contract ' || contract.id AS subject, 'is suspended and no suspension of it stands' AS problem
FROM contracts_contract contract
WHERE contract.status = 'suspended'
  AND NOT EXISTS (SELECT 1 FROM contracts_suspension s WHERE s.contract_id = contract.id AND s.lifted_at IS NULL)
UNION ALL
SELECT 'contract ' || contract.id, 'has a suspension that stands and is ' || contract.status
FROM contracts_contract contract JOIN contracts_suspension s ON s.contract_id = contract.id AND s.lifted_at IS NULL
WHERE contract.status <> 'suspended'
"""


class Migration(migrations.Migration):
    dependencies = [("contracts", "0009_dunning")]
    operations = [
        migrations.RunSQL(SUSPENDED_BEFORE, migrations.RunSQL.noop),
        migrations.RunSQL(I17, "DROP VIEW audit_i17_suspensions_block"),
    ]
