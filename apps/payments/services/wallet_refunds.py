"""Give back what is left in a prepaid wallet, to the cards it came from, the latest top-up first."""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Q

from apps.accounts.models import User
from apps.contracts.models import SpendingLimit
from apps.payments.domain.status import UNFINISHED
from apps.payments.domain.wallets import ZERO, Refundable, spread_back
from apps.payments.models import Payment, PaymentOperation, Refund, Wallet, WalletMovement
from apps.payments.refund_limits import needs_second_person
from apps.payments.services.driver import drive_operation
from apps.payments.services.owing import state_owed
from apps.payments.services.refunds import NeedsSecondPerson, NotRefundable, ask_for
from apps.payments.services.voucher_credits import credit_lot, lock_with_papers
from apps.payments.services.wallets import move
from apps.payments.vouchers import get_lot, lots_of
from apps.payments.wallets import Kind, disputed_in, refundable_top_ups, uncharged_in


class GivenBack(NamedTuple):
    """What a refund of a wallet came to: a refund for each card, and what no card takes back (to be paid by bank)."""

    refunds: tuple[Refund, ...]
    left: Decimal


def refundable(wallet: Wallet) -> Decimal:
    """Return what may be given back: what no session has reserved or still has to pay, and no bank disputes.

    Who disputes one top-up and has the rest given back to another card would else have charged for nothing.
    """
    reserved = SpendingLimit.objects.values_list("reserved", flat=True).get(contract=wallet.contract_id)
    held: Decimal = Wallet.objects.values_list("balance", flat=True).get(pk=wallet.pk)
    return max(held - reserved - uncharged_in(wallet) - disputed_in(wallet), ZERO)


def refund_wallet(*, wallet_id: int, seen: Decimal, reason: str, by: User | None, at: datetime) -> GivenBack:
    """Give back what is left and free (``refundable``): out of the wallet at once, and in again should Stripe refuse.

    seen  what ``refundable`` was when the person decided, so that a second click, or a session that ended in between,
          is no second refund

    :raises NotRefundable: nothing is left, it changed since it was seen, a top-up's call is under way, or no reason
    :raises NeedsSecondPerson: it is more than ``by`` may give back alone
    """
    operations, left = begin_wallet_refund(wallet_id, seen=seen, reason=reason, by=by, at=at)
    for operation in operations:
        drive_operation(operation_id=operation.pk, at=at)
    refunds = Refund.objects.filter(operations__in=operations).order_by("pk")
    return GivenBack(tuple(refunds), left)


@transaction.atomic
def begin_wallet_refund(
    wallet_id: int, *, seen: Decimal, reason: str, by: User | None, at: datetime, confirmed_by: User | None = None
) -> tuple[list[PaymentOperation], Decimal]:
    """Write the refunds and movements down, without a call; see ``refund_wallet``.

    confirmed_by  who took on themselves that it is above the limit; None: nobody
    """
    if not reason.strip():
        raise NotRefundable("A refund needs a reason.")
    wallet, payments = lock_with_papers(wallet_id)
    # Held until the commit, so that no session begins on money that leaves.
    SpendingLimit.objects.select_for_update().get(contract=wallet.contract_id)
    amount = refundable(wallet)
    if amount != seen:
        raise NotRefundable("The wallet has moved meanwhile. Look at what is left of it.")
    if amount <= 0:
        raise NotRefundable("Nothing is left that no session needs and no bank disputes.")
    taxed, untaxed = _parts(wallet, amount)
    if not taxed and not untaxed:
        raise NotRefundable("No card takes it back: pay it by bank.")
    asked = [part.payment_id for part in (*taxed, *untaxed)]
    if PaymentOperation.objects.filter(payment__in=asked, status__in=UNFINISHED).exists():
        raise NotRefundable("A call about a top-up is under way. Try again in a minute.")
    said = {"reason": reason.strip()[:200], "requested_by": by, "confirmed_by": confirmed_by, "requested_at": at}
    refunds = []
    for part in taxed:
        lot = get_lot(wallet, part.payment_id)
        note, told = credit_lot(wallet, lot, part.left, reason=reason, by=by, at=at)
        papers = {"invoice": note.credits, "credit_note": note, "origin": Refund.Origin.CREDIT}
        refund = _write(payments[part.payment_id], part.left, **papers, **said)
        move(wallet, kind=Kind.REFUND, key=f"refund:{refund.pk}", refund=refund, reason=reason, by=by, at=at, **told)
        refunds.append(refund)
    for part in untaxed:
        refund = _write(payments[part.payment_id], part.left, origin=Refund.Origin.WALLET, **said)
        told = {"amount": -part.left, "refund": refund, "reason": reason, "by": by}
        move(wallet, kind=Kind.REFUND, key=f"refund:{refund.pk}", at=at, **told)
        refunds.append(refund)
    if confirmed_by is None and needs_second_person(
        seller=wallet.contract.seller, refunds=refunds, same=_of_wallet(wallet), by=by, at=at
    ):
        raise NeedsSecondPerson(sum((refund.amount.amount for refund in refunds), start=ZERO))
    operations = [ask_for(refund, at=at) for refund in refunds]
    state_owed(contract_id=wallet.contract_id, at=at)
    return operations, amount - sum((part.left for part in (*taxed, *untaxed)), ZERO)


def _of_wallet(wallet: Wallet) -> Q:
    """Say which refunds were of a wallet."""
    moved = WalletMovement.objects.filter(wallet=wallet, kind=Kind.REFUND)
    return Q(pk__in=moved.values("refund"))


def _parts(wallet: Wallet, amount: Decimal) -> tuple[list[Refundable], list[Refundable]]:
    """Spread an amount over the top-ups: first those whose VAT is paid; one refund a card at a time."""
    top_ups, lots = refundable_top_ups(wallet), {lot.payment_id: lot.left for lot in lots_of(wallet)}
    taxed = list(spread_back(amount, [Refundable(pk, min(left, lots[pk])) for pk, left in top_ups if pk in lots]))
    asked = {part.payment_id for part in taxed}
    rest = amount - sum((part.left for part in taxed), ZERO)
    others = [Refundable(pk, left - lots.get(pk, ZERO)) for pk, left in top_ups if pk not in asked]
    return taxed, list(spread_back(rest, others))


def _write(payment: Payment, amount: Decimal, **told: Any) -> Refund:
    refund: Refund = Refund.objects.create(payment=payment, currency=payment.currency, amount=amount, **told)
    return refund
