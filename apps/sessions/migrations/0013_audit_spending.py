"""A spending limit reserves exactly what sessions without a price hold of it (I3)."""

from django.db import migrations

I3 = """
CREATE VIEW audit_i3_limits_reserve_what_sessions_hold AS
SELECT 'spending limit ' || l.id AS subject, 'reserves ' || l.reserved || ' and its sessions hold ' || h.held AS problem
FROM contracts_spendinglimit l
CROSS JOIN LATERAL (
    SELECT coalesce(sum(g.reserved_amount), 0) AS held FROM charging_sessions_startgrant g
    WHERE g.contract_id = l.contract_id AND g.reserved_amount IS NOT NULL AND g.reservation_ended_at IS NULL
) h
WHERE l.reserved <> h.held
UNION ALL
SELECT 'session ' || g.used_by_session_id, 'has a price and still reserves ' || g.reserved_amount
FROM charging_sessions_startgrant g
WHERE g.reserved_amount IS NOT NULL AND g.reservation_ended_at IS NULL
  AND EXISTS (SELECT 1 FROM charging_sessions_cdr c WHERE c.session_id = g.used_by_session_id)
"""


class Migration(migrations.Migration):
    dependencies = [("charging_sessions", "0012_grants_reserve"), ("contracts", "0005_spending_limits")]
    operations = [migrations.RunSQL(I3, "DROP VIEW audit_i3_limits_reserve_what_sessions_hold")]
