"""What must be true when all is quiet: two sets of books, kept by two who heard each other badly, are equal."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from django.db import connection
from django.db.models import Sum

from apps.core.audit import find_violations
from apps.invoices.models import Invoice
from apps.ledger.models import LedgerEntry
from apps.payments.models import PaymentAttempt, PaymentOperation, Refund, StripeEvent, Wallet
from apps.payments.sandbox.control import Control
from apps.payments.selectors import surplus_payment_ids, with_open_amounts
from apps.payments.services.owing import owed_by
from apps.payments.wallets import limit_of, uncharged_records
from tests.histories.town import Town

OVER_NO_WIRE: Final = {"I9", "I10"}
"""Sessions of a history come over no wire and have no frames."""
CLEARING, FEES = "1020", "6000"


def differences(town: Town, control: Control) -> list[str]:
    """Return in words whatever is not as it must be."""
    connection.check_constraints()
    return [
        *(f"audit {v.invariant} {v.subject}: {v.problem}" for v in find_violations(with_remote=True)
          if v.invariant not in OVER_NO_WIRE),
        *_sums(town, _settled(control)),
        *_left_over(control),
        *_documents(town),
        *_drivers(),
        *_wallets(control),
    ]  # fmt: skip


def _settled(control: Control) -> list[dict[str, Any]]:
    """Return what Stripe moved for good: it books a debit before its bank has decided, and we do when it has."""
    pending = {each["id"] for each in control.objects("charge") if each["status"] == "pending"}
    return [each for each in control.objects("balance_transaction") if each["source"] not in pending]


def _sums(town: Town, moved: list[dict[str, Any]]) -> Iterator[str]:
    """Compare what Stripe moved and kept with what the ledger says of it, to the cent."""
    stripes = {
        CLEARING: Decimal(sum(each["net"] for each in moved)) / 100,
        FEES: Decimal(sum(each["fee"] for each in moved)) / 100,
    }
    for code, theirs in stripes.items():
        entries = LedgerEntry.objects.filter(journal__entity=town.site.owner, account__code=code)
        ours = entries.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)
        if ours != theirs:
            yield f"account {code} says {ours}, Stripe {theirs}"


def _left_over(control: Control) -> Iterator[str]:
    """Yield what nobody will come back to."""
    for operation in PaymentOperation.objects.filter(ended_at__isnull=True):
        yield f"{operation} never ended: {operation.status}, {operation.error}"
    for event in StripeEvent.objects.filter(processed_at__isnull=True):
        yield f"{event} was never processed: {event.error}"
    for intent in control.objects("payment_intent"):
        if intent["status"] == "requires_capture":
            yield f"{intent['id']} still holds {intent['amount_capturable']}"
    for refused in control.objects("refund"):
        if not Refund.objects.filter(stripe_id=refused["id"]).exists():
            yield f"{refused['id']} is no refund of ours"


def _documents(town: Town) -> Iterator[str]:
    """Yield what was taken and not given back; what a bank sent back or a person must pay out is known as such."""
    failed = Refund.objects.filter(status="failed")
    waiting = set(failed.values_list("invoice", flat=True)) | set(failed.values_list("payment__invoice", flat=True))
    for document in with_open_amounts(Invoice.objects.filter(seller=town.site.owner, status="issued", credits=None)):
        if document.open_amount < 0 and document.pk not in waiting and not _is_disputed(document):
            yield f"{document}: {-document.open_amount} too much was taken"
    for payment_id in surplus_payment_ids():
        yield f"payment {payment_id} brought more than it settles"


def _is_disputed(document: Invoice) -> bool:
    return bool(document.allocations.filter(payment__disputes__isnull=False).exists())


def _drivers() -> Iterator[str]:
    """Yield attempts that are not over, and captures that differ from their receipt."""
    for attempt in PaymentAttempt.objects.select_related("payment", "receipt"):
        taken = attempt.payment.amount_received.amount
        if attempt.status not in ("captured", "released", "checkout_expired", "payment_failed", "hold_expired",
                                  "capture_failed"):  # fmt: skip
            yield f"{attempt} is left {attempt.status}"
        if attempt.receipt is None and taken:
            yield f"{attempt} took {taken} without a receipt"
        if attempt.receipt is not None and taken > min(attempt.receipt.gross.amount, attempt.hold_amount.amount):
            yield f"{attempt} took {taken} for {attempt.receipt.gross}"


def _wallets(control: Control) -> Iterator[str]:
    """Yield wallets that hold another sum than came in at Stripe less what went back and what was charged."""
    charges = {each["payment_intent"]: each for each in control.objects("charge") if each["status"] == "succeeded"}
    refunds = [each for each in control.objects("refund") if each["status"] in ("pending", "succeeded")]
    disputes = [each for each in control.objects("dispute") if each["status"] == "lost"]
    for wallet in Wallet.objects.select_related("contract"):
        paid = {charges[one.stripe_id]["id"]: charges[one.stripe_id] for one in wallet.top_ups.filter(
            status="succeeded")}  # fmt: skip
        back = sum(each["amount"] for each in [*refunds, *disputes] if each["charge"] in paid)
        stripes = Decimal(sum(each["amount_captured"] for each in paid.values()) - back) / 100
        used = wallet.movements.filter(kind__in=("session", "invoice", "returned", "retaxed"))
        ours = wallet.balance.amount - (used.aggregate(sum=Sum("amount"))["sum"] or 0)
        if ours != stripes:
            yield f"{wallet}: {ours} came in and stayed, Stripe says {stripes}"
        limit = limit_of(wallet)
        if limit.reserved or limit.owed != owed_by(wallet.contract_id):
            yield f"{wallet}: {limit.reserved} are reserved, {limit.owed} owed of {owed_by(wallet.contract_id)}"
        drawn = wallet.movements.filter(amount__lt=0).exclude(kind__in=("taken", "retaxed"))
        if drawn.filter(balance__lt=-limit.amount).exists():
            yield f"{wallet} was taken below its bound"
    for record in uncharged_records():
        yield f"{record} is not paid by its wallet"
