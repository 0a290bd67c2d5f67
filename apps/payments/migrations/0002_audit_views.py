"""Standing invariants over payments (I3, I11, I13): each view lists its violations as (subject, problem)."""

from django.db import migrations

VIEWS = {
    "audit_i3_payments_within_bounds": """
        SELECT 'payment ' || p.id AS subject,
               'received ' || p.amount_received || ' of ' || p.amount AS problem
        FROM payments_payment p WHERE p.amount_received > p.amount
        UNION ALL
        SELECT 'payment ' || p.id, 'allocated ' || sum(a.amount) || ' of ' || p.amount_received || ' received'
        FROM payments_payment p JOIN payments_allocation a ON a.payment_id = p.id
        GROUP BY p.id HAVING sum(a.amount) > p.amount_received
        UNION ALL
        SELECT 'invoice ' || i.id, 'allocated ' || sum(a.amount) || ' of ' || i.gross
        FROM invoices_invoice i JOIN payments_allocation a ON a.invoice_id = i.id
        GROUP BY i.id HAVING sum(a.amount) > i.gross
        UNION ALL
        SELECT 'payment ' || p.id, 'succeeded and settles nothing of invoice ' || p.invoice_id
        FROM payments_payment p
        WHERE p.kind = 'collection' AND p.status = 'succeeded'
          AND NOT EXISTS (SELECT 1 FROM payments_allocation a WHERE a.payment_id = p.id)
          AND NOT EXISTS (SELECT 1 FROM invoices_invoice n WHERE n.credits_id = p.invoice_id AND n.status = 'issued')
        UNION ALL
        SELECT 'payment ' || o.payment_id, 'confirmed ' || count(*) || ' times'
        FROM payments_paymentoperation o WHERE o.kind = 'confirm_intent' AND o.status = 'done'
        GROUP BY o.payment_id HAVING count(*) > 1
        UNION ALL
        SELECT 'payment ' || o.payment_id, 'captured ' || count(*) || ' times'
        FROM payments_paymentoperation o WHERE o.kind = 'capture_intent' AND o.status = 'done'
        GROUP BY o.payment_id HAVING count(*) > 1
        UNION ALL
        SELECT 'payment ' || p.id, 'refunded ' || sum(r.amount) || ' of ' || p.amount_received
        FROM payments_payment p JOIN payments_refund r ON r.payment_id = p.id AND r.status <> 'failed'
        GROUP BY p.id HAVING sum(r.amount) > p.amount_received
        UNION ALL
        SELECT 'refund ' || r.id, r.status || ', ' || r.amount || ' and posted '
               || coalesce(sum(e.amount) FILTER (WHERE a.code = '1200'), 0)
        FROM payments_refund r JOIN payments_payment p ON p.id = r.payment_id
        LEFT JOIN ledger_journal j ON j.entity_id = p.seller_id
            AND j.key IN ('refund:' || r.id || ':paid', 'refund:' || r.id || ':failed')
        LEFT JOIN ledger_ledgerentry e ON e.journal_id = j.id
        LEFT JOIN ledger_account a ON a.id = e.account_id
        GROUP BY r.id HAVING coalesce(sum(e.amount) FILTER (WHERE a.code = '1200'), 0)
            <> CASE r.status WHEN 'succeeded' THEN r.amount ELSE 0 END
        UNION ALL
        SELECT 'payment ' || p.id, 'received ' || p.amount_received || ' and posted '
               || coalesce(sum(e.amount) FILTER (WHERE e.amount > 0), 0)
        FROM payments_payment p
        LEFT JOIN ledger_journal j ON j.entity_id = p.seller_id AND j.key = 'payment:' || p.id || ':received'
        LEFT JOIN ledger_ledgerentry e ON e.journal_id = j.id
        GROUP BY p.id HAVING p.amount_received <> coalesce(sum(e.amount) FILTER (WHERE e.amount > 0), 0)
    """,
    # What PAYMENTS.md calls "always true" of a driver's attempt: receipt = captured + receivable, and the receivable
    # only after the hold expired or failed, or for what exceeds it; the ledger says the same.
    "audit_i3_attempts_capture_their_receipt": """
        WITH receivable AS (
            SELECT a.id AS attempt_id, coalesce(sum(e.amount), 0) AS amount
            FROM payments_paymentattempt a
            JOIN invoices_invoice i ON i.id = a.receipt_id
            JOIN ledger_account k ON k.entity_id = a.seller_id AND k.code = '1200'
            JOIN ledger_journal j ON j.entity_id = a.seller_id AND (
                j.key IN (SELECT 'invoice:' || d.id || ':issued' FROM invoices_invoice d
                          WHERE d.id = i.id OR d.credits_id = i.id)
                OR j.key IN (SELECT 'payment:' || p.id || ':received' FROM payments_payment p
                             WHERE p.attempt_id = a.id)
                OR j.key IN (SELECT 'refund:' || r.id || w.word FROM payments_refund r
                             CROSS JOIN (VALUES (':paid'), (':failed')) AS w (word) WHERE r.invoice_id = i.id))
            LEFT JOIN ledger_ledgerentry e ON e.journal_id = j.id AND e.account_id = k.id
            GROUP BY a.id
        ), money AS (
            SELECT a.id, a.status, i.gross,
                   coalesce((SELECT p.amount_received FROM payments_payment p WHERE p.attempt_id = a.id), 0) AS captured,
                   coalesce((SELECT -sum(n.gross) FROM invoices_invoice n
                             WHERE n.credits_id = i.id AND n.status = 'issued'), 0) AS credited,
                   coalesce((SELECT sum(r.amount) FROM payments_refund r
                             WHERE r.invoice_id = i.id AND r.status = 'succeeded'), 0) AS refunded,
                   a.hold_amount, coalesce(r.amount, 0) AS receivable
            FROM payments_paymentattempt a JOIN invoices_invoice i ON i.id = a.receipt_id
            LEFT JOIN receivable r ON r.attempt_id = a.id
        )
        SELECT 'attempt ' || id AS subject, 'receipt ' || gross || ' is not captured ' || captured || ' + receivable '
               || receivable || ' + credited ' || credited || ' - refunded ' || refunded AS problem
        FROM money WHERE gross <> captured + receivable + credited - refunded
        UNION ALL
        SELECT 'attempt ' || id, 'captured ' || captured || ' of a receipt of ' || gross || ' and a hold of '
               || hold_amount
        FROM money WHERE status = 'captured' AND captured <> least(gross, hold_amount)
        UNION ALL
        SELECT 'attempt ' || id, status || ' and ' || receivable || ' is receivable'
        FROM money WHERE status IN ('released', 'releasing') AND receivable > 0 AND gross <= hold_amount
        UNION ALL
        SELECT 'attempt ' || id, status || ' without a receipt'
        FROM payments_paymentattempt WHERE status = 'captured' AND receipt_id IS NULL
        UNION ALL
        SELECT 'attempt ' || a.id, a.status || ' and its hold is ' || p.status
        FROM payments_paymentattempt a JOIN payments_payment p ON p.attempt_id = a.id
        WHERE (a.status = 'captured') <> (p.status = 'succeeded')
           OR (a.status IN ('authorised', 'capturing')) > (p.status = 'requires_capture')
           OR p.status = 'requires_capture' AND a.status NOT IN ('authorised', 'capturing', 'capture_failed', 'releasing')
    """,
    "audit_i11_payment_work_on_time": """
        SELECT 'operation ' || id AS subject, kind || ' due since ' || next_try_at || ' and not attempted' AS problem
        FROM payments_paymentoperation
        WHERE status IN ('pending', 'unknown') AND next_try_at < now() - interval '15 minutes'
        UNION ALL
        SELECT 'invoice ' || i.id, 'issued ' || i.issued_at || ' and not captured'
        FROM invoices_invoice i
        JOIN invoices_invoiceline n ON n.invoice_id = i.id
        JOIN charging_sessions_cdr c ON c.id = n.cdr_id
        JOIN charging_sessions_startgrant g ON g.used_by_session_id = c.session_id
        JOIN payments_paymentattempt a ON a.grant_id = g.id
        WHERE i.kind = 'receipt' AND i.status = 'issued' AND a.receipt_id IS NULL
          AND i.issued_at < now() - interval '15 minutes'
        UNION ALL
        SELECT 'event ' || id, type || ' due since ' || next_try_at || ' and not processed'
        FROM payments_stripeevent
        WHERE processed_at IS NULL AND next_try_at < now() - interval '15 minutes'
    """,
    "audit_i13_payments_within_tenant": """
        SELECT 'attempt ' || a.id AS subject, 'its EVSE, tariff, grant or receipt is another''s' AS problem
        FROM payments_paymentattempt a
        JOIN stations_evse e ON e.id = a.evse_id
        JOIN stations_chargingstation s ON s.id = e.station_id
        JOIN stations_location l ON l.id = s.location_id
        JOIN tariffs_tariffversion v ON v.id = a.tariff_version_id
        JOIN tariffs_tariff t ON t.id = v.tariff_id
        LEFT JOIN charging_sessions_startgrant g ON g.id = a.grant_id
        LEFT JOIN invoices_invoice i ON i.id = a.receipt_id
        WHERE (l.owner_id, t.owner_id) <> (a.seller_id, a.seller_id)
           OR g.seller_id <> a.seller_id OR i.seller_id <> a.seller_id
        UNION ALL
        SELECT 'payment ' || p.id, 'its attempt is another''s, or of another currency'
        FROM payments_payment p JOIN payments_paymentattempt a ON a.id = p.attempt_id
        WHERE (a.seller_id, a.currency) <> (p.seller_id, p.currency)
        UNION ALL
        SELECT 'refund ' || r.id, 'its payment, invoice or credit note is another''s'
        FROM payments_refund r
        JOIN payments_payment p ON p.id = r.payment_id
        JOIN invoices_invoice i ON i.id = r.invoice_id
        JOIN invoices_invoice n ON n.id = r.credit_note_id
        WHERE (i.seller_id, n.seller_id) <> (p.seller_id, p.seller_id) OR n.credits_id IS DISTINCT FROM i.id
           OR (i.currency, r.currency) <> (p.currency, p.currency)
        UNION ALL
        SELECT 'payment ' || p.id AS subject, 'its invoice or customer is another''s' AS problem
        FROM payments_payment p
        JOIN invoices_invoice i ON i.id = p.invoice_id
        JOIN contracts_customer c ON c.id = p.customer_id
        WHERE (i.seller_id, i.customer_id, c.seller_id) <> (p.seller_id, p.customer_id, p.seller_id)
        UNION ALL
        SELECT 'operation ' || o.id, 'its customer, payment or method is another''s'
        FROM payments_paymentoperation o
        LEFT JOIN contracts_customer c ON c.id = o.customer_id
        LEFT JOIN payments_payment p ON p.id = o.payment_id
        LEFT JOIN payments_savedmethod m ON m.id = o.method_id
        LEFT JOIN payments_refund r ON r.id = o.refund_id
        WHERE c.seller_id <> o.seller_id OR p.seller_id <> o.seller_id OR r.payment_id <> o.payment_id
           OR p.customer_id IS DISTINCT FROM o.customer_id AND p.id IS NOT NULL OR m.customer_id <> o.customer_id
           OR p.livemode <> o.livemode OR m.livemode <> o.livemode
        UNION ALL
        SELECT 'allocation ' || a.id, 'its payment and invoice are strangers'
        FROM payments_allocation a
        JOIN payments_payment p ON p.id = a.payment_id
        JOIN invoices_invoice i ON i.id = a.invoice_id
        LEFT JOIN payments_paymentattempt t ON t.id = p.attempt_id
        WHERE i.seller_id <> p.seller_id OR i.customer_id IS DISTINCT FROM p.customer_id
           OR t.receipt_id IS DISTINCT FROM i.id AND t.id IS NOT NULL
    """,
}


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0001_initial"),
        ("ledger", "0001_initial"),
        ("invoices", "0001_initial"),
        ("contracts", "0001_initial"),
        ("charging_sessions", "0001_initial"),
        ("stations", "0001_initial"),
        ("tariffs", "0001_initial"),
    ]
    operations = [
        migrations.RunSQL(f"CREATE VIEW {name} AS {query}", f"DROP VIEW {name}") for name, query in VIEWS.items()
    ]
