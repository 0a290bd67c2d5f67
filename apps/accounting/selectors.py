"""What our rows and our ledger say of Stripe's balance transactions, and what is still to be worked off."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.conf import settings
from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from apps.accounting.domain.differences import Sort, Told, sort_of
from apps.accounting.models import BalanceEntry, Discrepancy, Payout
from apps.accounts.models import Organisation
from apps.ledger.domain.chart import CHART, Role
from apps.ledger.models import Journal, LedgerEntry
from apps.payments.domain.status import OPEN_PAYMENT, OperationKind, PaymentStatus
from apps.payments.models import Dispute, Payment, PaymentOperation, Refund, Transfer

CLEARING: Final = CHART[Role.STRIPE_CLEARING].code
_WEBHOOK: Final = "Its webhook is missing or not processed yet; the hourly look will bring it."
_ON_A_PAGE: Final = "Paid, it seems, on a page open here for this amount; its webhook is missing. Look in an hour."
_NOT_OURS: Final = "Book it by hand, or say who did it and why."
_ASKED_FOR: Final = (OperationKind.CAPTURE_INTENT, OperationKind.CONFIRM_INTENT)


class OwnerUnknown(Exception):
    """Several sellers take money through the Stripe account and no setting says whose it is; the message says how."""


def account_owner() -> Organisation | None:
    """Return whose the Stripe account is: the setting's, else the only one's who takes payments, platform or seller.

    None before the first payment.

    :raises OwnerUnknown: see there
    """
    if settings.STRIPE_ACCOUNT_OWNER:
        found = Organisation.objects.filter(pk=settings.STRIPE_ACCOUNT_OWNER).first()
        if found is None:
            raise OwnerUnknown("STRIPE_ACCOUNT_OWNER names no organisation: set it to the id of one.")
        return found
    takers = Payment.objects.order_by().values(taker=Coalesce("collector", "seller"))
    found = list(Organisation.objects.filter(pk__in=takers).order_by("pk")[:2])
    if len(found) > 1:
        raise OwnerUnknown("Several take payments: set STRIPE_ACCOUNT_OWNER to whose the Stripe account is.")
    return found[0] if found else None


def first_pull_from(owner: Organisation) -> datetime | None:
    """Return since when Stripe's books can tell of payments of ours; None before there are any."""
    first: datetime | None = Payment.objects.aggregate(first=Min("created_at"))["first"]
    return None if first is None else first - timedelta(days=1)


def told_of(owner: Organisation, entries: Sequence[BalanceEntry]) -> dict[int, Told]:
    """Return what our rows say of each entry's source, by the entry's pk, in eight queries however many there are."""
    sources = {entry.source for entry in entries}
    payments = _payments(entries)
    refunds = {row.stripe_id: row for row in Refund.objects.filter(stripe_id__in=sources)}
    disputes = {row.stripe_id: row for row in Dispute.objects.filter(stripe_id__in=sources)}
    payouts = {row.stripe_id: row for row in Payout.objects.filter(stripe_id__in=sources)}
    transfers = {row.stripe_id: row for row in Transfer.objects.filter(stripe_id__in=sources)}
    asked = set(
        PaymentOperation.objects.filter(
            payment__in=[row.pk for row in payments.values()], kind__in=_ASKED_FOR
        ).values_list("payment_id", flat=True)
    )
    pages = _open_pages(owner)
    told: dict[int, Told] = {}
    for entry in entries:
        match sort_of(entry.kind, source=entry.source):
            case Sort.PAYMENT if entry.pk not in payments and (entry.currency, entry.amount.amount) in pages:
                told[entry.pk] = Told(why=_ON_A_PAGE)
            case Sort.PAYMENT:
                told[entry.pk] = _payment_told(owner, payments.get(entry.pk), asked=asked)
            case Sort.REFUND | Sort.REFUND_FAILED as sort:
                word = "paid" if sort == Sort.REFUND else "failed"
                told[entry.pk] = _refund_told(refunds.get(entry.source), payments.get(entry.pk), word=word)
            case Sort.DISPUTE:
                is_withdrawn = entry.amount.amount < 0
                told[entry.pk] = _dispute_told(
                    disputes.get(entry.source), payments.get(entry.pk), is_withdrawn=is_withdrawn
                )
            case Sort.PAYOUT | Sort.PAYOUT_FAILED as sort:
                word = "sent" if sort == Sort.PAYOUT else "failed"
                told[entry.pk] = _payout_told(payouts.get(entry.source), word=word)
            case Sort.FEE:
                told[entry.pk] = Told(journal_key=f"stripe_fee:{entry.stripe_id}", name="a fee of Stripe's")
            case Sort.TRANSFER:
                told[entry.pk] = _transfer_told(transfers.get(entry.source))
            case Sort.OTHER:
                told[entry.pk] = Told(why=f"No rule books a {entry.kind}: book it by hand.")
    return told


def _payments(entries: Sequence[BalanceEntry]) -> dict[int, Payment]:
    """Return each entry's payment, found by its intent, charge or balance transaction."""
    ids = [value for entry in entries for value in (entry.intent, entry.source, entry.stripe_id) if value]
    found = Payment.objects.filter(Q(stripe_id__in=ids) | Q(latest_charge__in=ids) | Q(balance_transaction__in=ids))
    by_id: dict[str, Payment] = {}
    for payment in found:
        known = (payment.stripe_id or "", payment.latest_charge, payment.balance_transaction)
        by_id |= dict.fromkeys((value for value in known if value), payment)
    pairs = ((entry.pk, [entry.intent, entry.source, entry.stripe_id]) for entry in entries)
    return {pk: by_id[value] for pk, values in pairs for value in values if value in by_id}


def _open_pages(owner: Organisation) -> set[tuple[str, Decimal]]:
    """Return (currency, amount) of each hosted page that was not seen paid: its intent is known when it was."""
    waiting = Payment.objects.filter(
        Q(collector=owner) | Q(collector=None, seller=owner),
        stripe_id=None,
        page_id__isnull=False,
        status__in=[status.value for status in OPEN_PAYMENT],
    )
    return set(waiting.values_list("currency", "amount"))


def _payment_told(owner: Organisation, payment: Payment | None, *, asked: set[int]) -> Told:
    if payment is None:
        return Told(why=f"Charged at Stripe without Wattledger. {_NOT_OURS}")
    # A link or a top-up is paid on its page, where nobody but the payer asks for the money.
    is_asked = payment.pk in asked or payment.kind in (Payment.Kind.LINK, Payment.Kind.TOP_UP)
    if (payment.collector_id or payment.seller_id) != owner.pk:
        why = "Booked for another seller than the owner of the Stripe account: settle it with them."
    elif payment.status == PaymentStatus.SUCCEEDED:
        why = "The amount was changed at Stripe, or Stripe's fee was corrected later."
    elif is_asked:
        why = _WEBHOOK
    else:
        why = "Captured or charged at Stripe, not by Wattledger; the next look takes it over."
    return Told(
        journal_key=f"payment:{payment.pk}:received",
        fee_key=f"payment:{payment.pk}:fee",
        name=f"{payment} ({payment.status})",
        why=why,
    )


def _about(payment: Payment | None) -> str:
    """Name the payment that something unknown is about, for the person who looks into it."""
    return str(payment) if payment else ""


def _refund_told(refund: Refund | None, payment: Payment | None, *, word: str) -> Told:
    if refund is None:
        return Told(about=_about(payment), why="Refunded at Stripe, not here, and no webhook told of it yet.")
    return Told(journal_key=f"refund:{refund.pk}:{word}", name=f"{refund} ({refund.status})", why=_WEBHOOK)


def _dispute_told(dispute: Dispute | None, payment: Payment | None, *, is_withdrawn: bool) -> Told:
    if payment is not None and payment.returned_at is not None and is_withdrawn:
        # A debit that its bank took back: a dispute to Stripe, a return to us.
        return Told(
            journal_key=f"payment:{payment.pk}:returned",
            fee_key=f"payment:{payment.pk}:return_fee",
            name=f"{payment} (returned)",
            why=_WEBHOOK,
        )
    if dispute is None:
        return Told(about=_about(payment), why="A dispute no webhook told of; the sweep of disputes will bring it.")
    words = ("withdrawn", "fee") if is_withdrawn else ("reinstated", "reinstated_fee")
    keys = [f"dispute:{dispute.pk}:{word}" for word in words]
    return Told(journal_key=keys[0], fee_key=keys[1], name=f"{dispute} ({dispute.status})", why=_WEBHOOK)


def _payout_told(payout: Payout | None, *, word: str) -> Told:
    if payout is None:
        return Told(why="A payout that was not read; the next pull will bring it.")
    return Told(journal_key=f"payout:{payout.pk}:{word}", name=f"{payout} ({payout.status})", why=_WEBHOOK)


def _transfer_told(transfer: Transfer | None) -> Told:
    if transfer is None:
        return Told(why=f"Transferred at Stripe, not here. {_NOT_OURS}")
    return Told(journal_key=f"transfer:{transfer.pk}:made", name=f"{transfer} ({transfer.status})", why=_WEBHOOK)


def clearing_of(owner: Organisation, keys: Iterable[str]) -> dict[str, dict[str, Decimal]]:
    """Return per journal key what it changes on the clearing account, by currency; a journal without entries counts."""
    keys = set(keys)
    posted: dict[str, dict[str, Decimal]] = {
        key: {} for key in Journal.objects.filter(entity=owner, key__in=keys).values_list("key", flat=True)
    }
    rows = (
        LedgerEntry.objects.filter(journal__entity=owner, journal__key__in=keys, account__code=CLEARING)
        .order_by()
        .values("journal__key", "currency")
        .annotate(sum=Sum("amount"))
    )
    for row in rows:
        posted[row["journal__key"]][row["currency"]] = row["sum"]
    return posted


def unknown_to_stripe(owner: Organisation, *, since: datetime | None, until: datetime) -> QuerySet[Any]:
    """Return the journals that move clearing and no balance transaction stands for, posted in [since, until)."""
    matched = BalanceEntry.objects.filter(seller=owner).filter(
        Q(journal_key=OuterRef("key")) | Q(fee_key=OuterRef("key"))
    )
    moving = LedgerEntry.objects.filter(journal=OuterRef("pk"), account__code=CLEARING)
    journals = Journal.objects.filter(Exists(moving), ~Exists(matched), entity=owner, created_at__lt=until)
    return (journals.filter(created_at__gte=since) if since else journals).order_by("pk")


def unmatched_entries(owner: Organisation) -> QuerySet[Any]:
    return BalanceEntry.objects.filter(seller=owner, journal_key="").order_by("created_at", "pk")


def open_discrepancies() -> QuerySet[Any]:
    return Discrepancy.objects.filter(resolved_at__isnull=True)


def with_part_counts(payouts: QuerySet[Any]) -> QuerySet[Any]:
    """Annotate ``part_count``: of how many parts a payout consists; its own entry is no part."""
    parts = BalanceEntry.objects.filter(payout=OuterRef("pk")).exclude(source=OuterRef("stripe_id")).order_by()
    counted = parts.values("payout").annotate(count=Count("pk")).values("count")
    return payouts.annotate(part_count=Coalesce(Subquery(counted), 0))


def totals_by_kind(payout: Payout) -> list[Mapping[str, Any]]:
    """Return count, amount, fee and net of a payout's parts by kind; the payout's own entry is no part."""
    parts = payout.entries.exclude(source=payout.stripe_id).order_by("kind").values("kind")
    return list(parts.annotate(amount=Sum("amount"), fee=Sum("fee"), net=Sum("net"), count=Count("pk")))
