"""Which cost centre a session counts for, and why a grant is free."""

import django.db.models.deletion
from django.db import migrations, models


I13 = """
CREATE VIEW audit_i13_sessions_name_their_customers_cost_centres AS
SELECT 'session ' || session.id AS subject, 'its cost centre belongs to another customer' AS problem
FROM charging_sessions_chargingsession session
LEFT JOIN contracts_contract contract ON contract.id = session.contract_id
JOIN contracts_costcentre centre ON centre.id = session.cost_centre_id
WHERE centre.customer_id IS DISTINCT FROM contract.customer_id
"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_bank_account'),
        ('charging_sessions', '0013_audit_spending'),
        ('contracts', '0012_cards_of_people'),
        ('stations', '0008_plug_first'),
        ('tariffs', '0002_drafts'),
    ]

    operations = [
        migrations.AddField(
            model_name='chargingsession',
            name='cost_centre',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='contracts.costcentre'),
        ),
        migrations.AddField(
            model_name='startgrant',
            name='free_reason',
            field=models.CharField(blank=True, max_length=80),
        ),
        migrations.AddConstraint(
            model_name='startgrant',
            constraint=models.CheckConstraint(condition=models.Q(('free_reason', ''), models.Q(('discount_percent', 100), ('discount_percent__isnull', False)), _connector='OR'), name='grant_for_free_takes_off_everything'),
        ),
        migrations.RunSQL(I13, "DROP VIEW audit_i13_sessions_name_their_customers_cost_centres"),
    ]
