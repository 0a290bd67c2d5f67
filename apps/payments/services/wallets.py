"""Prepaid wallets: opened, topped up, charged for sessions, corrected. The only writer of their movements.

Locks go documents, then payments, then the wallet, then its spending limit. Every movement is posted under its key, in
its own transaction, and the limit is told what is left before that ends: a start sees either all of it or nothing.
"""

import logging
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from apps.accounts.models import User
from apps.contracts.models import Contract, SpendingLimit
from apps.core.bells import ring_on_commit
from apps.core.domain.zones import zone
from apps.invoices.services.prepaying import note_prepaid
from apps.ledger import services as ledger
from apps.payments.collectors import collector_of
from apps.payments.domain.postings import wallet_moved
from apps.payments.domain.wallets import payable
from apps.payments.models import Payment, Refund, Wallet, WalletMovement, WalletOffer
from apps.payments.services.owing import state_owed
from apps.payments.services.wallet_letters import tell_when_low
from apps.payments.wallets import Kind, charged_for, limit_of, uncharged_records, wallet_of
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
    **cause: Any,
) -> WalletMovement:
    """Write a movement of a locked wallet and post it; the same key again returns the first.

    amount  gross, rounded, > 0 pays in · cause: the ``payment``, ``cdr``, ``invoice`` or ``refund`` that explains it
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
        lines=wallet_moved(amount),
        currency=wallet.currency,
        at=at,
    )
    return movement


def take_top_up(*, payment: Payment, at: datetime) -> None:
    """Put what a locked payment brought into its wallet, once."""
    assert payment.wallet_id is not None, "only a top-up pays into a wallet"
    wallet = lock_wallet(payment.wallet_id)
    move(
        wallet,
        kind=Kind.TOP_UP,
        key=f"payment:{payment.pk}",
        amount=payment.amount_received.amount,
        payment=payment,
        at=at,
    )
    state_owed(contract_id=wallet.contract_id, at=at)
    ring_on_commit("wallet.topped_up", id=wallet.pk)


@transaction.atomic
def charge_record(*, cdr_id: int, at: datetime) -> WalletMovement | None:
    """Pay a session's current charge record from its contract's wallet; of a correction, what it changed. Once.

    What passes the wallet's bound stays to be paid by invoice. None where nothing moved: the contract has no wallet,
    the record is not the current one or costs what was paid for it already, or nothing is left.
    """
    cdr = Cdr.objects.select_related("session").get(pk=cdr_id)
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
    due = cdr.gross.amount - charged_for(wallet, cdr.session_id)
    amount = payable(due, balance=wallet.balance.amount, bound=limit_of(wallet).amount)
    movement = None
    if amount:
        movement = move(
            wallet, kind=Kind.SESSION, key=f"cdr:{cdr.pk}", amount=-amount, cdr=cdr, reason=cdr.reason, at=at
        )
    note_prepaid(cdr_id=cdr.pk, is_taxed_before=False, at=at)
    state_owed(contract_id=wallet.contract_id, at=at)
    tell_when_low(wallet, at=at)
    return movement


def restore(*, refund: Refund, at: datetime) -> None:
    """Put back into its wallet what a refund of a locked payment did not give back after all, once."""
    assert refund.payment.wallet_id is not None, "only a top-up's money comes back into a wallet"
    wallet = lock_wallet(refund.payment.wallet_id)
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
