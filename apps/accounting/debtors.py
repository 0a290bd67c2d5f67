"""Reading whose each posting on the receivable is, and under which number the accountant knows them."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.db.models import CharField, F, Func, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from apps.accounting.domain.debtors import as_told, in_digits
from apps.accounting.domain.exports.datev_debtors import DebtorMaster
from apps.accounting.models import DebtorAccount
from apps.accounts.models import Organisation
from apps.contracts.models import Customer
from apps.invoices.models import Invoice
from apps.ledger.domain.chart import CHART, Role
from apps.ledger.models import Chart, LedgerEntry
from apps.ledger.selectors import chart_on
from apps.payments.models import BankReceipt, Dispute, DunningStep, OpeningItem, Payment, Refund, Wallet, WriteOff

_SHORTEST: Final = 4
"""Digits of an account where no chart was chosen."""
_PATHS: Final[Mapping[str, tuple[Any, str]]] = {
    "invoice": (Invoice, "customer"),
    "payment": (Payment, "customer"),
    "refund": (Refund, "payment__customer"),
    "dispute": (Dispute, "payment__customer"),
    "bank_receipt": (BankReceipt, "customer"),
    "write_off": (WriteOff, "invoice__customer"),
    "reminder": (DunningStep, "invoice__customer"),
    "opening_item": (OpeningItem, "customer"),
    "wallet": (Wallet, "contract__customer"),
}
"""What posts to the receivable, by the first word of its journals' keys, and the way to its customer."""


def customers_of(keys: Iterable[str]) -> dict[str, int]:
    """Return whose each journal is, by key; one that is nobody's, or a driver's, is missing."""
    asked: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for key in keys:
        word, _, rest = key.partition(":")
        number = rest.partition(":")[0]
        if word in _PATHS and number.isdecimal():
            asked[word][int(number)].append(key)
    found: dict[str, int] = {}
    for word, wanted in asked.items():
        for pk, customer_id in _customers(word, wanted):
            found.update(dict.fromkeys(wanted[pk], customer_id))
    return found


def receivable_by_customer(entity: Organisation, on: date) -> dict[tuple[str, int | None], Decimal]:
    """Return what stands on the receivable at the end of a day, by currency and customer; None: nobody's, drivers'."""
    word, number = (
        Func(F("journal__key"), Value(":"), Value(at), function="split_part", output_field=CharField()) for at in (1, 2)
    )
    entries = LedgerEntry.objects.filter(
        journal__entity=entity, journal__posted_on__lte=on, account__code=CHART[Role.RECEIVABLE].code
    )
    rows = entries.annotate(word=word, what=number).order_by().values("currency", "word", "what")
    sums = {
        (row["currency"], f"{row['word']}:{row['what']}"): row["sum"]
        for row in rows.annotate(sum=Sum("amount"))
        if row["sum"]
    }
    owners = customers_of(key for _, key in sums)
    found: dict[tuple[str, int | None], Decimal] = defaultdict(Decimal)
    for (currency, key), amount in sums.items():
        found[currency, owners.get(key)] += amount
    return dict(found)


class Debtor(NamedTuple):
    """A customer as a file tells their personal account."""

    number: str
    name: str


def debtors_of(keys: Iterable[str], *, seller: Organisation, on: date) -> dict[str, Debtor]:
    """Return whose personal account the receivable of each journal is, by key; drivers' journals are missing.

    :raises BadDebtor: a number does not fit the chart of that day
    """
    owners = customers_of(keys)
    length = account_length_on(seller.pk, on)
    accounts = DebtorAccount.objects.filter(seller=seller, customer__in=set(owners.values())).select_related("customer")
    told = {row.customer_id: Debtor(as_told(row.number, account_length=length), row.customer.name) for row in accounts}
    return {key: told[customer_id] for key, customer_id in owners.items()}


def masters_on(seller: Organisation, day: date, *, customers: Iterable[int]) -> list[DebtorMaster]:
    """Return what a file of a day tells of those customers who have a debtor account."""
    length = account_length_on(seller.pk, day)
    accounts = DebtorAccount.objects.filter(seller=seller, customer__in=list(customers)).select_related("customer")
    return [
        DebtorMaster(
            account=in_digits(row.number, account_length=length),
            number=row.customer.number,
            name=row.customer.name,
            is_company=row.customer.kind != Customer.Kind.PRIVATE,
            street=row.customer.street,
            postcode=row.customer.postcode,
            city=row.customer.city,
            country=row.customer.country.code,
            vat_id=row.customer.vat_id,
            email=row.customer.email,
        )
        for row in accounts
    ]


def account_length_on(entity_id: int, day: date) -> int:
    """Return how many digits the chart's accounts have on a day."""
    chart = chart_on(entity_id=entity_id, day=day)
    return chart.account_length if chart else _SHORTEST


def with_account_lengths(accounts: QuerySet[Any], day: date) -> QuerySet[Any]:
    """Annotate debtor accounts with ``account_length``: how many digits the accounts of their seller's chart have."""
    charts = Chart.objects.filter(entity=OuterRef("seller"), valid_from__lte=day).order_by("-valid_from", "-pk")
    return accounts.annotate(account_length=Coalesce(Subquery(charts.values("account_length")[:1]), _SHORTEST))


def numbers_on(seller: Organisation, day: date) -> dict[int, str]:
    """Return the number of each customer who has one, as a file of that day tells it, by customer."""
    length = account_length_on(seller.pk, day)
    rows = DebtorAccount.objects.filter(seller=seller).values_list("customer", "number")
    return {customer_id: in_digits(number, account_length=length) for customer_id, number in rows}


def _customers(word: str, pks: Iterable[int]) -> Iterable[tuple[int, int]]:
    model, path = _PATHS[word]
    rows: Callable[..., Any] = model.objects.filter(pk__in=list(pks), **{f"{path}__isnull": False}).values_list
    return rows("pk", path)  # type: ignore[no-any-return]
