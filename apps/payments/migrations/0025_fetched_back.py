"""What a lost dispute took of money that was to be given back; I3 compares it with the books, I11 looks after the rest."""

from importlib import import_module

import apps.core.constraints
import django.db.models.deletion
import djmoney.models.fields
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

_LETTERS = import_module("apps.payments.migrations.0021_reminder_letters")
BOUNDS, SURPLUS = _LETTERS.BOUNDS, _LETTERS.SURPLUS
BEFORE = {name: _LETTERS.VIEWS[name] for name in (BOUNDS, SURPLUS)}
_FETCHED = """FROM payments_fetchedback f JOIN payments_dispute d ON d.id = f.dispute_id
                          WHERE d.payment_id = p.id AND f.invoice_id IS NULL)"""
AFTER = {
    BOUNDS: _LETTERS._changed(
        BEFORE[BOUNDS],
        (
            "          AND NOT EXISTS (SELECT 1 FROM payments_feeallocation f WHERE f.payment_id = p.id)\n",
            f"""          AND NOT EXISTS (SELECT 1 FROM payments_feeallocation f WHERE f.payment_id = p.id)
          AND NOT EXISTS (SELECT 1 {_FETCHED}
""",
        ),
    ),
    SURPLUS: _LETTERS._changed(
        BEFORE[SURPLUS],
        (
            "AND p.amount_received - p.amount_returned > (SELECT",
            f"AND p.amount_received - p.amount_returned > (SELECT coalesce(sum(f.amount), 0) {_FETCHED} + (SELECT",
        ),
    ),
}

FETCHED = "audit_i3_fetched_back_is_what_is_posted"
FETCHED_QUERY = """
    SELECT 'dispute ' || id AS subject,
           'fetched ' || fetched || ' back and debits the customer ' || posted AS problem
    FROM (
        SELECT d.id,
               coalesce((SELECT sum(f.amount) FROM payments_fetchedback f WHERE f.dispute_id = d.id), 0) AS fetched,
               coalesce((SELECT sum(e.amount) FROM ledger_journal j
                         JOIN ledger_ledgerentry e ON e.journal_id = j.id
                         JOIN ledger_account k ON k.id = e.account_id
                         WHERE j.entity_id = p.seller_id AND k.code = '1200' AND e.currency = d.currency
                           AND j.key = 'dispute:' || d.id || ':lost'), 0) AS posted
        FROM payments_dispute d JOIN payments_payment p ON p.id = d.payment_id
        WHERE p.wallet_id IS NULL
    ) lost
    WHERE fetched <> posted
"""


class Migration(migrations.Migration):

    dependencies = [
        ("ledger", "0001_initial"),
        ('invoices', '0023_lines_written_together'),
        ('payments', '0024_audit_opening_items'),
    ]

    operations = [
        migrations.CreateModel(
            name='FetchedBack',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('currency', models.CharField(max_length=3)),
                ('amount', djmoney.models.fields.MoneyField(currency_field_name='currency', decimal_places=6, max_digits=20)),
                ('fetched_at', models.DateTimeField()),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='allocation',
            name='allocation_within_payment_and_invoice',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='allocation',
            trigger=pgtrigger.compiler.Trigger(name='allocation_within_payment_and_invoice', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."payment_id" IS NOT NULL)', func="\n                    PERFORM 1 FROM invoices_invoice WHERE id = NEW.invoice_id FOR UPDATE;\n                    PERFORM 1 FROM payments_payment WHERE id = NEW.payment_id FOR UPDATE;\n                    IF NOT EXISTS (\n                        SELECT 1 FROM payments_payment p JOIN invoices_invoice i ON i.id = NEW.invoice_id\n                        LEFT JOIN payments_paymentattempt t ON t.id = p.attempt_id\n                        WHERE p.id = NEW.payment_id AND i.status = 'issued'\n                        AND (p.invoice_id = i.id OR i.kind = 'invoice' AND p.customer_id = i.customer_id\n                             OR i.kind = 'top_up' AND p.wallet_id IS NOT NULL AND p.customer_id = i.customer_id\n                             OR i.id = t.receipt_id OR i.replaces_id IN (t.receipt_id, p.invoice_id))\n                        AND (p.seller_id, p.currency) = (i.seller_id, i.currency)\n                        AND p.currency = NEW.currency\n                        AND p.amount_received >= NEW.amount + (SELECT coalesce(sum(amount), 0)\n                            FROM payments_allocation WHERE payment_id = NEW.payment_id)\n                            + (SELECT coalesce(sum(amount), 0)\n                               FROM payments_feeallocation WHERE payment_id = NEW.payment_id)\n                            + (SELECT coalesce(sum(f.amount), 0)\n                               FROM payments_fetchedback f JOIN payments_dispute d ON d.id = f.dispute_id\n                               WHERE d.payment_id = NEW.payment_id AND f.invoice_id IS NULL)\n                        AND i.gross >= NEW.amount + (SELECT coalesce(sum(amount), 0)\n                            FROM payments_allocation WHERE invoice_id = NEW.invoice_id)\n                        AND 0 <= NEW.amount + (SELECT coalesce(sum(amount), 0) FROM payments_allocation\n                            WHERE payment_id = NEW.payment_id AND invoice_id = NEW.invoice_id)\n                    ) THEN\n                        RAISE EXCEPTION 'an allocation exceeds what was received or billed, or joins strangers'\n                        USING ERRCODE = 'check_violation';\n                    END IF;\n                    RETURN NEW;\n                ", hash='5389de1ac43909b60f5f1fa93d631888a39bbf8e', operation='INSERT', pgid='pgtrigger_allocation_within_payment_and_invoice_f5ebc', table='payments_allocation', when='BEFORE')),
        ),
        migrations.AddField(
            model_name='fetchedback',
            name='dispute',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='fetched_back', to='payments.dispute'),
        ),
        migrations.AddField(
            model_name='fetchedback',
            name='invoice',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='invoices.invoice'),
        ),
        migrations.AddConstraint(
            model_name='fetchedback',
            constraint=models.UniqueConstraint(fields=('dispute', 'invoice'), name='fetched_back_once_of_each_document', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='fetchedback',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='fetched_back_amount_is_positive'),
        ),
        migrations.AddConstraint(
            model_name='fetchedback',
            constraint=models.CheckConstraint(condition=models.Q(('amount', models.Func(models.F('amount'), apps.core.constraints.MinorUnit(models.F('currency')), function='round')), ('amount__isnull', True), _connector='OR'), name='fetched_back_amount_is_rounded'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='fetchedback',
            trigger=pgtrigger.compiler.Trigger(name='fetched_back_append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'amounts that were fetched back are never changed or deleted' USING ERRCODE = 'restrict_violation';", hash='2fcfd70e66369c29c56ff514cf7d05e3f2777866', operation='UPDATE OR DELETE', pgid='pgtrigger_fetched_back_append_only_9bf19', table='payments_fetchedback', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='fetchedback',
            trigger=pgtrigger.compiler.Trigger(name='fetched_back_within_what_was_to_be_given_back', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                    PERFORM 1 FROM invoices_invoice WHERE id = NEW.invoice_id FOR UPDATE;\n                    PERFORM 1 FROM payments_payment p JOIN payments_dispute d ON d.payment_id = p.id\n                        WHERE d.id = NEW.dispute_id FOR UPDATE OF p;\n                    IF NOT EXISTS (\n                        WITH refunded AS (\n                            SELECT r.* FROM payments_refund r JOIN payments_dispute d ON d.id = NEW.dispute_id\n                            WHERE r.status IN ('pending', 'succeeded')\n                            OR r.status = 'requested' AND r.payment_id <> d.payment_id\n                        ), fetched AS (\n                            SELECT f.*, d.payment_id\n                            FROM payments_fetchedback f JOIN payments_dispute d ON d.id = f.dispute_id\n                        )\n                        SELECT 1 FROM payments_dispute d JOIN payments_payment p ON p.id = d.payment_id\n                        LEFT JOIN invoices_invoice i ON i.id = NEW.invoice_id\n                        WHERE d.id = NEW.dispute_id AND d.status = 'lost' AND p.wallet_id IS NULL\n                        AND d.currency = NEW.currency\n                        AND d.amount - d.beyond >= NEW.amount + (SELECT coalesce(sum(amount), 0) FROM fetched\n                            WHERE dispute_id = d.id)\n                        AND (NEW.invoice_id IS NOT NULL OR p.amount_received - p.amount_returned >= NEW.amount\n                            + (SELECT coalesce(sum(amount), 0) FROM payments_allocation WHERE payment_id = p.id)\n                            + (SELECT coalesce(sum(amount), 0) FROM payments_feeallocation WHERE payment_id = p.id)\n                            + (SELECT coalesce(sum(amount), 0) FROM refunded\n                               WHERE payment_id = p.id AND invoice_id IS NULL)\n                            + (SELECT coalesce(sum(amount), 0) FROM fetched\n                               WHERE payment_id = p.id AND invoice_id IS NULL))\n                        AND (NEW.invoice_id IS NULL OR i.currency = NEW.currency\n                            AND (SELECT coalesce(sum(amount), 0) FROM payments_allocation\n                                 WHERE payment_id = p.id AND invoice_id = i.id)\n                                >= NEW.amount + (SELECT coalesce(sum(amount), 0) FROM fetched\n                                                 WHERE payment_id = p.id AND invoice_id = i.id)\n                            AND (SELECT coalesce(sum(amount), 0) FROM payments_allocation WHERE invoice_id = i.id)\n                                + (SELECT coalesce(sum(abs(n.gross)), 0) FROM invoices_invoice n\n                                   WHERE n.credits_id = i.id AND n.kind = 'credit_note' AND n.status = 'issued')\n                                + (SELECT coalesce(sum(amount), 0) FROM payments_writeoff WHERE invoice_id = i.id)\n                                >= i.gross + NEW.amount\n                                + (SELECT coalesce(sum(amount), 0) FROM refunded WHERE invoice_id = i.id)\n                                + (SELECT coalesce(sum(amount), 0) FROM fetched WHERE invoice_id = i.id))\n                    ) THEN\n                        RAISE EXCEPTION 'a dispute fetches back more than was to be given back'\n                        USING ERRCODE = 'check_violation';\n                    END IF;\n                    RETURN NEW;\n                ", hash='3ddee2afe7ab268c83976c3611d9a734ff3f354c', operation='INSERT', pgid='pgtrigger_fetched_back_within_what_was_to_be_given_back_ea441', table='payments_fetchedback', when='BEFORE')),
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='feeallocation',
            name='fee_allocation_within_fee_and_money',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='feeallocation',
            trigger=pgtrigger.compiler.Trigger(name='fee_allocation_within_fee_and_money', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                    PERFORM 1 FROM payments_dunningstep WHERE id = NEW.step_id FOR UPDATE;\n                    PERFORM 1 FROM payments_bankreceipt WHERE id = NEW.bank_receipt_id FOR UPDATE;\n                    PERFORM 1 FROM payments_payment WHERE id = NEW.payment_id FOR UPDATE;\n                    IF NOT EXISTS (\n                        SELECT 1 FROM payments_dunningstep s JOIN invoices_invoice i ON i.id = s.invoice_id\n                        LEFT JOIN payments_bankreceipt r ON r.id = NEW.bank_receipt_id\n                        LEFT JOIN payments_payment p ON p.id = NEW.payment_id\n                        WHERE s.id = NEW.step_id AND s.currency = NEW.currency\n                        AND NOT EXISTS (SELECT 1 FROM payments_feewaiver WHERE step_id = s.id)\n                        AND s.fee >= NEW.amount\n                            + (SELECT coalesce(sum(amount), 0) FROM payments_feeallocation WHERE step_id = s.id)\n                        AND (r.currency = NEW.currency AND r.seller_id = i.seller_id AND r.customer_id = i.customer_id\n                             AND r.amount >= NEW.amount + payments_receipt_used(r.id)\n                             OR p.kind = 'link' AND p.invoice_id = i.id AND p.currency = NEW.currency\n                             AND p.amount_received >= NEW.amount\n                                + (SELECT coalesce(sum(amount), 0) FROM payments_feeallocation WHERE payment_id = p.id)\n                                + (SELECT coalesce(sum(amount), 0) FROM payments_allocation WHERE payment_id = p.id)\n                                + (SELECT coalesce(sum(amount), 0) FROM payments_refund\n                                   WHERE payment_id = p.id AND invoice_id IS NULL AND status <> 'failed')\n                                + (SELECT coalesce(sum(f.amount), 0)\n                                   FROM payments_fetchedback f JOIN payments_dispute d ON d.id = f.dispute_id\n                                   WHERE d.payment_id = p.id AND f.invoice_id IS NULL))\n                    ) THEN\n                        RAISE EXCEPTION 'an allocation to a fee exceeds the fee or the money, or joins strangers'\n                        USING ERRCODE = 'check_violation';\n                    END IF;\n                    RETURN NEW;\n                ", hash='63de689f3c8e1925b5830d7745220015fa7fa184', operation='INSERT', pgid='pgtrigger_fee_allocation_within_fee_and_money_3be30', table='payments_feeallocation', when='BEFORE')),
        ),
        *(
            migrations.RunSQL(
                f"DROP VIEW {name}; CREATE VIEW {name} AS {query}",
                f"DROP VIEW {name}; CREATE VIEW {name} AS {BEFORE[name]}",
            )
            for name, query in AFTER.items()
        ),
        migrations.RunSQL(f"CREATE VIEW {FETCHED} AS {FETCHED_QUERY}", f"DROP VIEW {FETCHED}"),
    ]
