"""What a journal tells of, found by its natural key: the document, whose it is, and where it is shown."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from apps.accounting.models import OwnerPayout, Payout, Statement
from apps.contracts.models import Customer
from apps.invoices.models import Invoice
from apps.invoices.services.deferring import documents_of_fees
from apps.payments.models import (
    BankReceipt,
    Dispute,
    DunningStep,
    OpeningItem,
    Payment,
    Refund,
    Transfer,
    Wallet,
    WriteOff,
)

_SHOWN: Final = 36


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """document: its number, or what names it otherwise · party: whose it is, by name; blank: nobody's, or a driver's.

    customer_number, due_date  of an invoice's customer; blank and None elsewhere
    target  (kind, key) of the page that shows it
    """

    document: str = ""
    party: str = ""
    customer_number: str = ""
    due_date: date | None = None
    target: tuple[str, str] | None = None


def sources_of(keys: Iterable[str]) -> Mapping[str, Source]:
    """Return what each journal tells of; one that nothing is known of is an empty ``Source``. A query for each kind."""
    asked: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    found: dict[str, Source] = {}
    for key in keys:
        found[key] = Source()
        word, _, rest = key.partition(":")
        number = rest.partition(":")[0]
        if word in _READERS and number.isdecimal():
            asked[word][int(number)].append(key)
    for word, wanted in asked.items():
        for pk, source in _READERS[word](list(wanted)).items():
            found.update(dict.fromkeys(wanted[pk], source))
    return found


def _invoices(pks: list[int]) -> dict[int, Source]:
    rows = Invoice.objects.select_related("customer", "buyer").filter(pk__in=pks)
    return {row.pk: of_document(row) for row in rows}


def of_document(row: Invoice) -> Source:
    """Return a document as a source."""
    party = row.customer.name if row.customer else (row.buyer.name if row.buyer else row.buyer_party.get("name", ""))
    return Source(
        document=row.number,
        party=party,
        customer_number=_number(row.customer),
        due_date=row.due_date if row.kind == Invoice.Kind.INVOICE else None,
        target=("document", str(row.uid)),
    )


def _number(customer: Customer | None) -> str:
    return customer.number if customer else ""


def _deferred_fees(pks: list[int]) -> dict[int, Source]:
    return {pk: of_document(invoice) for pk, invoice in documents_of_fees(pks).items()}


def _payments(pks: list[int]) -> dict[int, Source]:
    return {row.pk: _of_payment(row) for row in _with_documents(Payment.objects.filter(pk__in=pks), "")}


def _with_documents(rows: Any, path: str) -> Any:
    return rows.select_related(*(path + name for name in ("customer", "invoice", "attempt__receipt")))


def _of_payment(row: Payment, target: tuple[str, str] | None = None) -> Source:
    document = row.invoice or (row.attempt.receipt if row.attempt else None)
    return Source(
        document=document.number if document else "",
        party=row.customer.name if row.customer else "",
        customer_number=_number(row.customer),
        target=target or ("payment", str(row.pk)),
    )


def _refunds(pks: list[int]) -> dict[int, Source]:
    rows = _with_documents(Refund.objects.filter(pk__in=pks).select_related("payment"), "payment__")
    return {row.pk: _of_payment(row.payment) for row in rows}


def _disputes(pks: list[int]) -> dict[int, Source]:
    rows = _with_documents(Dispute.objects.filter(pk__in=pks).select_related("payment"), "payment__")
    return {row.pk: _of_payment(row.payment, ("dispute", str(row.pk))) for row in rows}


def _transfers(pks: list[int]) -> dict[int, Source]:
    rows = _with_documents(Transfer.objects.filter(pk__in=pks).select_related("payment"), "payment__")
    return {row.pk: _of_payment(row.payment, ("transfer", str(row.pk))) for row in rows}


def _receipts(pks: list[int]) -> dict[int, Source]:
    rows = BankReceipt.objects.filter(pk__in=pks).select_related("customer")
    return {
        row.pk: Source(
            document=f"BANK-{row.pk}",
            party=row.customer.name if row.customer else row.payer,
            customer_number=_number(row.customer),
            target=("bank_receipt", str(row.pk)),
        )
        for row in rows
    }


def _write_offs(pks: list[int]) -> dict[int, Source]:
    rows = WriteOff.objects.filter(pk__in=pks).select_related("invoice__customer", "invoice__buyer")
    return {row.pk: of_document(row.invoice) for row in rows}


def _reminders(pks: list[int]) -> dict[int, Source]:
    rows = DunningStep.objects.filter(pk__in=pks).select_related("invoice__customer", "invoice__buyer")
    return {row.pk: of_document(row.invoice) for row in rows}


def _opening_items(pks: list[int]) -> dict[int, Source]:
    rows = OpeningItem.objects.filter(pk__in=pks).select_related("customer")
    return {
        row.pk: Source(
            document=row.number,
            party=row.customer.name,
            customer_number=row.customer.number,
            due_date=row.due_date,
            target=("opening_item", str(row.pk)),
        )
        for row in rows
    }


def _payouts(pks: list[int]) -> dict[int, Source]:
    rows = Payout.objects.filter(pk__in=pks)
    return {row.pk: Source(document=row.stripe_id[:_SHOWN], target=("payout", str(row.pk))) for row in rows}


def _statements(pks: list[int]) -> dict[int, Source]:
    rows = Statement.objects.filter(pk__in=pks).select_related("fee_invoice", "agreement__owner")
    return {
        row.pk: Source(
            document=row.fee_invoice.number if row.fee_invoice else f"STATEMENT-{row.pk}",
            party=row.agreement.owner.name,
            target=("statement", str(row.pk)),
        )
        for row in rows
    }


def _wallets(pks: list[int]) -> dict[int, Source]:
    rows = Wallet.objects.filter(pk__in=pks).select_related("contract__customer")
    return {
        row.pk: Source(
            document=row.contract.number,
            party=row.contract.customer.name,
            customer_number=row.contract.customer.number,
            target=("wallet", str(row.pk)),
        )
        for row in rows
    }


def _owner_payouts(pks: list[int]) -> dict[int, Source]:
    rows = OwnerPayout.objects.filter(pk__in=pks).select_related("owner")
    return {
        row.pk: Source(document=f"PAYOUT-{row.pk}", party=row.owner.name, target=("owner_payout", str(row.pk)))
        for row in rows
    }


_READERS: Final[Mapping[str, Callable[[list[int]], dict[int, Source]]]] = {
    "invoice": _invoices,
    "deferred_fee": _deferred_fees,
    "payment": _payments,
    "refund": _refunds,
    "dispute": _disputes,
    "transfer": _transfers,
    "bank_receipt": _receipts,
    "write_off": _write_offs,
    "reminder": _reminders,
    "opening_item": _opening_items,
    "wallet": _wallets,
    "payout": _payouts,
    "statement": _statements,
    "owner_payout": _owner_payouts,
}
