"""Prepaid wallets: opened, topped up, charged for sessions, corrected. The only writer of their movements.

Locks go documents, then payments, then the wallet, then its spending limit. Every movement is posted under its key, in
its own transaction, and the limit is told what is left before that ends: a start sees either all of it or nothing.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from apps.accounts.models import User
from apps.contracts.models import Contract, SpendingLimit
from apps.core.bells import ring_on_commit
from apps.core.domain.zones import zone
from apps.invoices.errors import DocumentRefused
from apps.invoices.models import Invoice
from apps.invoices.services.prepaying import note_prepaid
from apps.invoices.services.top_ups import issue_top_up
from apps.ledger import services as ledger
from apps.payments.collectors import collector_of
from apps.payments.domain.postings import taxed_wallet_used, wallet_moved
from apps.payments.domain.vouchers import Part, part_of, take
from apps.payments.domain.wallets import ZERO, payable
from apps.payments.models import Allocation, Payment, Refund, Wallet, WalletMovement, WalletOffer
from apps.payments.selectors import open_amount
from apps.payments.services.owing import state_owed
from apps.payments.services.wallet_letters import tell_when_low
from apps.payments.vouchers import get_lot, is_taxed_at_use, lots_for, lots_that_paid, voucher_tax
from apps.payments.wallets import (
    Kind,
    charged_for,
    documents_to_settle,
    limit_of,
    uncharged_records,
    untaxed_in,
    wallet_of,
)
from apps.sessions.models import Cdr

log = logging.getLogger(__name__)


class NoWallet(Exception):
    """A contract cannot be paid from a wallet now; the message says why, and nothing was changed."""


@transaction.atomic
def open_wallet(*, contract_id: int, at: datetime) -> Wallet:
    """Let a contract be paid in advance from now on, on its seller's terms; doing it again returns its wallet.

    What it has charged and nobody billed yet is paid from the wallet too.

    :raises NoWallet: the seller offers none, a platform collects for it, or the contract has ended
    """
    contract = Contract.objects.select_for_update().get(pk=contract_id)
    known: Wallet | None = Wallet.objects.filter(contract=contract).first()
    if known is not None and contract.collects_on == Contract.CollectsOn.WALLET:
        return known
    offer: WalletOffer | None = WalletOffer.objects.filter(seller=contract.seller_id).first()
    if offer is None:
        raise NoWallet("Say first what you offer whoever pays in advance: Customers → What is prepaid.")
    if contract.status == Contract.Status.ENDED:
        raise NoWallet(f"{contract} has ended.")
    if collector_of(seller_id=contract.seller_id, at=at) is not None:
        raise NoWallet("A platform collects for this seller; a wallet needs the seller's own Stripe account.")
    wallet: Wallet = known or Wallet.objects.create(
        contract=contract, currency=offer.currency, balance=Decimal(0), opened_at=at
    )
    SpendingLimit.objects.update_or_create(
        contract=contract,
        defaults={
            "currency": wallet.currency,
            "is_prepaid": True,
            "amount": offer.bound,
            "session_amount": offer.session_amount,
        },
    )
    contract.collects_on = Contract.CollectsOn.WALLET
    contract.save(update_fields=["collects_on"])
    state_owed(contract_id=contract.pk, at=at)
    return wallet


def lock_wallet(wallet_id: int) -> Wallet:
    """Lock a wallet; whoever needs documents or payments too has locked those before."""
    wallet: Wallet = (
        Wallet.objects.select_for_update(of=("self",))
        .select_related("contract__customer", "contract__seller")
        .get(pk=wallet_id)
    )
    return wallet


def move(
    wallet: Wallet,
    *,
    kind: WalletMovement.Kind,
    key: str,
    amount: Decimal,
    at: datetime,
    reason: str = "",
    by: User | None = None,
    part: Part | None = None,
    earned: Decimal = ZERO,
    **cause: Any,
) -> WalletMovement:
    """Write a movement of a locked wallet and post it; the same key again returns the first.

    amount  gross, rounded, > 0 pays in · cause: the ``payment``, ``cdr``, ``invoice`` or ``refund`` that explains it
    part    the taxed top-up that it is of, and its VAT; None: of no such one
    earned  of a part: the net that is revenue by it; the rest of it is posted by a document
    """
    known: WalletMovement | None = wallet.movements.filter(key=key).first()
    if known is not None:
        return known
    movement: WalletMovement = WalletMovement.objects.create(
        wallet=wallet,
        kind=kind,
        key=key,
        currency=wallet.currency,
        amount=amount,
        tax=part.tax if part else ZERO,
        lot_id=part.payment_id if part else None,
        # The database writes what it comes to.
        balance=Decimal(0),
        reason=reason.strip()[:200],
        decided_by=by,
        moved_at=at,
        **cause,
    )
    wallet.refresh_from_db(fields=["balance", "currency"])
    seller = wallet.contract.seller
    today = at.astimezone(zone(seller.time_zone)).date()
    ledger.post(
        entity_id=seller.pk,
        key=f"wallet:{wallet.pk}:{key}",
        posted_on=today,
        tax_date=today,
        text=f"{movement.get_kind_display()}, wallet of contract {wallet.contract.number}"[:200],
        lines=taxed_wallet_used(earned) if part else wallet_moved(amount),
        currency=wallet.currency,
        at=at,
    )
    return movement


def take_top_up(*, payment: Payment, at: datetime) -> None:
    """Put what a locked payment brought into its wallet, once, with its VAT where that is due now.

    What is owed already was, or will be, taxed by an invoice: that much of it pays no VAT here.
    """
    assert payment.wallet_id is not None, "only a top-up pays into a wallet"
    wallet = lock_wallet(payment.wallet_id)
    if wallet.movements.filter(kind=Kind.TOP_UP, payment=payment).exists():
        return
    received = payment.amount_received.amount
    invoice = _tax_top_up(wallet, max(received - _owed_of(wallet), ZERO), payment=payment, at=at)
    taxed = invoice.gross.amount if invoice else ZERO
    if received > taxed:
        key = f"payment:{payment.pk}"
        move(wallet, kind=Kind.TOP_UP, key=key, amount=received - taxed, payment=payment, at=at)
    if invoice is not None:
        # Its money and its VAT are in the books by the payment and the invoice.
        Allocation.objects.create(
            payment=payment, invoice=invoice, currency=invoice.currency, amount=taxed, allocated_at=at
        )
        move(
            wallet,
            kind=Kind.TOP_UP,
            key=f"payment:{payment.pk}:taxed",
            amount=taxed,
            part=Part(payment.pk, taxed, invoice.tax.amount),
            payment=payment,
            invoice=invoice,
            at=at,
        )
    state_owed(contract_id=wallet.contract_id, at=at)
    ring_on_commit("wallet.topped_up", id=wallet.pk)


def _owed_of(wallet: Wallet) -> Decimal:
    """Return what a top-up pays first: what is below zero, and invoices that the wallet could not pay."""
    documents = documents_to_settle(wallet.contract_id).filter(open_amount__gt=0)
    return max(-untaxed_in(wallet), ZERO) + sum((open_amount(one) for one in documents), ZERO)


def _tax_top_up(wallet: Wallet, amount: Decimal, *, payment: Payment, at: datetime) -> Invoice | None:
    """Issue the invoice of a top-up whose VAT is due now; None: it is due when the customer charges."""
    if not amount:
        return None
    today = at.astimezone(zone(wallet.contract.seller.time_zone)).date()
    tax = voucher_tax(wallet, on=today)
    if tax.decision is None:
        return None
    try:
        with transaction.atomic():
            return issue_top_up(
                contract=wallet.contract, gross=amount, currency=wallet.currency, decision=tax.decision, at=at
            )
    except DocumentRefused as refusal:
        # The money is here; it is taxed when it is used.
        log.error("%s has no invoice, and its VAT is due at use: %s", payment, refusal)
        return None


@transaction.atomic
def charge_record(*, cdr_id: int, at: datetime) -> WalletMovement | None:
    """Pay a session's current charge record from its contract's wallet; of a correction, what it changed. Once.

    What passes the wallet's bound stays to be paid by invoice. None where nothing moved: the contract has no wallet,
    the record is not the current one or costs what was paid for it already, or nothing is left.
    """
    cdr = Cdr.objects.select_related("session__station__location").get(pk=cdr_id)
    found = wallet_of(cdr.session.contract_id) if cdr.session.contract_id else None
    if found is None:
        return None
    wallet = lock_wallet(found.pk)
    if not uncharged_records().filter(pk=cdr.pk).exists():
        done: WalletMovement | None = wallet.movements.filter(cdr=cdr).first()
        return done
    if cdr.currency != wallet.currency:
        log.error("%s is in %s, its wallet in %s: it is invoiced", cdr, cdr.currency, wallet.currency)
        note_prepaid(cdr_id=cdr.pk, is_taxed_before=False, at=at)
        return None
    is_taxed = _charge_lots(wallet, cdr, at=at)
    if not is_taxed:
        _charge_untaxed(wallet, cdr, at=at)
    note_prepaid(cdr_id=cdr.pk, is_taxed_before=is_taxed, at=at)
    state_owed(contract_id=wallet.contract_id, at=at)
    tell_when_low(wallet, at=at)
    if untaxed_in(wallet) < 0:
        ring_on_commit("wallet.topped_up", id=wallet.pk)
    movement: WalletMovement | None = wallet.movements.filter(cdr=cdr).first()
    return movement


def _charge_untaxed(wallet: Wallet, cdr: Cdr, *, at: datetime) -> None:
    due = cdr.gross.amount - charged_for(wallet, cdr.session_id)
    amount = payable(due, balance=wallet.balance.amount, bound=limit_of(wallet).amount)
    if amount:
        move(wallet, kind=Kind.SESSION, key=f"cdr:{cdr.pk}", amount=-amount, cdr=cdr, reason=cdr.reason, at=at)


def _charge_lots(wallet: Wallet, cdr: Cdr, *, at: datetime) -> bool:
    """Let taxed top-ups pay for a record, if they cover all of it; return whether they did.

    Else they get back what they paid for the session before, and it is invoiced like any other, for good.
    """
    paid = lots_that_paid(wallet, cdr.session_id)
    due = cdr.gross.amount - sum((amount for _, amount in paid), ZERO)
    if not is_taxed_at_use(cdr.session_id):
        if due <= 0 and paid:
            _give_back(wallet, cdr, paid, -due, at=at)
            return True
        is_covered = 0 < due <= wallet.balance.amount + limit_of(wallet).amount
        parts = take(due, lots_for(wallet, cdr), currency=wallet.currency) if is_covered else None
        for part in parts or ():
            _move_lot(wallet, cdr, part, at=at)
        if parts:
            return True
    _give_back(wallet, cdr, paid, sum((amount for _, amount in paid), ZERO), at=at)
    return False


def _give_back(wallet: Wallet, cdr: Cdr, paid: Sequence[tuple[int, Decimal]], amount: Decimal, *, at: datetime) -> None:
    """Give an amount back to the top-ups that paid for a session, the latest first."""
    for payment_id, most in paid:
        back = min(amount, most)
        if back > 0:
            _move_lot(wallet, cdr, part_of(get_lot(wallet, payment_id), back, currency=wallet.currency), at=at)
            amount -= back


def _move_lot(wallet: Wallet, cdr: Cdr, part: Part, *, at: datetime) -> None:
    move(
        wallet,
        kind=Kind.SESSION,
        key=f"cdr:{cdr.pk}:lot:{part.payment_id}",
        amount=part.amount,
        part=part,
        earned=part.tax - part.amount,
        cdr=cdr,
        reason=cdr.reason,
        at=at,
    )


def restore(*, refund: Refund, at: datetime) -> None:
    """Put back into its wallet what a refund of a locked payment did not give back after all, once."""
    assert refund.payment.wallet_id is not None, "only a top-up's money comes back into a wallet"
    wallet = lock_wallet(refund.payment.wallet_id)
    if refund.invoice_id and not wallet.movements.filter(key=f"refund:{refund.pk}:failed").exists():
        # Its VAT was credited: it is due when the money is used.
        let_go(refund.payment, refund.invoice_id, refund.amount.amount, at=at)
    move(
        wallet,
        kind=Kind.RESTORED,
        key=f"refund:{refund.pk}:failed",
        amount=refund.amount.amount,
        refund=refund,
        reason=refund.failure_message,
        at=at,
    )
    state_owed(contract_id=wallet.contract_id, at=at)


def take_away(
    *, payment: Payment, key: str, amount: Decimal, reason: str, at: datetime, refund: Refund | None = None
) -> None:
    """Take out of its wallet what Stripe has taken of a locked top-up without our asking, once, whatever is left.

    key  e.g. ``dispute:7``
    """
    assert payment.wallet_id is not None, "only a top-up is taken out of a wallet"
    wallet = lock_wallet(payment.wallet_id)
    if amount > 0:
        move(wallet, kind=Kind.TAKEN, key=key, amount=-amount, payment=payment, refund=refund, reason=reason, at=at)
        state_owed(contract_id=wallet.contract_id, at=at)
        tell_when_low(wallet, at=at)


def let_go(payment: Payment, invoice_id: int, amount: Decimal, *, at: datetime) -> None:
    """Let a top-up's invoice, which was credited, be settled by so much less of the top-up."""
    Allocation.objects.create(
        payment=payment, invoice_id=invoice_id, currency=payment.currency, amount=-amount, allocated_at=at
    )
