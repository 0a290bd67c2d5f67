"""I2, I5 and I13 for lines that several credit notes take back in parts, and invoices in a receipt's stead."""

from importlib import import_module

from django.db import migrations

_BEFORE = import_module("apps.invoices.migrations.0002_audit_views")
_RECORDS = import_module("apps.invoices.migrations.0004_audit_records_of_several_lines").RECORDS


def _or_replace(view: str) -> str:
    return view.replace("CREATE VIEW", "CREATE OR REPLACE VIEW")


def _changed(view: str, old: str, new: str) -> str:
    assert view.count(old) == 1, old
    return _or_replace(view).replace(old, new)


# A superseded revision's line is credited in full by all its credit notes together.
RECORDS = _changed(
    _RECORDS,
    """LEFT JOIN invoices_invoiceline credit ON credit.credits_id = old_line.id
LEFT JOIN invoices_invoice note ON note.id = credit.invoice_id
WHERE note.status IS DISTINCT FROM 'issued' OR credit.net <> -old_line.net
   OR credit.gross IS DISTINCT FROM -old_line.gross
""",
    """LEFT JOIN (
    SELECT credit.credits_id, sum(credit.net) AS net, sum(credit.gross) AS gross
    FROM invoices_invoiceline credit JOIN invoices_invoice note ON note.id = credit.invoice_id
    WHERE note.status = 'issued' GROUP BY credit.credits_id
) taken ON taken.credits_id = old_line.id
WHERE taken.net IS DISTINCT FROM -old_line.net OR taken.gross IS DISTINCT FROM -old_line.gross
""",
)

# The parts of a gross line contain net by their running sum, so what all of them contain is rounded once.
AMOUNTS = _changed(
    _BEFORE.AMOUNTS,
    "WHERE (i.amounts_are_gross AND l.net IS DISTINCT FROM round(l.gross / (1 + l.tax_rate), minor_unit(l.currency)))",
    """WHERE (i.amounts_are_gross AND l.credits_id IS NULL
       AND l.net IS DISTINCT FROM round(l.gross / (1 + l.tax_rate), minor_unit(l.currency)))
   OR (i.amounts_are_gross AND l.credits_id IS NOT NULL AND NOT EXISTS (
       SELECT 1 FROM invoices_invoiceline part WHERE part.credits_id = l.credits_id
       HAVING sum(part.net) = round(sum(part.gross) / (1 + l.tax_rate), minor_unit(l.currency))))""",
).replace(
    "UNION ALL\nSELECT 'invoice ' || i.number,\n       'states '",
    """UNION ALL
SELECT 'invoice line ' || old_line.id, 'of ' || coalesce(old_line.gross, old_line.net) || ' is credited with '
    || -coalesce(sum(part.gross), sum(part.net))
FROM invoices_invoiceline old_line JOIN invoices_invoiceline part ON part.credits_id = old_line.id
GROUP BY old_line.id HAVING NOT (
    -sum(part.net) BETWEEN least(0, old_line.net) AND greatest(0, old_line.net)
    AND coalesce(-sum(part.gross) BETWEEN least(0, old_line.gross) AND greatest(0, old_line.gross), TRUE))
UNION ALL
SELECT 'invoice ' || i.number,
       'states '""",
)
assert "is credited with" in AMOUNTS

TENANTS = _changed(
    _BEFORE.TENANTS,
    "\nUNION ALL\nSELECT 'invoice line '",
    """
UNION ALL
SELECT 'invoice ' || i.id, 'stands in the stead of what is no receipt of its seller, or of one that is not credited'
FROM invoices_invoice i JOIN invoices_invoice o ON o.id = i.replaces_id
WHERE o.kind <> 'receipt' OR (o.seller_id, o.currency, o.gross) <> (i.seller_id, i.currency, i.gross)
   OR o.gross <> (SELECT -coalesce(sum(n.gross), 0) FROM invoices_invoice n
                  WHERE n.credits_id = o.id AND n.status = 'issued')
UNION ALL
SELECT 'invoice line '""",
)


class Migration(migrations.Migration):
    dependencies = [("invoices", "0005_credits_in_parts")]
    operations = [
        migrations.RunSQL(RECORDS, _or_replace(_RECORDS)),
        migrations.RunSQL(AMOUNTS, _or_replace(_BEFORE.AMOUNTS)),
        migrations.RunSQL(TENANTS, _or_replace(_BEFORE.TENANTS)),
    ]
