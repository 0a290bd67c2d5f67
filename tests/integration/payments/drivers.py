"""A driver at a charger: an attempt paid on Stripe's page, a session on its grant, and the receipt of it."""

from datetime import timedelta
from decimal import Decimal

from django.db import connection

from apps.core.audit import Violation, find_violations
from apps.invoices.models import Invoice
from apps.invoices.services.receipts import issue_receipt
from apps.payments.models import PaymentAttempt, PaymentOperation
from apps.payments.sandbox import complete_checkout
from apps.payments.services import attempts, captures, driver
from apps.payments.waiting import due_operation_ids
from apps.sessions.models import Cdr
from apps.tariffs.domain.facts import GrantTerms
from tests.factories import Site, make_grant, make_session
from tests.integration.invoices.world import make_cdr

from .conftest import GOOD, MINUTE, NOON

HOLD = Decimal("25.00")
SUCCESS = "https://wattledger.example/s/token/?session={CHECKOUT_SESSION_ID}"
CANCELED = "https://wattledger.example/c/code/"


def make_attempt(site: Site, hold: Decimal = HOLD, **changes: object) -> PaymentAttempt:
    values = {
        "evse_id": site.evse.pk,
        "seller_id": site.owner.pk,
        "tariff_version_id": site.version.pk,
        "pay_code": "4fXo1Qy7TtZbW2mKc9RsLp",
        "hold_amount": hold,
        "currency": site.version.currency,
        "language": "en",
        "at": NOON,
    }
    return attempts.create_attempt(**values | changes)


def open_page(attempt: PaymentAttempt, at=NOON) -> str:
    return attempts.open_checkout(attempt_id=attempt.pk, success_url=SUCCESS, cancel_url=CANCELED, at=at)


def sync(attempt: PaymentAttempt, at=NOON) -> PaymentAttempt:
    return attempts.sync_attempt(attempt_id=attempt.pk, at=at)


def release(attempt: PaymentAttempt, at=NOON, reason: str = "taken") -> PaymentAttempt:
    return attempts.release_attempt(attempt_id=attempt.pk, reason=reason, at=at)


def capture(receipt: Invoice, at=NOON) -> PaymentAttempt | None:
    return captures.capture_receipt(receipt_id=receipt.pk, at=at)


def pay(attempt: PaymentAttempt, number: str = GOOD) -> PaymentAttempt:
    """Type a card into the page and come back from it."""
    complete_checkout(open_page(attempt), number)
    return sync(attempt)


def charge(attempt: PaymentAttempt, site: Site, *, kwh: str = "20", is_limited: bool = True) -> Cdr:
    """Let an authorised attempt charge: its grant, a settled session on it, and the charge record."""
    hold = attempt.hold_amount.amount or None
    grant = make_grant(site=site, evse=site.evse, limit_amount=hold, granted_at=NOON - timedelta(hours=3))
    attempts.set_grant(attempt_id=attempt.pk, grant_id=grant.pk)
    cdr = make_cdr(
        site=site,
        started_at=NOON - timedelta(hours=3),
        kwh=kwh,
        contract=None,
        token=None,
        vehicle=None,
        id_token="K7P2M9X4Q1R8T5W3Z6Y0",
        grant=GrantTerms(limit_amount=hold if is_limited else None),
    )
    grant.used_by_session = cdr.session
    grant.save()
    return cdr


def receipt_of(attempt: PaymentAttempt, site: Site, **more: object) -> Invoice:
    """Charge and issue the receipt; without more, 20 kWh at 0.50 are 10.00."""
    return issue_receipt(cdr_id=charge(attempt, site, **more).pk, at=NOON)


def live_session(attempt: PaymentAttempt, site: Site):
    """Begin a session on the attempt's grant that is not over."""
    grant = make_grant(site=site, evse=site.evse, limit_amount=attempt.hold_amount.amount, granted_at=NOON)
    attempts.set_grant(attempt_id=attempt.pk, grant_id=grant.pk)
    grant.used_by_session = make_session(site=site, contract=None, token=None, vehicle=None)
    grant.save()
    return grant.used_by_session


def janitor(at) -> None:
    """Drive what is due, as the sweeper hands it out."""
    for operation_id in due_operation_ids(at=at):
        driver.drive_operation(operation_id=operation_id, at=at)


def until_settled(sandbox) -> None:
    """Let the janitor come whenever the next alarm goes off, Stripe's clock going along."""
    at = NOON
    for _ in range(30):
        operation = PaymentOperation.objects.filter(next_try_at__isnull=False).order_by("next_try_at").first()
        if operation is None:
            return
        moved, at = operation.next_try_at - at, operation.next_try_at
        if moved > MINUTE:
            sandbox.control.advance_clock(int(moved.total_seconds()))
        driver.drive_operation(operation_id=operation.pk, at=at)
    raise AssertionError("never settled")


def calls(*kinds: str) -> list[tuple[str, str, int]]:
    """Return kind, status and attempts of every operation, or of some kinds, oldest first."""
    rows = PaymentOperation.objects.order_by("pk")
    return [(o.kind, o.status, o.attempts) for o in rows if not kinds or o.kind in kinds]


def posts(sandbox, ending: str) -> list[str]:
    """Return the idempotency keys of the POSTs whose path ends so, in order."""
    return [
        each["idempotency_key"]
        for each in sandbox.control.requests()
        if each["method"] == "POST" and each["path"].endswith(ending)
    ]


def violations() -> list[Violation]:
    """Return what the audit finds, but for I9 and I10: these sessions came over no wire."""
    connection.check_constraints()
    return [found for found in find_violations() if found.invariant not in {"I9", "I10"}]


def assert_captured_once(sandbox, attempt: PaymentAttempt, receipt: Invoice, amount: str = "10.00") -> None:
    """Assert that receipt = captured, at Stripe, in our rows and in the books."""
    attempt.refresh_from_db()
    payment = attempt.payment
    payment.refresh_from_db()
    assert (attempt.status, attempt.receipt_id, attempt.checkout_url) == ("captured", receipt.pk, "")
    assert (payment.status, payment.amount_received.amount) == ("succeeded", Decimal(amount))
    assert [call for call in calls("capture_intent") if call[1] == "done"] == [
        ("capture_intent", "done", call[2]) for call in calls("capture_intent")[-1:]
    ]
    assert [(a.invoice_id, a.amount.amount) for a in payment.allocations.all()] == [(receipt.pk, Decimal(amount))]
    intents = sandbox.control.objects("payment_intent")
    assert [(i["status"], i["amount_received"]) for i in intents] == [("succeeded", int(Decimal(amount) * 100))]
    assert violations() == []
