"""Cost centres, and what a card says of who carries it, how long, and whether it charges free."""

import datetime
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


I13 = """
CREATE VIEW audit_i13_cards_stay_with_their_customer AS
SELECT 'id token ' || token.id AS subject, 'its cost centre belongs to another customer' AS problem
FROM contracts_idtoken token
JOIN contracts_contract contract ON contract.id = token.contract_id
JOIN contracts_costcentre centre ON centre.id = token.cost_centre_id
WHERE centre.customer_id <> contract.customer_id
UNION ALL
SELECT 'id token ' || token.id, 'it replaces a card that is not retired'
FROM contracts_idtoken token
JOIN contracts_idtoken before ON before.id = token.replaces_id
WHERE before.status <> 'retired'
"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_bank_account'),
        ('contracts', '0011_e_invoicing'),
    ]

    operations = [
        migrations.CreateModel(
            name='CostCentre',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(help_text="As the customer's books call it, for example 4711.", max_length=20)),
                ('name', models.CharField(blank=True, max_length=60)),
                ('buyer_reference', models.CharField(blank=True, help_text="Who or what the customer's accounting looks for (BT-10).", max_length=60)),
                ('purchase_order', models.CharField(blank=True, help_text="The customer's own order (BT-13).", max_length=60)),
            ],
            options={
                'ordering': ['code'],
            },
        ),
        migrations.AddField(
            model_name='idtoken',
            name='driver',
            field=models.CharField(blank=True, help_text='Who carries the card.', max_length=120),
        ),
        migrations.AddField(
            model_name='idtoken',
            name='free_reason',
            field=models.CharField(blank=True, help_text='For example: Staff. Its sessions are recorded and cost nothing. Empty: they are billed.', max_length=80, verbose_name='charges free, because'),
        ),
        migrations.AddField(
            model_name='idtoken',
            name='replaces',
            field=models.OneToOneField(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='replaced_by', to='contracts.idtoken'),
        ),
        migrations.AddField(
            model_name='idtoken',
            name='valid_from',
            field=models.DateTimeField(blank=True, help_text='Empty: since the contract began.', null=True),
        ),
        migrations.AddField(
            model_name='idtoken',
            name='valid_to',
            field=models.DateTimeField(blank=True, help_text="Of a guest's card: from then on it starts no charge. Empty: no end.", null=True),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='idtoken',
            trigger=pgtrigger.compiler.Trigger(name='token_names_what_is_its_customers', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                    IF EXISTS (\n                        SELECT 1 FROM contracts_vehicle v, contracts_contract c\n                        WHERE v.id = NEW.vehicle_id AND c.id = NEW.contract_id AND v.customer_id <> c.customer_id\n                    ) OR EXISTS (\n                        SELECT 1 FROM contracts_costcentre k, contracts_contract c\n                        WHERE k.id = NEW.cost_centre_id AND c.id = NEW.contract_id AND k.customer_id <> c.customer_id\n                    ) OR EXISTS (\n                        SELECT 1 FROM contracts_idtoken t WHERE t.id = NEW.replaces_id AND t.seller_id <> NEW.seller_id\n                    ) THEN\n                        RAISE EXCEPTION 'a card names a vehicle, cost centre or card of somebody else'\n                            USING ERRCODE = 'integrity_constraint_violation';\n                    END IF;\n                    RETURN NEW;\n                ", hash='13646669c0c2bcc612e91db0f8a3b4de7602e33d', operation='INSERT OR UPDATE', pgid='pgtrigger_token_names_what_is_its_customers_33d48', table='contracts_idtoken', when='BEFORE')),
        ),
        migrations.AddField(
            model_name='costcentre',
            name='customer',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='cost_centres', to='contracts.customer'),
        ),
        migrations.AddField(
            model_name='idtoken',
            name='cost_centre',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='tokens', to='contracts.costcentre'),
        ),
        migrations.AddConstraint(
            model_name='idtoken',
            constraint=models.CheckConstraint(condition=models.Q(('valid_from__isnull', True), ('valid_to__isnull', True), ('valid_to__gt', models.F('valid_from')), _connector='OR'), name='token_ends_after_start'),
        ),
        migrations.AddConstraint(
            model_name='idtoken',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(models.Q(('valid_from__gte', datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)), ('valid_from__lt', datetime.datetime(2200, 1, 1, 0, 0, tzinfo=datetime.timezone.utc))), ('valid_from__isnull', True), _connector='OR'), models.Q(models.Q(('valid_to__gte', datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)), ('valid_to__lt', datetime.datetime(2200, 1, 1, 0, 0, tzinfo=datetime.timezone.utc))), ('valid_to__isnull', True), _connector='OR')), name='token_has_usual_years'),
        ),
        migrations.AddConstraint(
            model_name='costcentre',
            constraint=models.UniqueConstraint(fields=('customer', 'code'), name='cost_centre_code_unique_per_customer'),
        ),
        migrations.AddConstraint(
            model_name='costcentre',
            constraint=models.CheckConstraint(condition=models.Q(('code', ''), _negated=True), name='cost_centre_has_a_code'),
        ),
        migrations.RunSQL(I13, "DROP VIEW audit_i13_cards_stay_with_their_customer"),
    ]
