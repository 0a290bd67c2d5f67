"""What the database refuses of attempts, holds, captures and refunds, and what the audit sees when it is bypassed."""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.core.audit import find_violations, view_names
from apps.invoices.models import Invoice
from apps.invoices.services.crediting import credit_invoice
from apps.payments.models import Allocation, Payment, PaymentAttempt, PaymentOperation, Refund
from apps.payments.services import attempts
from apps.payments.services.refunds import refund_document
from tests.factories import make_grant, make_site
from tests.refusals import refused_by, run_sql

from .conftest import NOON
from .drivers import HOLD, capture, charge, make_attempt, open_page, pay, receipt_of, violations

pytestmark = pytest.mark.django_db


@pytest.fixture
def attempt(sandbox, site) -> PaymentAttempt:
    return pay(make_attempt(site))


@pytest.fixture
def receipt(attempt, site) -> Invoice:
    return receipt_of(attempt, site)


@pytest.fixture
def captured(attempt, receipt) -> PaymentAttempt:
    return capture(receipt)


def change(row, **changes: object) -> None:
    type(row).objects.filter(pk=row.pk).update(**changes)


class TestAttempt:
    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"status": "paid"}, "attempt_status_is_known|attempt_holds_money|attempt_is_granted"),
            ({"status": "authorised"}, "attempt_holds_money_through_its_page"),
            ({"hold_amount": Decimal("-1.00")}, "attempt_hold_is_not_negative"),
            ({"hold_amount": Decimal("1.001")}, "attempt_hold_is_rounded"),
            ({"hold_amount": Decimal(0)}, "attempt_holds_money_through_its_page"),
            ({"status": "released", "ended_at": NOON}, "attempt_released_says_why"),
            ({"status": "checkout_expired"}, "attempt_ended_says_when"),
            ({"currency": "CHF"}, "an attempt is for an EVSE and a tariff of its seller"),
        ],
    )
    def test_is_refused(self, site, changes, name):
        values = {
            "seller": site.owner,
            "evse": site.evse,
            "tariff_version": site.version,
            "pay_code": "x",
            "language": "en",
            "currency": "EUR",
            "hold_amount": HOLD,
            "created_at": NOON,
        }

        with refused_by(name, PaymentAttempt):
            PaymentAttempt.objects.create(**values | changes)

    @pytest.mark.parametrize("stranger", ["evse_id", "seller_id", "tariff_version_id"])
    def test_is_of_one_seller(self, site, stranger):
        other = make_site()
        values = {"evse_id": other.evse.pk, "seller_id": other.owner.pk, "tariff_version_id": other.version.pk}

        with refused_by("an attempt is for an EVSE and a tariff of its seller", PaymentAttempt, Payment):
            make_attempt(site, **{stranger: values[stranger]})

    @pytest.mark.parametrize(
        "changes",
        [{"hold_amount": Decimal("50.00")}, {"token": "guessed"}, {"pay_code": "other"}, {"created_at": NOON}],
    )
    def test_is_never_another_wish(self, site, attempt, changes):
        if "created_at" in changes:
            changes = {"created_at": NOON + timedelta(days=1)}

        with refused_by("wishes of drivers are frozen", PaymentAttempt):
            change(attempt, **changes)

    def test_never_goes_back(self, captured):
        with refused_by("an attempt never goes back", PaymentAttempt):
            change(captured, status="capturing", ended_at=None)
        with refused_by("an attempt never goes back", PaymentAttempt):
            change(captured, checkout_session_id="cs_other")
        with refused_by("an attempt never goes back", PaymentAttempt):
            change(captured, receipt=None)
        with refused_by("wishes of drivers are frozen", PaymentAttempt):
            run_sql("DELETE FROM payments_paymentattempt WHERE id = %s", captured.pk)

    def test_is_one_a_page(self, site):
        make_attempt(site, page_key="shown")
        values = PaymentAttempt.objects.values(
            "seller_id", "evse_id", "tariff_version_id", "currency", "hold_amount", "page_key", "created_at"
        ).get()

        with refused_by("attempt_one_per_page", PaymentAttempt):
            PaymentAttempt.objects.create(**values)


class TestGrant:
    @pytest.mark.parametrize(
        "changes", [{"limit_amount": Decimal("25.01")}, {"limit_amount": None}, {"evse": None}, {"currency": "CHF"}]
    )
    def test_is_of_the_attempts_evse_and_ceiling(self, site, attempt, changes):
        grant = make_grant(site=site, **{"evse": site.evse, "limit_amount": HOLD} | changes)

        with refused_by("a hold pays for an anonymous grant of its EVSE and tariff", PaymentAttempt):
            attempts.set_grant(attempt_id=attempt.pk, grant_id=grant.pk)

    def test_is_anonymous(self, site, attempt):
        grant = make_grant(site=site, evse=site.evse, limit_amount=HOLD, contract=site.contract)

        with refused_by("anonymous grant", PaymentAttempt):
            attempts.set_grant(attempt_id=attempt.pk, grant_id=grant.pk)

    def test_is_paid_for_by_one_attempt(self, site, attempt):
        grant = make_grant(site=site, evse=site.evse, limit_amount=HOLD)
        attempts.set_grant(attempt_id=attempt.pk, grant_id=grant.pk)
        second = pay(make_attempt(site))

        with refused_by("grant_id", PaymentAttempt):
            attempts.set_grant(attempt_id=second.pk, grant_id=grant.pk)

    def test_is_not_given_before_the_money_stands(self, sandbox, site):
        waiting = make_attempt(site)
        open_page(waiting)
        grant = make_grant(site=site, evse=site.evse, limit_amount=HOLD)

        with refused_by("attempt_is_granted_by_its_hold", PaymentAttempt):
            change(waiting, grant=grant)


class TestCapture:
    def test_is_never_asked_for_without_a_receipt(self, site, attempt):
        with refused_by("a hold is captured only for a receipt", PaymentOperation):
            self.ask(attempt)

    def test_is_never_for_another_sessions_receipt(self, site, attempt, receipt):
        other = pay(make_attempt(site))
        charge(other, site)

        with refused_by("the issued receipt of its settled session", PaymentAttempt):
            change(other, receipt=receipt)

    def test_is_never_for_a_session_that_is_not_settled(self, site, attempt, receipt):
        session = attempt.__class__.objects.get(pk=attempt.pk).grant.used_by_session
        run_sql("UPDATE charging_sessions_chargingsession SET status = 'live' WHERE id = %s", session.pk)

        with refused_by("the issued receipt of its settled session", PaymentAttempt):
            change(attempt, receipt=receipt)

    def test_is_done_once(self, captured):
        with refused_by("operation_one_capture_done_per_hold", PaymentOperation):
            self.ask(captured, status="done", ended_at=NOON, next_try_at=None)

    def test_never_exceeds_what_was_authorised(self, captured):
        with refused_by("payment_receives_at_most_its_amount", Payment):
            change(captured.payment, amount_received=Decimal("25.01"))

    def test_leaves_nothing_held(self, captured):
        with refused_by("payment_holds_at_most_its_amount", Payment):
            change(captured.payment, amount_capturable=Decimal("15.00"))

    @staticmethod
    def ask(attempt: PaymentAttempt, **changes: object) -> None:
        values = {
            "seller": attempt.seller,
            "payment": attempt.payment,
            "kind": "capture_intent",
            "idempotency_key": "wl-again",
            "livemode": False,
            "created_at": NOON,
            "next_try_at": NOON,
        }
        PaymentOperation.objects.create(**values | changes)


class TestHold:
    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"kind": "collection"}, "a payment is for an issued invoice|payment_collects_an_invoice_or_holds"),
            ({"attempt": None}, "a hold is of its attempt"),
            ({"amount": Decimal("26.00")}, "a hold is of its attempt"),
        ],
    )
    def test_is_of_one_attempt_and_its_amount(self, site, changes, name):
        free = make_attempt(site, Decimal(0))
        values = {
            "kind": "hold",
            "seller": site.owner,
            "attempt": free,
            "livemode": False,
            "currency": "EUR",
            "amount": HOLD,
            "amount_received": Decimal(0),
            "created_at": NOON,
        }

        with refused_by(name, Payment):
            Payment.objects.create(**values | changes)

    def test_settles_its_own_receipt_alone(self, site, captured, customer):
        other = pay(make_attempt(site))
        elsewhere = receipt_of(other, site)

        with refused_by("an allocation exceeds what was received or billed, or joins strangers", Allocation):
            Allocation.objects.create(
                payment=captured.payment,
                invoice=elsewhere,
                currency="EUR",
                amount=Decimal("1.00"),
                allocated_at=NOON,
            )


class TestRefund:
    def test_never_exceeds_what_was_captured(self, captured, receipt):
        note = credit_invoice(invoice_id=receipt.pk, reason="x", at=NOON, by=None)

        with refused_by("a refund exceeds what was captured", Refund):
            self.ask(captured, note, "10.01")
        self.ask(captured, note, "6.00")
        with refused_by("a refund exceeds what was captured", Refund):
            self.ask(captured, note, "4.01")

    def test_needs_its_credit_note(self, captured, receipt):
        with refused_by("lacks its credit note", Refund):
            self.ask(captured, receipt, "1.00")

    def test_never_goes_back(self, captured, receipt):
        (refund,) = refund_document(document_id=receipt.pk, reason="x", by=None, at=NOON)

        with refused_by("a refund never goes back", Refund):
            change(refund, status="requested", stripe_id=None, succeeded_at=None)
        with refused_by("refunds are frozen", Refund):
            change(refund, amount=Decimal("1.00"))

    @staticmethod
    def ask(attempt: PaymentAttempt, note: Invoice, amount: str) -> Refund:
        return Refund.objects.create(
            payment=attempt.payment,
            invoice=attempt.receipt,
            credit_note=note,
            currency="EUR",
            amount=Decimal(amount),
            reason="x",
            requested_at=NOON,
        )


class TestAudit:
    """Each rule is shown a breach, with the triggers that prevent it switched off for the transaction."""

    def test_has_the_rules_of_attempts(self):
        assert "audit_i3_attempts_capture_their_receipt" in view_names()

    def test_sees_a_capture_of_another_amount_than_the_receipt(self, captured):
        self.without_triggers("payments_payment")
        run_sql("UPDATE payments_payment SET amount_received = 9.00 WHERE id = %s", captured.payment.pk)

        problems = {each.problem for each in violations()}
        assert {
            "captured 9.000000 of a receipt of 10.000000 and a hold of 25.000000",
            "receipt 10.000000 is not captured 9.000000 + receivable 0.000000 + credited 0 - refunded 0",
        } <= problems

    def test_sees_a_capture_without_a_receipt(self, captured):
        self.without_triggers("payments_paymentattempt")
        run_sql("UPDATE payments_paymentattempt SET receipt_id = NULL WHERE id = %s", captured.pk)

        assert "captured without a receipt" in {each.problem for each in violations()}

    def test_sees_an_attempt_that_ended_while_its_money_is_held(self, attempt):
        self.without_triggers("payments_paymentattempt")
        run_sql(
            "UPDATE payments_paymentattempt SET status = 'checkout_expired', ended_at = now() WHERE id = %s", attempt.pk
        )

        assert [each.problem for each in violations()] == ["checkout_expired and its hold is requires_capture"]

    def test_sees_a_refund_beyond_the_capture_and_one_not_posted(self, captured, receipt):
        note = credit_invoice(invoice_id=receipt.pk, reason="x", at=NOON, by=None)
        refund = TestRefund.ask(captured, note, "10.00")
        self.without_triggers("payments_refund")
        run_sql(
            "UPDATE payments_refund SET amount = 11, status = 'succeeded', stripe_id = 're_1', succeeded_at = now() "
            "WHERE id = %s",
            refund.pk,
        )

        problems = {(each.subject, each.problem) for each in violations()}
        assert (f"payment {captured.payment.pk}", "refunded 11.000000 of 10.000000") in problems
        assert (f"refund {refund.pk}", "succeeded, 11.000000 and posted 0") in problems

    def test_sees_a_receipt_that_nobody_captures(self, attempt, receipt):
        self.without_triggers("invoices_invoice")
        run_sql("UPDATE invoices_invoice SET issued_at = now() - interval '16 minutes' WHERE id = %s", receipt.pk)

        late = [each for each in find_violations() if each.invariant == "I11"]
        assert [each.subject for each in late] == [f"invoice {receipt.pk}"]
        assert late[0].problem.endswith("not captured")

    def test_sees_an_attempt_on_anothers_evse(self, attempt):
        self.without_triggers("payments_paymentattempt")
        run_sql("UPDATE payments_paymentattempt SET evse_id = %s WHERE id = %s", make_site().evse.pk, attempt.pk)

        assert [(each.invariant, each.subject) for each in violations()] == [("I13", f"attempt {attempt.pk}")]

    @staticmethod
    def without_triggers(table: str) -> None:
        run_sql("SET CONSTRAINTS ALL IMMEDIATE")
        run_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
