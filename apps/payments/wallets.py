"""Reading prepaid wallets: what they paid for, what of that settles documents, and what can go back to which card."""

from decimal import Decimal
from typing import Any, Final

from django.db.models import Exists, F, OuterRef, QuerySet, Sum

from apps.contracts.models import Contract, SpendingLimit
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import Invoice, InvoiceLine, PrepaidRecord
from apps.payments.credit import sum_of
from apps.payments.domain.disputes import MONEY_AWAY, UNDECIDED
from apps.payments.domain.status import PaymentStatus, RefundStatus
from apps.payments.domain.wallets import ZERO, Refundable
from apps.payments.models import Allocation, Dispute, Payment, Refund, Wallet, WalletMovement, WalletOffer
from apps.payments.selectors import under_collection, with_open_amounts
from apps.sessions.domain.status import SessionStatus
from apps.sessions.explanation import current_revisions
from apps.sessions.models import Cdr

Kind = WalletMovement.Kind
PAID_FOR: Final = (Kind.SESSION, Kind.INVOICE, Kind.RETURNED)
"""What a wallet paid for sessions and on invoices; the rest is money that came in or went back."""


def wallet_of(contract_id: int) -> Wallet | None:
    """Return the wallet from which a contract's sessions are paid; None: it is billed otherwise."""
    found: Wallet | None = (
        Wallet.objects.select_related("contract__customer", "contract__seller")
        .filter(contract=contract_id, contract__collects_on=Contract.CollectsOn.WALLET)
        .first()
    )
    return found


def limit_of(wallet: Wallet) -> SpendingLimit:
    """Return the spending limit that says how far a wallet goes below zero and what its sessions have reserved."""
    limit: SpendingLimit = SpendingLimit.objects.get(contract=wallet.contract_id)
    return limit


def offer_of(wallet: Wallet) -> WalletOffer | None:
    """Return what the seller offers whoever tops the wallet up; None: nothing any more, or in another currency."""
    offer: WalletOffer | None = WalletOffer.objects.filter(
        seller=wallet.contract.seller_id, currency=wallet.currency
    ).first()
    return offer


def paid_by(wallet: Wallet) -> Decimal:
    """Return what a wallet paid for sessions and on invoices that state their VAT."""
    return -_sum(wallet.movements.filter(kind__in=PAID_FOR, lot__isnull=True))


def untaxed_in(wallet: Wallet) -> Decimal:
    """Return what of a wallet's balance is not of taxed top-ups; below zero where they pay for what is invoiced."""
    return _sum(wallet.movements.filter(lot__isnull=True))


def unallocated(wallet: Wallet) -> Decimal:
    """Return what a wallet paid that settles no document yet; below zero where a correction came before its papers."""
    return paid_by(wallet) - _sum(Allocation.objects.filter(wallet=wallet))


def earmarked(wallet: Wallet) -> Decimal:
    """Return what a wallet paid for sessions whose current charge record is on no issued invoice yet."""
    billed = InvoiceLine.objects.filter(
        cdr__in=current_revisions(Cdr.objects.filter(session=OuterRef("cdr__session"))).values("pk"),
        invoice__status=InvoiceStatus.ISSUED,
    )
    paid = wallet.movements.filter(kind=Kind.SESSION, lot__isnull=True)
    return -_sum(paid.exclude(Exists(billed)))


def charged_for(wallet: Wallet, session_id: int) -> Decimal:
    """Return what a wallet paid for one session so far, whatever top-ups it came from."""
    return -_sum(wallet.movements.filter(kind=Kind.SESSION, cdr__session=session_id))


def uncharged_in(wallet: Wallet) -> Decimal:
    """Return what sessions that have their price cost and nobody has taken out of the wallet yet."""
    records = uncharged_records().filter(session__contract=wallet.contract_id, currency=wallet.currency)
    dues = (record.gross.amount - charged_for(wallet, record.session_id) for record in records)
    return sum((due for due in dues if due > 0), ZERO)


def disputed_in(wallet: Wallet) -> Decimal:
    """Return what banks have taken back of a wallet's top-ups and nobody knows yet for good or not."""
    rows = Dispute.objects.filter(payment__wallet=wallet, status__in=[status.value for status in UNDECIDED])
    return Decimal(rows.aggregate(sum=Sum(F("amount") - F("beyond")))["sum"] or 0)


def _sum(rows: QuerySet[Any]) -> Decimal:
    return Decimal(rows.aggregate(sum=Sum("amount"))["sum"] or 0)


def uncharged_records() -> QuerySet[Any]:
    """Return the current charge records of prepaid contracts about which their wallet has not decided, oldest first."""
    records = current_revisions(Cdr.objects.filter(purpose=Cdr.Purpose.RETAIL))
    return records.filter(
        ~Exists(PrepaidRecord.objects.filter(cdr=OuterRef("pk"))),
        Exists(Wallet.objects.filter(contract=OuterRef("session__contract"))),
        session__contract__collects_on=Contract.CollectsOn.WALLET,
        session__status=SessionStatus.SETTLED,
    ).order_by("ended_at", "pk")


def documents_to_settle(contract_id: int) -> QuerySet[Any]:
    """Return a contract's invoices that are open for something, or were settled beyond it, oldest first."""
    issued = Invoice.objects.filter(contract=contract_id, kind=Invoice.Kind.INVOICE, status=InvoiceStatus.ISSUED)
    return with_open_amounts(issued.exclude(under_collection())).exclude(open_amount=0).order_by("pk")


def wallets_to_settle() -> list[int]:
    """Return the wallets of which an invoice is open that they could pay, or was settled beyond what it is for."""
    issued = Invoice.objects.filter(
        contract__collects_on=Contract.CollectsOn.WALLET, kind=Invoice.Kind.INVOICE, status=InvoiceStatus.ISSUED
    )
    rows = with_open_amounts(issued.exclude(under_collection())).exclude(open_amount=0)
    wallets = Wallet.objects.filter(contract__in=rows.values("contract")).order_by("pk").select_related("contract")
    limits = dict(SpendingLimit.objects.filter(is_prepaid=True).values_list("contract", "amount"))
    overpaid = set(rows.filter(open_amount__lt=0).values_list("contract", flat=True))
    return [
        wallet.pk
        for wallet in wallets
        if wallet.contract_id in overpaid or wallet.balance.amount + limits.get(wallet.contract_id, 0) > 0
    ]


def refundable_top_ups(wallet: Wallet) -> list[Refundable]:
    """Return the top-ups of which something can go back to their card, the newest first.

    Nothing of one whose bank has, or may take, the money by a dispute.
    """
    paid = Payment.objects.filter(wallet=wallet, status=PaymentStatus.SUCCEEDED)
    paid = paid.exclude(disputes__status__in=[status.value for status in MONEY_AWAY])
    kept = Refund.objects.exclude(status=RefundStatus.FAILED)
    with_given = paid.annotate(given=sum_of(kept, by="payment")).order_by("-succeeded_at", "-pk")
    found = (Refundable(payment.pk, payment.amount_received.amount - payment.given) for payment in with_given)
    return [top_up for top_up in found if top_up.left > 0]


def movements_shown(wallet: Wallet) -> QuerySet[Any]:
    """Return what moved for the customer: where VAT alone moves from a top-up to an invoice, nothing does."""
    return wallet.movements.exclude(kind=Kind.RETAXED)


def is_topped_up(wallet: Wallet) -> bool:
    """Tell whether a payment into a wallet is under way whose end is not known; an open page is none."""
    return Payment.objects.filter(wallet=wallet, status=PaymentStatus.PROCESSING).exists()


def contract_of_wallet(wallet_id: int) -> int:
    """Return the contract that a wallet pays for."""
    contract_id: int = Wallet.objects.values_list("contract_id", flat=True).get(pk=wallet_id)
    return contract_id


def low_since(wallet: Wallet) -> int:
    """Return the last top-up of a wallet (0: none): what is told of the balance after it is told once."""
    last: int | None = wallet.movements.filter(kind=Kind.TOP_UP).order_by("-pk").values_list("pk", flat=True).first()
    return last or 0
