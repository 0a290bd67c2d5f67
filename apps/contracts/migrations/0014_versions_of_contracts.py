"""Templates and versions of contracts; an offered contract begins by acceptance alone."""
import django.core.validators
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


I19 = """
CREATE VIEW audit_i19_contracts_are_what_was_accepted AS
SELECT 'contract ' || contract.id AS subject, 'waits for acceptance and has an accepted version' AS problem
FROM contracts_contract contract
WHERE contract.status = 'offered'
  AND EXISTS (SELECT 1 FROM contracts_contractversion v WHERE v.contract_id = contract.id AND v.status = 'accepted')
UNION ALL
SELECT 'contract ' || contract.id, 'began without the acceptance of its first document'
FROM contracts_contract contract
WHERE contract.status <> 'offered'
  AND EXISTS (SELECT 1 FROM contracts_contractversion v WHERE v.contract_id = contract.id AND v.kind = 'original')
  AND NOT EXISTS (SELECT 1 FROM contracts_contractversion v WHERE v.contract_id = contract.id AND v.status = 'accepted')
UNION ALL
SELECT 'version ' || version.id, 'its document is another file than the one that was offered'
FROM contracts_contractversion version
JOIN documents_document document ON document.id = version.document_id
WHERE document.sha256 <> version.document_hash
"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_bank_account'),
        ('contracts', '0013_prepaid_contracts'),
        ('documents', '0004_mail_attachments'),
        ('tariffs', '0002_drafts'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ContractTemplate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='Among yourselves; customers do not see it.', max_length=80)),
                ('language', models.CharField(choices=[('en', 'English'), ('de', 'German')], default='en', max_length=2)),
                ('terms', models.TextField()),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='ContractVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('kind', models.CharField(choices=[('original', 'Contract'), ('amendment', 'Amendment'), ('renewal', 'Renewal'), ('termination', 'Termination')], max_length=11)),
                ('status', models.CharField(choices=[('drafted', 'Drafted'), ('offered', 'Offered'), ('accepted', 'Accepted'), ('withdrawn', 'Withdrawn')], default='drafted', max_length=9)),
                ('first_day', models.DateField()),
                ('end_day', models.DateField(blank=True, null=True)),
                ('renews_months', models.PositiveSmallIntegerField(default=0, validators=[django.core.validators.MaxValueValidator(120)])),
                ('notice_days', models.PositiveSmallIntegerField(default=30, validators=[django.core.validators.MaxValueValidator(730)])),
                ('content', models.JSONField(default=dict)),
                ('document_hash', models.CharField(blank=True, max_length=64)),
                ('made_at', models.DateTimeField()),
                ('offered_at', models.DateTimeField(blank=True, null=True)),
                ('offered_to', models.EmailField(blank=True, max_length=254)),
                ('accepted_at', models.DateTimeField(blank=True, null=True)),
                ('accepted_name', models.CharField(blank=True, max_length=120)),
                ('accepted_address', models.GenericIPAddressField(blank=True, null=True)),
                ('accepted_hash', models.CharField(blank=True, max_length=64)),
                ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['contract', '-number'],
            },
        ),
        migrations.AlterField(
            model_name='contract',
            name='status',
            field=models.CharField(choices=[('offered', 'Offered'), ('active', 'Active'), ('suspended', 'Suspended'), ('ended', 'Ended')], default='active', max_length=10),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='contract',
            trigger=pgtrigger.compiler.Trigger(name='contract_offered_begins_by_acceptance', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."status" = \'offered\' AND NOT (NEW."status" = \'offered\'))', func="\n                    IF NEW.status <> 'active' OR NOT EXISTS (\n                        SELECT 1 FROM contracts_contractversion WHERE contract_id = NEW.id AND status = 'accepted'\n                    ) THEN\n                        RAISE EXCEPTION 'an offered contract begins by acceptance alone'\n                            USING ERRCODE = 'check_violation';\n                    END IF;\n                    RETURN NEW;\n                ", hash='55f68ab3b239b2cce738c89f1fb855e61b8923a9', operation='UPDATE', pgid='pgtrigger_contract_offered_begins_by_acceptance_8ca96', table='contracts_contract', when='BEFORE')),
        ),
        migrations.AddField(
            model_name='contracttemplate',
            name='seller',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.organisation'),
        ),
        migrations.AddField(
            model_name='contractversion',
            name='accepted_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='contractversion',
            name='contract',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='contracts.contract'),
        ),
        migrations.AddField(
            model_name='contractversion',
            name='document',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='documents.document'),
        ),
        migrations.AddField(
            model_name='contractversion',
            name='made_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='contractversion',
            name='offered_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='contractversion',
            name='plan',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='contracts.plan'),
        ),
        migrations.AddField(
            model_name='contractversion',
            name='tariff',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tariffs.tariff'),
        ),
        migrations.AddConstraint(
            model_name='contracttemplate',
            constraint=models.UniqueConstraint(fields=('seller', 'name'), name='template_name_unique_per_seller'),
        ),
        migrations.AddConstraint(
            model_name='contracttemplate',
            constraint=models.CheckConstraint(condition=models.Q(('terms', ''), _negated=True), name='template_has_terms'),
        ),
        migrations.AddConstraint(
            model_name='contractversion',
            constraint=models.UniqueConstraint(fields=('contract', 'number'), name='version_number_once_per_contract'),
        ),
        migrations.AddConstraint(
            model_name='contractversion',
            constraint=models.UniqueConstraint(condition=models.Q(('status__in', ['drafted', 'offered'])), fields=('contract',), name='version_one_open_per_contract'),
        ),
        migrations.AddConstraint(
            model_name='contractversion',
            constraint=models.CheckConstraint(condition=models.Q(('end_day__isnull', True), ('end_day__gt', models.F('first_day')), models.Q(('end_day', models.F('first_day')), ('kind', 'termination')), _connector='OR'), name='version_ends_after_it_begins'),
        ),
        migrations.AddConstraint(
            model_name='contractversion',
            constraint=models.CheckConstraint(condition=models.Q(('first_day__gte', '2000-01-01'), ('first_day__lt', '2200-01-01'), models.Q(('end_day__isnull', True), ('end_day__lt', '2200-01-01'), _connector='OR')), name='version_has_usual_years'),
        ),
        migrations.AddConstraint(
            model_name='contractversion',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('accepted_at__isnull', True), ('offered_at__isnull', True), ('status', 'drafted'), ('withdrawn_at__isnull', True)), models.Q(('accepted_at__isnull', True), ('offered_at__isnull', False), ('status', 'offered'), ('withdrawn_at__isnull', True)), models.Q(('accepted_at__isnull', False), ('status', 'accepted'), ('withdrawn_at__isnull', True), models.Q(('accepted_name', ''), _negated=True)), models.Q(('accepted_at__isnull', True), ('status', 'withdrawn'), ('withdrawn_at__isnull', False)), _connector='OR'), name='version_times_match_its_status'),
        ),
        migrations.AddConstraint(
            model_name='contractversion',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('document__isnull', True), ('document_hash', ''), ('kind__in', ['renewal', 'termination']), ('status', 'accepted')), models.Q(('document__isnull', False), ('document_hash__regex', '^[0-9a-f]{64}$'), ('kind__in', ['original', 'amendment'])), _connector='OR'), name='version_has_its_document'),
        ),
        migrations.AddConstraint(
            model_name='contractversion',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'accepted'), _negated=True), ('accepted_hash', models.F('document_hash')), _connector='OR'), name='version_accepted_is_the_exact_document'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='contractversion',
            trigger=pgtrigger.compiler.Trigger(name='version_frozen', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                IF (TRUE) AND (TG_OP = 'DELETE' OR (to_jsonb(OLD) - 'status' - 'offered_at' - 'offered_to' - 'offered_by_id' - 'accepted_at' - 'accepted_name' - 'accepted_by_id' - 'accepted_address' - 'accepted_hash' - 'withdrawn_at') IS DISTINCT FROM (to_jsonb(NEW) - 'status' - 'offered_at' - 'offered_to' - 'offered_by_id' - 'accepted_at' - 'accepted_name' - 'accepted_by_id' - 'accepted_address' - 'accepted_hash' - 'withdrawn_at')) THEN RAISE EXCEPTION 'versions of contracts are frozen' USING ERRCODE = 'restrict_violation'; END IF;\n                IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n                RETURN NEW;\n            ", hash='aeb60b3b1f669059673a8db44fde3fe016b686a4', operation='UPDATE OR DELETE', pgid='pgtrigger_version_frozen_15205', table='contracts_contractversion', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='contractversion',
            trigger=pgtrigger.compiler.Trigger(name='version_settled_once', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                IF (OLD.status IN ('accepted', 'withdrawn')) AND (TG_OP = 'DELETE' OR (to_jsonb(OLD) - 'accepted_address') IS DISTINCT FROM (to_jsonb(NEW) - 'accepted_address')) THEN RAISE EXCEPTION 'accepted and withdrawn versions are frozen' USING ERRCODE = 'restrict_violation'; END IF;\n                IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n                RETURN NEW;\n            ", hash='5ecb05864cbeac0af0ee3ddaf9d44ef12fda1490', operation='UPDATE OR DELETE', pgid='pgtrigger_version_settled_once_13d71', table='contracts_contractversion', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='contractversion',
            trigger=pgtrigger.compiler.Trigger(name='version_within_one_seller', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                    IF EXISTS (\n                        SELECT 1 FROM contracts_contract c\n                        LEFT JOIN contracts_plan p ON p.id = NEW.plan_id\n                        LEFT JOIN tariffs_tariff t ON t.id = NEW.tariff_id\n                        LEFT JOIN documents_document d ON d.id = NEW.document_id\n                        WHERE c.id = NEW.contract_id AND (\n                            p.seller_id <> c.seller_id OR t.owner_id <> c.seller_id OR d.seller_id <> c.seller_id\n                            OR d.sha256 <> NEW.document_hash\n                        )\n                    ) THEN\n                        RAISE EXCEPTION 'a version names a plan, tariff or document of somebody else'\n                            USING ERRCODE = 'integrity_constraint_violation';\n                    END IF;\n                    RETURN NEW;\n                ", hash='b1ca8e90f63c469ecfeb42a46dd3217887207e42', operation='INSERT', pgid='pgtrigger_version_within_one_seller_f2018', table='contracts_contractversion', when='BEFORE')),
        ),
        migrations.RunSQL(I19, "DROP VIEW audit_i19_contracts_are_what_was_accepted"),
    ]
