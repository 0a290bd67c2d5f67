"""Let a prepaid wallet settle its contract's invoices, whatever order news of them comes in.

The wallet paid for each session when it had its price. An invoice over those sessions is settled by that money; what it
says beyond (a base fee, a cent of rounding) is paid on top; what it was credited goes back into the wallet.
"""

from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Sum

from apps.core.bells import ring_on_commit
from apps.invoices.models import Invoice
from apps.payments.domain.wallets import ZERO, payable
from apps.payments.models import Allocation, Wallet
from apps.payments.selectors import open_amount
from apps.payments.services.owing import state_owed
from apps.payments.services.voucher_credits import move_vat
from apps.payments.services.wallet_letters import tell_when_low
from apps.payments.services.wallets import lock_wallet, move
from apps.payments.wallets import Kind, documents_to_settle, earmarked, limit_of, unallocated, wallet_of


def settle_from_wallet(*, contract_id: int, at: datetime) -> None:
    """Settle what is open of a prepaid contract's invoices, take back what was settled beyond them.

    What invoices tax is not paid by money whose VAT was paid at its top-up: that VAT is credited. Harmless when
    repeated, or for a contract without a wallet; documents that a card is paying are left alone.
    """
    _settle_documents(contract_id, at=at)
    move_vat(contract_id=contract_id, at=at)


@transaction.atomic
def _settle_documents(contract_id: int, *, at: datetime) -> None:
    found = wallet_of(contract_id)
    if found is None:
        return
    ids = list(documents_to_settle(contract_id).values_list("pk", flat=True))
    documents = list(Invoice.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
    wallet = lock_wallet(found.pk)
    for document in documents:
        _take_back(wallet, document, at=at)
    free = unallocated(wallet) - earmarked(wallet)
    for document in documents:
        free -= _settle(wallet, document, free=max(free, ZERO), at=at)
    if free > 0:
        latest = wallet.movements.values_list("pk", flat=True)[0]
        move(wallet, kind=Kind.RETURNED, key=f"returned:after:{latest}", amount=free, at=at)
    state_owed(contract_id=contract_id, at=at)
    tell_when_low(wallet, at=at)


def _take_back(wallet: Wallet, document: Invoice, *, at: datetime) -> None:
    """Let go what the wallet settled of a locked document beyond what it is for."""
    surplus = -open_amount(document)
    if surplus <= 0:
        return
    settled = wallet.allocations.filter(invoice=document).aggregate(sum=Sum("amount"))["sum"] or ZERO
    _allocate(wallet, document, -min(surplus, settled), at=at)


def _settle(wallet: Wallet, document: Invoice, *, free: Decimal, at: datetime) -> Decimal:
    """Settle a locked document from what the wallet paid already, then from what is in it; return the former."""
    left = open_amount(document)
    if left <= 0:
        return ZERO
    paid = min(free, left)
    more = payable(left - paid, balance=wallet.balance.amount, bound=limit_of(wallet).amount)
    if more > 0:
        settled = wallet.allocations.filter(invoice=document).count()
        key = f"invoice:{document.pk}:{settled}"
        move(wallet, kind=Kind.INVOICE, key=key, amount=-more, invoice=document, at=at)
    _allocate(wallet, document, paid + more, at=at)
    return paid


def _allocate(wallet: Wallet, document: Invoice, amount: Decimal, *, at: datetime) -> None:
    if amount:
        Allocation.objects.create(
            wallet=wallet, invoice=document, currency=document.currency, amount=amount, allocated_at=at
        )
        ring_on_commit("invoice.settled", id=document.pk)
