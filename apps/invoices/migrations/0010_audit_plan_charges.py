"""I5: a plan's charge, rounded once on its own side of the tax, is the amount of its line."""

from django.db import migrations

I5 = """
CREATE VIEW audit_i5_plan_charges_are_their_lines AS
SELECT 'plan charge ' || c.id AS subject,
       'is ' || round(c.quantity * c.price, minor_unit(l.currency)) || ', its line states ' || coalesce(l.gross, l.net)
           AS problem
FROM invoices_periodcharge c
JOIN invoices_invoiceline l ON l.id = c.line_id JOIN invoices_invoice i ON i.id = l.invoice_id
WHERE (split_part(c.tax_key, '|', 4) = 'gross') = i.amounts_are_gross
  AND coalesce(l.gross, l.net) <> round(c.quantity * c.price, minor_unit(l.currency))
UNION ALL
SELECT 'plan charge ' || c.id, 'is on an invoice of another contract'
FROM invoices_periodcharge c JOIN invoices_billedperiod p ON p.id = c.period_id
JOIN invoices_invoiceline l ON l.id = c.line_id JOIN invoices_invoice i ON i.id = l.invoice_id
WHERE i.contract_id IS DISTINCT FROM p.contract_id
"""


class Migration(migrations.Migration):
    dependencies = [("invoices", "0009_billed_days_keep_their_plan")]
    operations = [migrations.RunSQL(I5, "DROP VIEW audit_i5_plan_charges_are_their_lines")]
