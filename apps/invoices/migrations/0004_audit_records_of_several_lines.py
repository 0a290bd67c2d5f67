"""I2 for charge records with a line per VAT category: billed on one document, and there whole."""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("apps.invoices.migrations.0002_audit_views").RECORDS.replace(
    "CREATE VIEW", "CREATE OR REPLACE VIEW"
)

RECORDS = """
CREATE OR REPLACE VIEW audit_i2_records_billed_once AS
SELECT 'charge record ' || cdr_id AS subject, 'is on ' || count(DISTINCT invoice_id) || ' documents' AS problem
FROM invoices_invoiceline WHERE cdr_id IS NOT NULL GROUP BY cdr_id HAVING count(DISTINCT invoice_id) > 1
UNION ALL
SELECT 'charge record ' || cdr_id, 'is billed twice under one VAT category'
FROM invoices_invoiceline WHERE cdr_id IS NOT NULL GROUP BY cdr_id, tax_category, tax_rate HAVING count(*) > 1
UNION ALL
SELECT 'charge record ' || cdr.id, 'is not billed whole: its lines do not add up to it'
FROM charging_sessions_cdr cdr
JOIN invoices_invoiceline line ON line.cdr_id = cdr.id
JOIN invoices_invoice invoice ON invoice.id = line.invoice_id AND invoice.status = 'issued'
GROUP BY cdr.id, invoice.amounts_are_gross
HAVING CASE WHEN invoice.amounts_are_gross THEN sum(line.gross) <> cdr.gross ELSE sum(line.net) <> cdr.net END
    OR sum(line.energy_milliwh) <> cdr.energy_milliwh
UNION ALL
SELECT DISTINCT 'invoice line ' || old_line.id,
       'bills a superseded charge record whose newer revision is billed too, and is not credited in full'
FROM invoices_invoiceline old_line
JOIN charging_sessions_cdr old_cdr ON old_cdr.id = old_line.cdr_id
JOIN charging_sessions_cdr new_cdr ON new_cdr.session_id = old_cdr.session_id
    AND new_cdr.purpose = old_cdr.purpose AND new_cdr.revision > old_cdr.revision
JOIN invoices_invoiceline new_line ON new_line.cdr_id = new_cdr.id
JOIN invoices_invoice new_invoice ON new_invoice.id = new_line.invoice_id AND new_invoice.status = 'issued'
LEFT JOIN invoices_invoiceline credit ON credit.credits_id = old_line.id
LEFT JOIN invoices_invoice note ON note.id = credit.invoice_id
WHERE note.status IS DISTINCT FROM 'issued' OR credit.net <> -old_line.net
   OR credit.gross IS DISTINCT FROM -old_line.gross
UNION ALL
SELECT 'session ' || cdr.session_id, 'has ' || count(DISTINCT receipt.id) || ' receipts'
FROM invoices_invoiceline line
JOIN invoices_invoice receipt ON receipt.id = line.invoice_id AND receipt.kind = 'receipt'
JOIN charging_sessions_cdr cdr ON cdr.id = line.cdr_id
GROUP BY cdr.session_id, cdr.purpose HAVING count(DISTINCT receipt.id) > 1
"""


class Migration(migrations.Migration):
    dependencies = [("invoices", "0003_line_per_vat_category"), ("charging_sessions", "0001_initial")]
    operations = [migrations.RunSQL(RECORDS, BEFORE)]
