"""Rows by the hundred thousand in every list of a large owner: copies of one tenant's, written by the database itself.

For measuring alone: what is copied is alike but for what must differ, and no document hashes to what it says. Keys of
parents are taken in turn, so that every invoice has lines and every station has frames.
"""

from typing import Any, Final

from django.apps import apps
from django.db import connection, models, transaction

from apps.accounts.models import Organisation, TaxRegistration
from apps.contracts.models import TariffAssignment
from bench.measure import say
from config.demo.volume import OWNER
from tests.integration.tenants import make_tenant

NAME: Final = "Copied"
# Rows beside 1,000,000 sessions; parents before their children. Of five invoices one is open.
MANY: Final = {
    "contracts.Customer": 20_000,
    "contracts.Contract": 20_000,
    "contracts.ContractVersion": 20_000,
    "contracts.SpendingLimit": 20_000,
    "contracts.Vehicle": 50_000,
    "contracts.CostCentre": 20_000,
    "contracts.IdToken": 50_000,
    "stations.StationCommand": 200_000,
    "stations.MeterKey": 10_000,
    "ocpp.Frame": 2_000_000,
    "ocpp.StationEvent": 300_000,
    "charging_sessions.StartGrant": 300_000,
    "charging_sessions.Reservation": 50_000,
    "charging_sessions.WaitingStop": 2_000,
    "charging_sessions.BudgetAlert": 20_000,
    "invoices.Invoice": 30_000,
    "invoices.InvoiceLine": 90_000,
    "invoices.BillingHold": 2_000,
    "documents.Document": 300_000,
    "documents.Mail": 300_000,
    "documents.WebhookDelivery": 300_000,
    "ledger.Journal": 600_000,
    "ledger.LedgerEntry": 1_500_000,
    "payments.PaymentAttempt": 300_000,
    "payments.Payment": 300_000,
    "payments.PaymentOperation": 600_000,
    "payments.StripeEvent": 600_000,
    "payments.SavedMethod": 20_000,
    "payments.BankReceipt": 50_000,
    "payments.Allocation": 50_000,
    "payments.BankRepayment": 2_000,
    "payments.DunningStep": 50_000,
    "payments.WriteOff": 2_000,
    "payments.Dispute": 2_000,
    "payments.RefundRequest": 2_000,
    "payments.OpeningItem": 20_000,
    "payments.ChargeSearch": 20_000,
    "payments.Transfer": 100_000,
    "accounting.BankStatementRow": 100_000,
    "accounting.Payout": 2_000,
    "accounting.BalanceEntry": 600_000,
    "accounting.Discrepancy": 2_000,
    "accounting.DebtorAccount": 20_000,
    "accounts.SignIn": 20_000,
}
_SEEDED: Final = (
    "charging_sessions.ChargingSession",
    "charging_sessions.Cdr",
    "stations.ChargingStation",
    "stations.Evse",
)
"""Parents of which there are many already."""
_SPREAD_MINUTES: Final = 400_000
"""Copies lie up to so long before what they are copied from."""


def copy_rows(*, sessions: int) -> dict[str, int]:
    """Give the large owner one row of everything a tenant can have, then copies in proportion; return how many."""
    owner = Organisation.objects.get(name=OWNER)
    with transaction.atomic(), connection.cursor() as cursor:
        # A million sessions were written a moment ago: until it has counted, the planner takes their tables for empty.
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("ANALYZE")
        _take_over(make_tenant(NAME).owner, owner)
    written = {}
    for label, count in MANY.items():
        model = apps.get_model(label)
        with transaction.atomic(), connection.cursor() as cursor:
            # Keys are right by construction, and frozen rows are written as they were.
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute("SET LOCAL statement_timeout = 0")
            # The planner knows nothing of the rows just written and would look through all of them for each.
            cursor.execute("SET LOCAL enable_nestloop = off")
            cursor.execute(_copy_sql(model), [max(count * sessions // 1_000_000, 10)])
            written[label] = cursor.rowcount
        say(f"pages: {written[label]} of {label}")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("SET LOCAL statement_timeout = 0")
        for statement in (_OWN_ACCOUNTS_ALONE, _MOST_ARE_PAID, _RESTATE):
            cursor.execute(statement)
    return written


# Journals and entries are dealt in turn, so that an entry of one entity may come to a journal of another.
_OWN_ACCOUNTS_ALONE: Final = """
    DELETE FROM ledger_ledgerentry e USING ledger_journal j, ledger_account a
    WHERE j.id = e.journal_id AND a.id = e.account_id AND a.entity_id <> j.entity_id
"""
# Copies of one card that was refused would all be refused; of fifty collections one is.
_MOST_ARE_PAID: Final = """
    UPDATE payments_payment SET status = 'succeeded', amount_received = amount, succeeded_at = created_at,
        failure_code = '', failure_message = ''
    WHERE kind = 'collection' AND status = 'requires_payment_method' AND id % 50 <> 0
"""
_RESTATE: Final = "SELECT payments_restate(ARRAY(SELECT invoice_id FROM payments_document_sums))"


def _take_over(tenant: Organisation, owner: Organisation) -> None:
    """Make all that is the tenant's the owner's."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for own in (
            TaxRegistration.objects.filter(organisation=tenant),
            TariffAssignment.objects.filter(seller=tenant),
        ):
            own._raw_delete(using=connection.alias)
        for model in apps.get_models():
            for field in model._meta.local_concrete_fields:
                if field.related_model is Organisation:
                    model._base_manager.filter(**{field.name: tenant}).update(**{field.name: owner})


def _copy_sql(model: type[models.Model]) -> str:
    """Return the statement that copies a model's rows in turn, as often as its parameter says."""
    fields = [field for field in model._meta.local_concrete_fields if not isinstance(field, models.AutoField)]
    keys = [field for field in fields if field.is_relation and field.related_model._meta.label in {*MANY, *_SEEDED}]
    named = ", ".join(_quoted(field) for field in fields)
    values = ", ".join(_value(field, is_key=field in keys, is_unique=field in _unique(model)) for field in fields)
    joins = "".join(
        f" LEFT JOIN {_numbered(parent, _pk(parent))} p_{field.column} ON p_{field.column}.i = {_turn(parent)}"
        for field in keys
        if (parent := field.related_model)
    )
    return f"""
        INSERT INTO {model._meta.db_table} ({named}) SELECT {values} FROM generate_series(1, %s) n
        JOIN {_numbered(model, "*")} t ON t.i = {_turn(model)} {joins} ON CONFLICT DO NOTHING
    """


def _numbered(model: type[models.Model], columns: str) -> str:
    return f"(SELECT row_number() OVER (ORDER BY {_pk(model)}) - 1 AS i, {columns} FROM {model._meta.db_table})"


def _turn(model: type[models.Model]) -> str:
    # A query of its own, asked once: with the count in the rows that are joined nothing could be hashed.
    return f"n %% (SELECT count(*) FROM {model._meta.db_table})"


def _value(field: Any, *, is_key: bool, is_unique: bool) -> str:
    """Return the SQL of a column of copy ``n`` of ``t``: another key, another name, an earlier day, or the same."""
    was = f"t.{_quoted(field)}"
    if field.name == "organisation" and field.null:
        # A copied customer is nobody's in the portal: the fleet that signs in there is one.
        return "NULL"
    if is_key:
        return f"CASE WHEN {was} IS NULL THEN NULL ELSE p_{field.column}.{_pk(field.related_model)} END"
    minutes = f"(n * 7919::bigint %% {_SPREAD_MINUTES})"
    if isinstance(field, models.DateTimeField):
        return f"{was} - make_interval(mins => {minutes}::int)"
    if isinstance(field, models.DateField) and not is_unique:
        return f"{was} - ({minutes} / 1440)::int"
    if isinstance(field, models.UUIDField):
        return "gen_random_uuid()"
    if not is_unique or field.is_relation or field.choices or (field.max_length or 99) < 12:
        return was
    if isinstance(field, models.CharField | models.TextField):
        kept = f"left({was}, {field.max_length - 8})" if field.max_length else was
        return f"CASE WHEN {was} = '' THEN '' ELSE {kept} || n END"
    if isinstance(field, models.IntegerField) and not isinstance(field, models.PositiveSmallIntegerField):
        return f"{was} + n"
    return was


def _unique(model: type[models.Model]) -> set[Any]:
    """Return the fields that no two rows may share, alone or with others."""
    rules = [rule.fields for rule in model._meta.constraints if isinstance(rule, models.UniqueConstraint)]
    names = {name for fields in (*rules, *model._meta.unique_together) for name in fields}
    return {field for field in model._meta.local_concrete_fields if field.unique or field.name in names}


def _pk(model: type[models.Model]) -> str:
    return _quoted(model._meta.pk)


def _quoted(field: Any) -> str:
    return connection.ops.quote_name(field.column)
