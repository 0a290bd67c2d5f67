"""I13: a credit note may also take back a top-up's invoice."""

from importlib import import_module

from django.db import migrations

NAME = "audit_i13_invoices_stay_with_their_tenants"
BEFORE = import_module("apps.invoices.migrations.0002_audit_views").TENANTS
_OLD = "o.kind NOT IN ('invoice', 'receipt')"
assert BEFORE.count(_OLD) == 1
AFTER = BEFORE.replace(_OLD, "o.kind NOT IN ('invoice', 'receipt', 'top_up')")


class Migration(migrations.Migration):
    dependencies = [("invoices", "0014_top_up_invoices")]
    operations = [migrations.RunSQL(f"DROP VIEW {NAME}; {AFTER}", f"DROP VIEW {NAME}; {BEFORE}")]
