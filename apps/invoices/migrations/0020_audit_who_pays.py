"""I13: a line bills a session of its contract, or one that a decision once gave to its contract."""

from importlib import import_module

from django.db import migrations

NAME = "audit_i13_invoices_stay_with_their_tenants"
BEFORE = import_module("apps.invoices.migrations.0015_audit_top_up_invoices").AFTER
_OLD = "(c.id IS NOT NULL AND (s.seller_id, s.contract_id) IS DISTINCT FROM (i.seller_id, i.contract_id))"
assert BEFORE.count(_OLD) == 1
AFTER = BEFORE.replace(
    _OLD,
    """(c.id IS NOT NULL AND (s.seller_id, s.contract_id) IS DISTINCT FROM (i.seller_id, i.contract_id)
       AND NOT (s.seller_id = i.seller_id AND EXISTS (
           SELECT 1 FROM charging_sessions_payerdecision d
           WHERE d.session_id = s.id AND d.contract_id = i.contract_id)))""",
)


class Migration(migrations.Migration):
    dependencies = [("invoices", "0017_line_disputes"), ("charging_sessions", "0015_who_pays")]
    operations = [migrations.RunSQL(f"DROP VIEW {NAME}; {AFTER}", f"DROP VIEW {NAME}; {BEFORE}")]
