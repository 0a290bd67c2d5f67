"""Take VAT back that was paid with a top-up: what is given back of it, or pays for what an invoice taxes after all.

Locks go contract, documents, payments, wallet.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from apps.accounts.models import User
from apps.contracts.models import Contract
from apps.invoices.models import Invoice
from apps.invoices.services.crediting import credit_amounts
from apps.payments.domain.vouchers import Lot, part_of
from apps.payments.domain.wallets import ZERO
from apps.payments.models import Payment, Wallet, WalletMovement
from apps.payments.services.owing import state_owed
from apps.payments.services.wallets import let_go, lock_wallet, move
from apps.payments.vouchers import invoice_of_lot, lots_of
from apps.payments.wallets import Kind, untaxed_in, wallet_of

USED_ELSEWHERE = "It pays for what an invoice taxes."


def lock_with_papers(wallet_id: int) -> tuple[Wallet, dict[int, Payment]]:
    """Lock a wallet with everything that a credit of its top-ups touches; return it and its top-ups.

    Keys stay free: whoever holds the wallet already writes movements that point to these rows, and we wait for them.
    """
    contract_id = Wallet.objects.values_list("contract_id", flat=True).get(pk=wallet_id)
    Contract.objects.select_for_update(no_key=True).get(pk=contract_id)
    papers = Invoice.objects.select_for_update(no_key=True).filter(contract=contract_id, kind=Invoice.Kind.TOP_UP)
    list(papers.order_by("pk").values_list("pk"))
    payments = Payment.objects.select_for_update(no_key=True).filter(wallet=wallet_id).order_by("pk")
    return lock_wallet(wallet_id), {one.pk: one for one in payments}


def credit_lot(
    wallet: Wallet, lot: Lot, amount: Decimal, *, reason: str, by: User | None, at: datetime
) -> tuple[Invoice, dict[str, Any]]:
    """Credit a part of a top-up's invoice; return the note, and what ``move`` is told of it.

    What the note's rounding leaves beside the VAT in what is left of the top-up is earned with it.
    """
    invoice = invoice_of_lot(wallet, lot.payment_id)
    line = invoice.lines.get()
    note = credit_amounts(invoice_id=invoice.pk, amounts={line.pk: amount}, reason=reason, at=at, by=by)
    part = part_of(lot, -amount, currency=wallet.currency)
    return note, {"amount": -amount, "part": part, "earned": part.tax + amount + note.net.amount}


@transaction.atomic
def move_vat(*, contract_id: int, at: datetime) -> WalletMovement | None:
    """Credit the VAT of taxed top-ups as far as they pay for what invoices tax; None where they do not.

    Harmless when repeated.
    """
    found = wallet_of(contract_id)
    if found is None or untaxed_in(found) >= 0 or not lots_of(found):
        return None
    wallet, payments = lock_with_papers(found.pk)
    missing = -untaxed_in(wallet)
    latest = wallet.movements.values_list("pk", flat=True)[0]
    moved = ZERO
    for lot in lots_of(wallet):
        amount = min(missing - moved, lot.left)
        if amount > 0:
            _, told = credit_lot(wallet, lot, amount, reason=USED_ELSEWHERE, by=None, at=at)
            invoice = invoice_of_lot(wallet, lot.payment_id)
            let_go(payments[lot.payment_id], invoice.pk, amount, at=at)
            move(wallet, kind=Kind.RETAXED, key=f"retaxed:after:{latest}:lot:{lot.payment_id}", at=at, **told)
            moved += amount
    if not moved:
        return None
    movement = move(wallet, kind=Kind.RETAXED, key=f"retaxed:after:{latest}", amount=moved, at=at)
    state_owed(contract_id=contract_id, at=at)
    return movement
