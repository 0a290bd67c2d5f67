"""What a lost dispute took of documents is open again and given up: money or a credit note may come after all."""

from importlib import import_module

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


FETCHED_BACK = """
    CREATE FUNCTION payments_fetched_back(document bigint) RETURNS numeric LANGUAGE sql STABLE AS
    $$ SELECT coalesce(sum(amount), 0) FROM payments_fetchedback WHERE invoice_id = document $$
"""

_BEFORE = import_module("apps.payments.migrations.0025_fetched_back")
BOUNDS = _BEFORE.BOUNDS
BOUNDS_BEFORE = _BEFORE.AFTER[BOUNDS]
BOUNDS_AFTER = _BEFORE._LETTERS._changed(
    BOUNDS_BEFORE, ("HAVING sum(a.amount) > i.gross\n", "HAVING sum(a.amount) > i.gross + payments_fetched_back(i.id)\n")
)


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0025_fetched_back'),
    ]

    operations = [
        # Undone last: the triggers before it ask it.
        migrations.RunSQL(FETCHED_BACK, "DROP FUNCTION payments_fetched_back(bigint)"),
        pgtrigger.migrations.RemoveTrigger(
            model_name='allocation',
            name='allocation_within_wallet_and_invoice',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='allocation',
            name='allocation_within_bank_receipt_and_invoice',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='allocation',
            name='allocation_within_payment_and_invoice',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='fetchedback',
            name='fetched_back_within_what_was_to_be_given_back',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='writeoff',
            name='write_off_within_its_document',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='allocation',
            trigger=pgtrigger.compiler.Trigger(name='allocation_within_payment_and_invoice', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."payment_id" IS NOT NULL)', func="\n                    PERFORM 1 FROM invoices_invoice WHERE id = NEW.invoice_id FOR UPDATE;\n                    PERFORM 1 FROM payments_payment WHERE id = NEW.payment_id FOR UPDATE;\n                    IF NOT EXISTS (\n                        SELECT 1 FROM payments_payment p JOIN invoices_invoice i ON i.id = NEW.invoice_id\n                        LEFT JOIN payments_paymentattempt t ON t.id = p.attempt_id\n                        WHERE p.id = NEW.payment_id AND i.status = 'issued'\n                        AND (p.invoice_id = i.id OR i.kind = 'invoice' AND p.customer_id = i.customer_id\n                             OR i.kind = 'top_up' AND p.wallet_id IS NOT NULL AND p.customer_id = i.customer_id\n                             OR i.id = t.receipt_id OR i.replaces_id IN (t.receipt_id, p.invoice_id))\n                        AND (p.seller_id, p.currency) = (i.seller_id, i.currency)\n                        AND p.currency = NEW.currency\n                        AND p.amount_received >= NEW.amount + (SELECT coalesce(sum(amount), 0)\n                            FROM payments_allocation WHERE payment_id = NEW.payment_id)\n                            + (SELECT coalesce(sum(amount), 0)\n                               FROM payments_feeallocation WHERE payment_id = NEW.payment_id)\n                            + (SELECT coalesce(sum(f.amount), 0)\n                               FROM payments_fetchedback f JOIN payments_dispute d ON d.id = f.dispute_id\n                               WHERE d.payment_id = NEW.payment_id AND f.invoice_id IS NULL)\n                        AND i.gross + payments_fetched_back(i.id) >= NEW.amount + (SELECT coalesce(sum(amount), 0)\n                            FROM payments_allocation WHERE invoice_id = NEW.invoice_id)\n                        AND 0 <= NEW.amount + (SELECT coalesce(sum(amount), 0) FROM payments_allocation\n                            WHERE payment_id = NEW.payment_id AND invoice_id = NEW.invoice_id)\n                    ) THEN\n                        RAISE EXCEPTION 'an allocation exceeds what was received or billed, or joins strangers'\n                        USING ERRCODE = 'check_violation';\n                    END IF;\n                    RETURN NEW;\n                ", hash='399d1c7d136cc0dd04a3bbc9798998919e3084e9', operation='INSERT', pgid='pgtrigger_allocation_within_payment_and_invoice_f5ebc', table='payments_allocation', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='allocation',
            trigger=pgtrigger.compiler.Trigger(name='allocation_within_bank_receipt_and_invoice', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."bank_receipt_id" IS NOT NULL AND NEW."reverses_id" IS NULL)', func="\n                    PERFORM 1 FROM invoices_invoice WHERE id = NEW.invoice_id FOR UPDATE;\n                    PERFORM 1 FROM payments_bankreceipt WHERE id = NEW.bank_receipt_id FOR UPDATE;\n                    IF NOT EXISTS (\n                        SELECT 1 FROM payments_bankreceipt r JOIN invoices_invoice i ON i.id = NEW.invoice_id\n                        WHERE r.id = NEW.bank_receipt_id AND i.status = 'issued' AND i.kind = 'invoice'\n                        AND (r.seller_id, r.customer_id, r.currency, NEW.currency)\n                            = (i.seller_id, i.customer_id, i.currency, i.currency)\n                        AND r.amount >= NEW.amount + payments_receipt_used(r.id)\n                        AND i.gross + payments_fetched_back(i.id) >= NEW.amount + (SELECT coalesce(sum(amount), 0)\n                            FROM payments_allocation WHERE invoice_id = NEW.invoice_id)\n                    ) THEN\n                        RAISE EXCEPTION 'an allocation exceeds what was received or billed, or joins strangers'\n                        USING ERRCODE = 'check_violation';\n                    END IF;\n                    RETURN NEW;\n                ", hash='96eca9e0410e744a734eda9715ae6aa0a02d49ca', operation='INSERT', pgid='pgtrigger_allocation_within_bank_receipt_and_invoice_103e5', table='payments_allocation', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='allocation',
            trigger=pgtrigger.compiler.Trigger(name='allocation_within_wallet_and_invoice', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."wallet_id" IS NOT NULL)', func="\n                    PERFORM 1 FROM invoices_invoice WHERE id = NEW.invoice_id FOR UPDATE;\n                    PERFORM 1 FROM payments_wallet WHERE id = NEW.wallet_id FOR UPDATE;\n                    IF NOT EXISTS (\n                        SELECT 1 FROM payments_wallet w JOIN invoices_invoice i ON i.contract_id = w.contract_id\n                        WHERE w.id = NEW.wallet_id AND i.id = NEW.invoice_id\n                        AND i.status = 'issued' AND i.kind = 'invoice'\n                        AND (w.currency, w.currency) = (i.currency, NEW.currency)\n                        AND (NEW.amount < 0 OR NEW.amount <= (SELECT coalesce(-sum(amount), 0)\n                                FROM payments_walletmovement\n                                WHERE wallet_id = w.id AND kind IN ('session', 'invoice', 'returned')\n                                AND lot_id IS NULL)\n                            - (SELECT coalesce(sum(amount), 0) FROM payments_allocation WHERE wallet_id = w.id))\n                        AND i.gross + payments_fetched_back(i.id) >= NEW.amount + (SELECT coalesce(sum(amount), 0)\n                            FROM payments_allocation WHERE invoice_id = NEW.invoice_id)\n                        AND 0 <= NEW.amount + (SELECT coalesce(sum(amount), 0) FROM payments_allocation\n                            WHERE wallet_id = NEW.wallet_id AND invoice_id = NEW.invoice_id)\n                    ) THEN\n                        RAISE EXCEPTION 'an allocation exceeds what the wallet paid or what was billed'\n                        USING ERRCODE = 'check_violation';\n                    END IF;\n                    RETURN NEW;\n                ", hash='7d3e0b1bc2589438a2f2f06643130a566aef6cd6', operation='INSERT', pgid='pgtrigger_allocation_within_wallet_and_invoice_79b15', table='payments_allocation', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='fetchedback',
            trigger=pgtrigger.compiler.Trigger(name='fetched_back_within_what_was_paid', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                    PERFORM 1 FROM invoices_invoice WHERE id = NEW.invoice_id FOR UPDATE;\n                    PERFORM 1 FROM payments_payment p JOIN payments_dispute d ON d.payment_id = p.id\n                        WHERE d.id = NEW.dispute_id FOR UPDATE OF p;\n                    IF NOT EXISTS (\n                        WITH refunded AS (\n                            SELECT r.* FROM payments_refund r WHERE r.status IN ('pending', 'succeeded')\n                        ), fetched AS (\n                            SELECT f.*, d.payment_id\n                            FROM payments_fetchedback f JOIN payments_dispute d ON d.id = f.dispute_id\n                        )\n                        SELECT 1 FROM payments_dispute d JOIN payments_payment p ON p.id = d.payment_id\n                        LEFT JOIN invoices_invoice i ON i.id = NEW.invoice_id\n                        WHERE d.id = NEW.dispute_id AND d.status = 'lost' AND p.wallet_id IS NULL\n                        AND d.currency = NEW.currency\n                        AND d.amount - d.beyond >= NEW.amount + (SELECT coalesce(sum(amount), 0) FROM fetched\n                            WHERE dispute_id = d.id)\n                        AND (NEW.invoice_id IS NOT NULL OR p.amount_received - p.amount_returned >= NEW.amount\n                            + (SELECT coalesce(sum(amount), 0) FROM payments_allocation WHERE payment_id = p.id)\n                            + (SELECT coalesce(sum(amount), 0) FROM payments_feeallocation WHERE payment_id = p.id)\n                            + (SELECT coalesce(sum(amount), 0) FROM refunded\n                               WHERE payment_id = p.id AND invoice_id IS NULL)\n                            + (SELECT coalesce(sum(amount), 0) FROM fetched\n                               WHERE payment_id = p.id AND invoice_id IS NULL))\n                        AND (NEW.invoice_id IS NULL OR i.currency = NEW.currency\n                            AND (SELECT coalesce(sum(amount), 0) FROM payments_allocation\n                                 WHERE payment_id = p.id AND invoice_id = i.id)\n                                >= NEW.amount\n                                + (SELECT coalesce(sum(amount), 0) FROM refunded\n                                   WHERE payment_id = p.id AND invoice_id = i.id)\n                                + (SELECT coalesce(sum(amount), 0) FROM fetched\n                                   WHERE payment_id = p.id AND invoice_id = i.id))\n                    ) THEN\n                        RAISE EXCEPTION 'a dispute fetches back more than was paid'\n                        USING ERRCODE = 'check_violation';\n                    END IF;\n                    RETURN NEW;\n                ", hash='3cbbe192b575ffa7ed80035206eeba642a5aeaa6', operation='INSERT', pgid='pgtrigger_fetched_back_within_what_was_paid_a14e0', table='payments_fetchedback', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='writeoff',
            trigger=pgtrigger.compiler.Trigger(name='write_off_within_its_document', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                    PERFORM 1 FROM invoices_invoice WHERE id = NEW.invoice_id FOR UPDATE;\n                    IF NOT EXISTS (\n                        SELECT 1 FROM invoices_invoice i\n                        CROSS JOIN LATERAL (SELECT NEW.amount + coalesce(sum(amount), 0) AS total\n                                            FROM payments_writeoff WHERE invoice_id = i.id) w\n                        WHERE i.id = NEW.invoice_id AND i.status = 'issued' AND i.kind IN ('invoice', 'receipt')\n                        AND i.currency = NEW.currency AND w.total >= 0\n                        AND (NEW.amount < 0 OR i.gross\n                             + (SELECT coalesce(sum(amount), 0) FROM payments_refund\n                                WHERE invoice_id = i.id AND status = 'succeeded')\n                             + payments_fetched_back(i.id)\n                             - (SELECT coalesce(sum(amount), 0) FROM payments_allocation WHERE invoice_id = i.id)\n                             - (SELECT coalesce(sum(-n.gross), 0) FROM invoices_invoice n\n                                WHERE n.credits_id = i.id AND n.kind = 'credit_note' AND n.status = 'issued')\n                             >= w.total)\n                    ) THEN\n                        RAISE EXCEPTION 'a write-off exceeds what its document is open for'\n                        USING ERRCODE = 'check_violation';\n                    END IF;\n                    RETURN NEW;\n                ", hash='1b7d7b55c5a53451d10daf4693301754084e1646', operation='INSERT', pgid='pgtrigger_write_off_within_its_document_d5c1e', table='payments_writeoff', when='BEFORE')),
        ),
        migrations.RunSQL(
            f"DROP VIEW {BOUNDS}; CREATE VIEW {BOUNDS} AS {BOUNDS_AFTER}",
            f"DROP VIEW {BOUNDS}; CREATE VIEW {BOUNDS} AS {BOUNDS_BEFORE}",
        ),
    ]
