"""What is open of each document becomes a row beside it, added up anew by whatever counts (``models.balances``)."""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

SUMS = """
    CREATE VIEW payments_document_sums AS
    SELECT i.id AS invoice_id, a.amount AS allocated, c.amount AS credited, r.amount + f.amount AS given_back,
           w.amount AS written_off,
           i.gross - a.amount - c.amount + r.amount + f.amount - w.amount AS open_amount
    FROM invoices_invoice i
    CROSS JOIN LATERAL (SELECT coalesce(sum(amount), 0) AS amount FROM payments_allocation WHERE invoice_id = i.id) a
    CROSS JOIN LATERAL (SELECT coalesce(sum(-gross), 0) AS amount FROM invoices_invoice
                        WHERE credits_id = i.id AND kind = 'credit_note' AND status = 'issued') c
    CROSS JOIN LATERAL (SELECT coalesce(sum(amount), 0) AS amount FROM payments_refund
                        WHERE invoice_id = i.id AND status = 'succeeded') r
    CROSS JOIN LATERAL (SELECT coalesce(sum(amount), 0) AS amount FROM payments_fetchedback WHERE invoice_id = i.id) f
    CROSS JOIN LATERAL (SELECT coalesce(sum(amount), 0) AS amount FROM payments_writeoff WHERE invoice_id = i.id) w
    WHERE i.status = 'issued' AND i.kind <> 'credit_note'
"""
# Rows are locked in one order before anything is read: whoever waited here adds up what the other wrote too.
RESTATE = """
    CREATE FUNCTION payments_restate(documents bigint[]) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM 1 FROM payments_documentbalance WHERE invoice_id = ANY (documents)
            ORDER BY invoice_id FOR NO KEY UPDATE;
        INSERT INTO payments_documentbalance
            (invoice_id, allocated, credited, given_back, written_off, open_amount)
        SELECT invoice_id, allocated, credited, given_back, written_off, open_amount
        FROM payments_document_sums WHERE invoice_id = ANY (documents)
        ON CONFLICT (invoice_id) DO UPDATE SET
            (allocated, credited, given_back, written_off, open_amount) =
            (EXCLUDED.allocated, EXCLUDED.credited, EXCLUDED.given_back, EXCLUDED.written_off, EXCLUDED.open_amount);
    END $$
"""
FILL = "SELECT payments_restate(ARRAY(SELECT invoice_id FROM payments_document_sums))"
# Documents are the lower app's, which knows nothing of this one: their triggers are written here.
ISSUED = """
    CREATE FUNCTION payments_restate_issued() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM payments_restate(ARRAY(
            SELECT CASE kind WHEN 'credit_note' THEN credits_id ELSE id END FROM issued WHERE status = 'issued'));
        RETURN NULL;
    END $$;
    CREATE TRIGGER payments_restate_issued AFTER UPDATE ON invoices_invoice REFERENCING NEW TABLE AS issued
        FOR EACH STATEMENT EXECUTE FUNCTION payments_restate_issued();
    CREATE TRIGGER payments_restate_written_as_issued AFTER INSERT ON invoices_invoice REFERENCING NEW TABLE AS issued
        FOR EACH STATEMENT EXECUTE FUNCTION payments_restate_issued()
"""
NOT_ISSUED = """
    DROP TRIGGER payments_restate_written_as_issued ON invoices_invoice;
    DROP TRIGGER payments_restate_issued ON invoices_invoice;
    DROP FUNCTION payments_restate_issued()
"""
AUDIT = "audit_i3_what_is_open_is_added_up"
AUDIT_QUERY = """
    SELECT 'document ' || coalesce(s.invoice_id, b.invoice_id) AS subject,
           coalesce(b.open_amount::text, 'nothing') || ' is kept as open, and it adds up to '
           || coalesce(s.open_amount::text, 'nothing') AS problem
    FROM payments_document_sums s FULL JOIN payments_documentbalance b ON b.invoice_id = s.invoice_id
    WHERE (b.allocated, b.credited, b.given_back, b.written_off, b.open_amount)
        IS DISTINCT FROM (s.allocated, s.credited, s.given_back, s.written_off, s.open_amount)
"""


class Migration(migrations.Migration):

    dependencies = [
        ('invoices', '0031_charges_taken_back'),
        ('payments', '0027_second_person_everywhere'),
    ]

    operations = [
        migrations.CreateModel(
            name='DocumentBalance',
            fields=[
                ('invoice', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='+', related_query_name='balance', serialize=False, to='invoices.invoice')),
                ('allocated', models.DecimalField(decimal_places=6, max_digits=20)),
                ('credited', models.DecimalField(decimal_places=6, max_digits=20)),
                ('given_back', models.DecimalField(decimal_places=6, max_digits=20)),
                ('written_off', models.DecimalField(decimal_places=6, max_digits=20)),
                ('open_amount', models.DecimalField(decimal_places=6, max_digits=20)),
            ],
        ),
        migrations.AddIndex(
            model_name='documentbalance',
            index=models.Index(condition=models.Q(('open_amount', 0), _negated=True), fields=['invoice'], include=('open_amount',), name='document_not_settled'),
        ),
        migrations.RunSQL(SUMS, "DROP VIEW payments_document_sums"),
        migrations.RunSQL(RESTATE, "DROP FUNCTION payments_restate(bigint[])"),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        # A table with checks that wait for the commit cannot be altered: they are made at once.
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", "SET CONSTRAINTS ALL IMMEDIATE"),
        migrations.RunSQL(ISSUED, NOT_ISSUED),
        migrations.RunSQL(f"CREATE VIEW {AUDIT} AS {AUDIT_QUERY}", f"DROP VIEW {AUDIT}"),
        pgtrigger.migrations.AddTrigger(
            model_name='allocation',
            trigger=pgtrigger.compiler.Trigger(name='allocation_restates_its_document', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n            PERFORM payments_restate(ARRAY(SELECT invoice_id FROM added WHERE invoice_id IS NOT NULL));\n            RETURN NULL;\n        ', hash='04fd2f9ae8cab6e19efbd4405226f7b6fc29718e', level='STATEMENT', operation='INSERT', pgid='pgtrigger_allocation_restates_its_document_78f00', referencing='REFERENCING NEW TABLE AS added ', table='payments_allocation', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='fetchedback',
            trigger=pgtrigger.compiler.Trigger(name='fetched_back_restates_its_document', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n            PERFORM payments_restate(ARRAY(SELECT invoice_id FROM added WHERE invoice_id IS NOT NULL));\n            RETURN NULL;\n        ', hash='7e58a0134d390292e810a14df67104782cbcab88', level='STATEMENT', operation='INSERT', pgid='pgtrigger_fetched_back_restates_its_document_d0aed', referencing='REFERENCING NEW TABLE AS added ', table='payments_fetchedback', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='refund',
            trigger=pgtrigger.compiler.Trigger(name='refund_restates_its_document', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n            PERFORM payments_restate(ARRAY(SELECT invoice_id FROM added WHERE invoice_id IS NOT NULL));\n            RETURN NULL;\n        ', hash='d9680600a24848d009c56a4a72a66cb95e774d8d', level='STATEMENT', operation='INSERT', pgid='pgtrigger_refund_restates_its_document_e2804', referencing='REFERENCING NEW TABLE AS added ', table='payments_refund', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='refund',
            trigger=pgtrigger.compiler.Trigger(name='refund_that_moves_restates_its_document', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                    PERFORM payments_restate(ARRAY(\n                        SELECT became.invoice_id FROM became JOIN was USING (id)\n                        WHERE became.invoice_id IS NOT NULL AND 'succeeded' IN (was.status, became.status)));\n                    RETURN NULL;\n                ", hash='94769b4fb08aeae24cc24c4b5e22c058933fb6f2', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_refund_that_moves_restates_its_document_30917', referencing='REFERENCING OLD TABLE AS was  NEW TABLE AS became ', table='payments_refund', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='writeoff',
            trigger=pgtrigger.compiler.Trigger(name='write_off_restates_its_document', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n            PERFORM payments_restate(ARRAY(SELECT invoice_id FROM added WHERE invoice_id IS NOT NULL));\n            RETURN NULL;\n        ', hash='71c91f5d3ba09d2de5d758ee69bc997bb54ac980', level='STATEMENT', operation='INSERT', pgid='pgtrigger_write_off_restates_its_document_703a5', referencing='REFERENCING NEW TABLE AS added ', table='payments_writeoff', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='documentbalance',
            trigger=pgtrigger.compiler.Trigger(name='document_balance_is_added_up', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (pg_trigger_depth() = 0)', func="\n                    RAISE EXCEPTION 'what is open of a document is added up, never written by hand'\n                        USING ERRCODE = 'restrict_violation';\n                ", hash='94f8a414bfc8371863b7a80bb27bf33ff300ec4d', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_document_balance_is_added_up_2695e', table='payments_documentbalance', when='BEFORE')),
        ),
    ]
