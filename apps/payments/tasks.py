"""Alarm clocks of the payments app: named, keyword-only, each one call into a service, harmless when repeated.

Sweepers find the work by query and hand it out one task each, so that one poisoned row never stops the others.
"""

import logging
from typing import Final

from celery import shared_task
from django.db import OperationalError

from apps.core.clock import now
from apps.invoices.errors import DocumentRefused
from apps.invoices.selectors import overcharging_records
from apps.payments import giving_back, payable, reminders, selectors, vouchers, waiting
from apps.payments import papers as of_papers
from apps.payments import wallets as of_wallets
from apps.payments.services import (
    answering,
    attempts,
    captures,
    collection,
    corrections,
    disputes,
    driver,
    dunning,
    events,
    expiry,
    finding,
    owing,
    papers,
    paying,
    projection,
    refunds,
    setups,
    syncing,
    wallet_settling,
    wallets,
)

log = logging.getLogger(__name__)

SWEPT_LIVES: Final = 300
"""Seconds after which a swept task is dropped unrun: the next sweep hands it out again."""


@shared_task(name="payments.collect_invoice", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def collect_invoice(*, id: int, **_: object) -> None:  # noqa: A002 the bell's own word
    """Collect what is open of an invoice."""
    collection.collect_invoice(invoice_id=id, at=now())


@shared_task(name="payments.remind", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def remind(*, id: int, **_: object) -> None:  # noqa: A002
    """Send the next reminder of an invoice if it is due."""
    dunning.remind(invoice_id=id, at=now())


@shared_task(name="payments.lift_suspension", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def lift_suspension(*, id: int, **_: object) -> None:  # noqa: A002
    """Let the cards of an invoice's contract charge again if what they were blocked for is paid."""
    contract_id = selectors.contract_of(id)
    if contract_id is not None:
        dunning.lift_when_paid(contract_id=contract_id, at=now())


@shared_task(name="payments.sweep_reminders")
def sweep_reminders(**_: object) -> None:
    """Hand out every invoice that gets a reminder now, and lift the blocks of what is paid."""
    at = now()
    for invoice_id in reminders.due_reminder_ids(at=at):
        remind.apply_async(kwargs={"id": invoice_id}, expires=SWEPT_LIVES)
    for contract_id in dunning.contracts_to_lift():
        dunning.lift_when_paid(contract_id=contract_id, at=at)


@shared_task(name="payments.state_owed", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def state_owed(*, id: int, **_: object) -> None:  # noqa: A002
    """Tell the limit of an invoice's contract what is owed now."""
    contract_id = selectors.contract_of(id)
    if contract_id is not None:
        owing.state_owed(contract_id=contract_id, at=now())


@shared_task(name="payments.sweep_owed")
def sweep_owed(**_: object) -> None:
    """Tell every spending limit what is owed now."""
    owing.state_all_owed(at=now())


@shared_task(name="payments.charge_wallet", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def charge_wallet(*, id: int, **_: object) -> None:  # noqa: A002
    """Pay a charge record from its contract's wallet, if there is one."""
    wallets.charge_record(cdr_id=id, at=now())


@shared_task(name="payments.settle_from_wallet", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def settle_from_wallet(*, id: int, **_: object) -> None:  # noqa: A002
    """Settle what is open of a wallet's contract."""
    wallet_settling.settle_from_wallet(contract_id=of_wallets.contract_of_wallet(id), at=now())


@shared_task(name="payments.print_receipts", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def print_receipts(*, id: int, **_: object) -> None:  # noqa: A002
    """Print the receipts that a wallet's top-ups still lack."""
    papers.print_receipts(wallet_id=id, at=now())


@shared_task(name="payments.print_letter", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def print_letter(*, id: int, **_: object) -> None:  # noqa: A002
    """Print the letter of a reminder."""
    papers.print_letter(step_id=id, at=now())


@shared_task(name="payments.sweep_papers")
def sweep_papers(**_: object) -> None:
    """Hand out the reminders whose letter was not printed, and the wallets with a top-up whose receipt was not."""
    for step_id in of_papers.unprinted_letters().values_list("pk", flat=True)[:200]:
        print_letter.apply_async(kwargs={"id": step_id}, expires=SWEPT_LIVES)
    for wallet_id in sorted(set(of_papers.unprinted_receipts().values_list("wallet", flat=True)[:200])):
        print_receipts.apply_async(kwargs={"id": wallet_id}, expires=SWEPT_LIVES)


@shared_task(name="payments.sweep_wallets")
def sweep_wallets(**_: object) -> None:
    """Hand out every charge record that its wallet has not paid, and the wallets whose invoices they could settle."""
    for cdr_id in of_wallets.uncharged_records().values_list("pk", flat=True)[:500]:
        charge_wallet.apply_async(kwargs={"id": cdr_id}, expires=SWEPT_LIVES)
    for wallet_id in sorted({*of_wallets.wallets_to_settle(), *vouchers.overdrawn_wallets()}):
        settle_from_wallet.apply_async(kwargs={"id": wallet_id}, expires=SWEPT_LIVES)


@shared_task(name="payments.collect_customer")
def collect_customer(*, id: int, **_: object) -> None:  # noqa: A002
    """Hand out what is open of a customer who has just saved a card."""
    for invoice_id in selectors.due_invoice_ids(at=now(), customer_id=id):
        collect_invoice.apply_async(kwargs={"id": invoice_id})


@shared_task(name="payments.capture_receipt", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def capture_receipt(*, id: int, **_: object) -> None:  # noqa: A002
    """Take what a receipt comes to out of its hold."""
    captures.capture_receipt(receipt_id=id, at=now())


@shared_task(name="payments.drive_operation", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def drive_operation(*, id: int, **_: object) -> None:  # noqa: A002
    """Drive one operation to its end, or its next alarm."""
    driver.drive_operation(operation_id=id, at=now())


@shared_task(name="payments.process_event", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def process_event(*, id: int, **_: object) -> None:  # noqa: A002
    """Look at what an event hints at."""
    events.process_event(event_id=id, at=now())


@shared_task(name="payments.sync_payment", autoretry_for=(projection.StripeUnreachable,), retry_backoff=60)
def sync_payment(*, id: int, **_: object) -> None:  # noqa: A002
    """Look at a collection or a link."""
    syncing.sync_payment(payment_id=id, at=now())


@shared_task(name="payments.sync_attempt", autoretry_for=(projection.StripeUnreachable,), retry_backoff=60)
def sync_attempt(*, id: int, **_: object) -> None:  # noqa: A002
    """Look at an attempt's page and hold."""
    attempts.sync_attempt(attempt_id=id, at=now())


@shared_task(name="payments.expire_checkout", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def expire_checkout(*, id: int, **_: object) -> None:  # noqa: A002
    """Close a page that nobody paid on in time."""
    attempts.expire_checkout(attempt_id=id, at=now())


@shared_task(name="payments.guard_hold", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def guard_hold(*, id: int, **_: object) -> None:  # noqa: A002
    """Bring what a hold is for to its bill before the hold ends."""
    expiry.guard_hold(attempt_id=id, at=now())


@shared_task(name="payments.sync_method", autoretry_for=(projection.StripeUnreachable,), retry_backoff=60)
def sync_method(*, id: int, **_: object) -> None:  # noqa: A002
    """Look at a saved method's page or card."""
    setups.sync_method(method_id=id, at=now())


@shared_task(name="payments.warn_of_expiry", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def warn_of_expiry(*, id: int, **_: object) -> None:  # noqa: A002
    """Tell a customer that their card expires."""
    setups.warn_of_expiry(method_id=id, at=now())


@shared_task(name="payments.sweep_expiring_cards")
def sweep_expiring_cards(**_: object) -> None:
    """Hand out the cards that expire soon; who was told is not told again."""
    for method_id in selectors.expiring_methods(on=now().date()).values_list("pk", flat=True):
        warn_of_expiry.apply_async(kwargs={"id": method_id}, expires=SWEPT_LIVES)


@shared_task(name="payments.forget_searches")
def forget_searches(**_: object) -> None:
    """Delete searches for charges that are old enough to be forgotten."""
    finding.forget_searches(at=now())


@shared_task(name="payments.correct_charge", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def correct_charge(*, id: int, **_: object) -> None:  # noqa: A002
    """Give back what a new charge record shows to be too much; what is refused now is found by the next sweep."""
    try:
        corrections.correct_charge(cdr_id=id, at=now())
    except (refunds.NotRefundable, DocumentRefused) as refusal:
        log.warning("charge record %s is not corrected yet: %s", id, refusal)


@shared_task(name="payments.refund_surplus", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def refund_surplus(*, id: int, **_: object) -> None:  # noqa: A002
    """Give back what a payment brought beyond what was open."""
    refunds.refund_surplus(payment_id=id, at=now())


@shared_task(name="payments.refund_credited", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def refund_credited(*, id: int, **_: object) -> None:  # noqa: A002
    """Give back to the card what it paid for an invoice that was credited since."""
    refunds.refund_credited(invoice_id=id, at=now())


@shared_task(name="payments.close_outdated_page", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def close_outdated_page(*, id: int, **_: object) -> None:  # noqa: A002
    """Close a page that asks for what is not open any more."""
    paying.close_outdated_page(payment_id=id, at=now())


@shared_task(name="payments.sweep_too_much")
def sweep_too_much(**_: object) -> None:
    """Hand out what was charged, paid or asked for beyond what is owed."""
    for cdr_id in overcharging_records().values_list("pk", flat=True):
        correct_charge.apply_async(kwargs={"id": cdr_id}, expires=SWEPT_LIVES)
    for payment_id in selectors.surplus_payment_ids():
        refund_surplus.apply_async(kwargs={"id": payment_id}, expires=SWEPT_LIVES)
    for invoice_id in giving_back.refundable_ids():
        refund_credited.apply_async(kwargs={"id": invoice_id}, expires=SWEPT_LIVES)
    for payment_id in payable.outdated_link_ids():
        close_outdated_page.apply_async(kwargs={"id": payment_id}, expires=SWEPT_LIVES)


@shared_task(name="payments.prepare_evidence", acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True)
def prepare_evidence(*, id: int, **_: object) -> None:  # noqa: A002
    """Put together what we know of a disputed charge."""
    answering.prepare_evidence(dispute_id=id, at=now())


@shared_task(name="payments.sync_dispute", autoretry_for=(projection.StripeUnreachable,), retry_backoff=60)
def sync_dispute(*, stripe_id: str, payment_id: int, **_: object) -> None:
    """Look at a dispute."""
    syncing.sync_disputed(stripe_id=stripe_id, payment_id=payment_id, at=now())


@shared_task(name="payments.sweep_disputes", autoretry_for=(projection.StripeUnreachable,), retry_backoff=60)
def sweep_disputes(**_: object) -> None:
    """Hand out disputes without evidence, undecided ones to look at again, and those that no event told us of."""
    at = now()
    for dispute_id in waiting.unprepared_dispute_ids():
        prepare_evidence.apply_async(kwargs={"id": dispute_id}, expires=SWEPT_LIVES)
    unheard = disputes.unheard_disputes(since=at - waiting.DISPUTES_UNHEARD_FOR)
    for stripe_id, payment_id in [*waiting.stale_disputes(at=at), *unheard]:
        kwargs = {"stripe_id": stripe_id, "payment_id": payment_id}
        sync_dispute.apply_async(kwargs=kwargs, expires=SWEPT_LIVES)


@shared_task(name="payments.sweep_due")
def sweep_due(**_: object) -> None:
    """Hand out every invoice that is to be collected, or whose open intent is to be canceled."""
    for invoice_id in selectors.due_invoice_ids(at=now()):
        collect_invoice.apply_async(kwargs={"id": invoice_id}, expires=SWEPT_LIVES)


@shared_task(name="payments.sweep_operations")
def sweep_operations(**_: object) -> None:
    """The janitor: hand out every operation whose alarm has gone off."""
    for operation_id in waiting.due_operation_ids(at=now()):
        drive_operation.apply_async(kwargs={"id": operation_id}, expires=SWEPT_LIVES)


@shared_task(name="payments.sweep_events")
def sweep_events(**_: object) -> None:
    """Hand out waiting events, and look hourly at what an event should have told of and did not."""
    at = now()
    for event_id in waiting.due_event_ids(at=at):
        process_event.apply_async(kwargs={"id": event_id}, expires=SWEPT_LIVES)
    for payment_id in waiting.stale_payment_ids(at=at):
        sync_payment.apply_async(kwargs={"id": payment_id}, expires=SWEPT_LIVES)
    for method_id in waiting.stale_method_ids(at=at):
        sync_method.apply_async(kwargs={"id": method_id}, expires=SWEPT_LIVES)


@shared_task(name="payments.sweep_attempts")
def sweep_attempts(**_: object) -> None:
    """Hand out pages that are too old, receipts that wait for their capture, and holds to look at again."""
    at = now()
    for attempt_id in waiting.overdue_attempt_ids(at=at, older_than=attempts.PAGE_LIFE):
        expire_checkout.apply_async(kwargs={"id": attempt_id}, expires=SWEPT_LIVES)
    for receipt_id in waiting.uncaptured_receipt_ids():
        capture_receipt.apply_async(kwargs={"id": receipt_id}, expires=SWEPT_LIVES)
    for attempt_id in waiting.stale_attempt_ids(at=at):
        sync_attempt.apply_async(kwargs={"id": attempt_id}, expires=SWEPT_LIVES)


@shared_task(name="payments.sweep_expiring")
def sweep_expiring(**_: object) -> None:
    """Hand out every hold that ends soon and whose charge is not billed."""
    for attempt_id in waiting.expiring_attempt_ids(until=now() + expiry.GUARD_BEFORE):
        guard_hold.apply_async(kwargs={"id": attempt_id}, expires=SWEPT_LIVES)
