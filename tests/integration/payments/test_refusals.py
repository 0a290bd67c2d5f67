"""What the database refuses, whoever asks; each refusal leaves the row as it was."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from apps.core.audit import find_violations, view_names
from apps.payments.models import Allocation, Payment, PaymentOperation, SavedMethod, StripeCustomer, StripeEvent
from tests.integration.ledger.refusal import triggers_off

from .conftest import NOON, assert_clean, collect, make_customer, make_invoice, make_organisation

pytestmark = pytest.mark.django_db


def make_payment(invoice, **changes) -> Payment:
    values = {
        "seller": invoice.seller,
        "customer": invoice.customer,
        "invoice": invoice,
        "livemode": False,
        "currency": "EUR",
        "amount": Decimal("119.00"),
        "amount_received": Decimal(0),
        "created_at": NOON,
    }
    return Payment.objects.create(**values | changes)


def make_paid(invoice, **changes) -> Payment:
    values = {
        "status": "succeeded",
        "stripe_id": f"pi_{invoice.pk}",
        "amount_received": Decimal("119.00"),
        "succeeded_at": NOON,
    }
    return make_payment(invoice, **values | changes)


def make_method(customer, **changes) -> SavedMethod:
    return SavedMethod.objects.create(**{"customer": customer, "livemode": False, "requested_at": NOON} | changes)


def make_operation(customer, **changes) -> PaymentOperation:
    values = {
        "seller": customer.seller,
        "customer": customer,
        "kind": "create_customer",
        "idempotency_key": f"wl-{PaymentOperation.objects.count()}",
        "livemode": False,
        "created_at": NOON,
        "next_try_at": NOON,
    }
    return PaymentOperation.objects.create(**values | changes)


def refused(name: str, deed, *args, **kwargs) -> None:
    """Assert that the database refuses, naming the rule."""
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        deed(*args, **kwargs)


def allocate(payment, invoice, amount: str, currency: str = "EUR") -> Allocation:
    return Allocation.objects.create(
        payment=payment, invoice=invoice, currency=currency, amount=Decimal(amount), allocated_at=NOON
    )


class TestPayment:
    def test_is_open_once_per_invoice(self, invoice):
        make_payment(invoice)

        refused("payment_one_open_per_document_and_kind", make_payment, invoice)
        assert Payment.objects.count() == 1

    def test_may_follow_one_that_ended(self, invoice):
        make_payment(invoice, status="canceled")

        assert make_payment(invoice).status == "new"

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"status": "paid", "stripe_id": "pi_1"}, "payment_status_is_known"),
            ({"amount": Decimal(0)}, "payment_amount_is_positive"),
            ({"amount_received": Decimal("119.01")}, "payment_receives_at_most_its_amount"),
            ({"amount_received": Decimal("-0.01")}, "payment_receives_at_most_its_amount"),
            ({"amount": Decimal("119.001")}, "payment_amounts_are_rounded"),
            ({"status": "processing"}, "payment_has_an_id_once_made"),
            ({"stripe_id": "pi_1"}, "payment_has_an_id_once_made"),
            (
                {"status": "succeeded", "stripe_id": "pi_1", "succeeded_at": NOON},
                "payment_succeeded_received_something",
            ),
            ({"succeeded_at": NOON}, "payment_succeeded_received_something"),
            ({"currency": "CHF"}, "a payment is for an issued invoice"),
        ],
    )
    def test_is_refused(self, invoice, changes, name):
        refused(name, make_payment, invoice, **changes)
        assert not Payment.objects.exists()

    def test_is_never_for_another_customers_invoice(self, seller, invoice):
        stranger = make_customer(seller, "C-2")

        refused("a payment is for an issued invoice", make_payment, invoice, customer=stranger)

    def test_is_never_for_a_credit_note(self, customer, invoice):
        note = make_invoice(customer, "-1.00", crediting=invoice)

        refused("a payment is for an issued invoice", make_payment, note)

    @pytest.mark.parametrize(
        "changes",
        [
            {"status": "processing", "succeeded_at": None},
            {"amount_received": Decimal("1.00")},
            {"stripe_id": "pi_other"},
            {"livemode": True},
        ],
    )
    def test_never_goes_back(self, invoice, changes):
        payment = make_paid(invoice)

        refused("a payment never goes back", Payment.objects.filter(pk=payment.pk).update, **changes)
        payment.refresh_from_db()
        assert (payment.status, payment.amount_received.amount) == ("succeeded", Decimal("119.00"))

    def test_is_never_deleted(self, invoice):
        payment = make_paid(invoice)

        refused("payments are never deleted", payment.delete)


class TestAllocation:
    def test_stays_within_what_was_received(self, invoice):
        payment = make_paid(invoice, amount_received=Decimal("100.00"))
        allocate(payment, invoice, "60.00")

        refused("an allocation exceeds", allocate, payment, invoice, "40.01")
        allocate(payment, invoice, "40.00")

    def test_stays_within_what_the_invoice_bills(self, invoice):
        allocate(make_paid(invoice), invoice, "119.00")
        second = make_paid(invoice, stripe_id="pi_second")

        refused("an allocation exceeds", allocate, second, invoice, "0.01")
        assert Allocation.objects.count() == 1

    def test_never_joins_strangers(self, seller, invoice):
        elsewhere = make_invoice(make_customer(seller, "C-2"))

        refused("joins strangers", allocate, make_paid(invoice), elsewhere, "1.00")

    def test_is_in_one_currency(self, invoice):
        refused("joins strangers", allocate, make_paid(invoice), invoice, "1.00", currency="CHF")

    @pytest.mark.parametrize(
        ("amount", "name"),
        [("0", "allocation_amount_is_not_zero"), ("0.001", "allocation_amount_is_rounded")],
    )
    def test_is_something_and_rounded(self, invoice, amount, name):
        refused(name, allocate, make_paid(invoice), invoice, amount)

    def test_is_never_changed_or_deleted(self, invoice):
        allocation = allocate(make_paid(invoice), invoice, "1.00")

        refused("allocations are never", Allocation.objects.filter(pk=allocation.pk).update, amount=Decimal(2))
        refused("allocations are never", allocation.delete)


class TestOperation:
    def test_is_unfinished_once_per_payment(self, customer, invoice):
        payment, method = make_payment(invoice), make_method(customer)
        make_operation(customer, kind="create_intent", payment=payment, method=method)

        refused(
            "operation_one_unfinished_per_payment",
            make_operation,
            customer,
            kind="confirm_intent",
            payment=payment,
            method=method,
        )

    def test_sets_up_one_step_at_a_time(self, customer):
        make_operation(customer)

        refused("operation_one_setup_step_per_customer", make_operation, customer)

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"status": "paid"}, "operation_status_is_known|operation_is_due_or_ended"),
            ({"next_try_at": None}, "operation_is_due_or_ended"),
            ({"status": "done"}, "operation_is_due_or_ended"),
            ({"kind": "confirm_intent"}, "operation_names_what_it_acts_on"),
            ({"kind": "wire_money"}, "operation_names_what_it_acts_on"),
        ],
    )
    def test_is_refused(self, customer, changes, name):
        refused(name, make_operation, customer, **changes)
        assert not PaymentOperation.objects.exists()

    def test_has_a_key_of_its_own(self, customer):
        make_operation(customer, idempotency_key="wl-same", next_try_at=None, ended_at=NOON, status="done")

        refused("idempotency_key", make_operation, customer, idempotency_key="wl-same")

    @pytest.mark.parametrize("changes", [{"params": {"amount": 1}}, {"idempotency_key": "wl-new"}, {"livemode": True}])
    def test_never_says_something_else_under_its_key(self, customer, changes):
        operation = make_operation(customer)

        refused("calls to Stripe are frozen", PaymentOperation.objects.filter(pk=operation.pk).update, **changes)

    def test_is_frozen_when_ended(self, customer):
        operation = make_operation(customer, next_try_at=None, ended_at=NOON, status="rejected")
        rows = PaymentOperation.objects.filter(pk=operation.pk)

        refused("ended operations are frozen", rows.update, status="pending", ended_at=None, next_try_at=NOON)
        refused("are frozen", operation.delete)


class TestMethod:
    def test_is_requested_once_per_customer(self, customer):
        make_method(customer)

        refused("method_one_requested_per_customer", make_method, customer)

    def test_is_active_once_per_customer(self, customer):
        active = {"status": "active", "last4": "4242", "activated_at": NOON}
        make_method(customer, **active, checkout_session_id="cs_1", payment_method_id="pm_1")

        refused(
            "method_one_active_per_customer",
            make_method,
            customer,
            **active,
            checkout_session_id="cs_2",
            payment_method_id="pm_2",
        )

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"status": "wished"}, "method_status_is_known|method_known_once_active|method_ended_says_when"),
            ({"status": "active"}, "method_known_once_active"),
            ({"status": "failed"}, "method_ended_says_when"),
            ({"ended_at": NOON}, "method_ended_says_when"),
            ({"expiry_month": 13, "expiry_year": 2030}, "method_expiry_is_a_month"),
            ({"expiry_month": 12}, "method_expiry_is_a_month"),
        ],
    )
    def test_is_refused(self, customer, changes, name):
        refused(name, make_method, customer, **changes)
        assert not SavedMethod.objects.exists()


class TestCustomerAndEvent:
    def test_a_customer_keeps_its_id_at_stripe(self, customer):
        known = StripeCustomer.objects.create(customer=customer, stripe_id="cus_1", livemode=False, created_at=NOON)

        refused("Stripe customers are frozen", StripeCustomer.objects.filter(pk=known.pk).update, livemode=True)

    def test_an_event_stays_as_it_arrived(self):
        event = StripeEvent.objects.create(
            stripe_id="evt_1", type="x", livemode=False, payload={"id": "evt_1"}, received_at=NOON, next_try_at=NOON
        )
        rows = StripeEvent.objects.filter(pk=event.pk)

        refused("received events are frozen", rows.update, payload={})
        refused("event_is_due_or_processed", rows.update, next_try_at=None)
        assert rows.update(next_try_at=None, processed_at=NOON) == 1


class TestTenancy:
    def test_each_row_is_seen_by_its_seller_and_its_fleet_only(self, customer, invoice):
        from apps.accounts.models import Membership, User

        allocate(make_paid(invoice), invoice, "1.00")
        make_method(customer)
        other = make_organisation("Wind Park GmbH")
        people = [customer.seller, customer.organisation, other]
        members = [
            Membership.objects.create(
                user=User.objects.create_user(f"{index}@example.org"), organisation=organisation, role="owner"
            )
            for index, organisation in enumerate(people)
        ]

        for model in (Payment, SavedMethod, Allocation):
            assert [model.objects.visible_to(member).count() for member in members] == [1, 1, 0]


class TestAuditViews:
    """Each view is shown a breach, with the triggers that prevent it switched off for the transaction."""

    def test_are_there(self):
        assert {
            "audit_i3_payments_within_bounds",
            "audit_i11_payment_work_on_time",
            "audit_i13_payments_within_tenant",
        } <= set(view_names())

    def test_i3_sees_money_received_and_not_posted_and_too_much_allocated(self, invoice):
        payment = make_paid(invoice)
        self.without_triggers()
        allocate(payment, invoice, "120.00")

        problems = {(each.subject, each.problem) for each in find_violations() if each.invariant == "I3"}
        assert problems == {
            (f"payment {payment.pk}", "received 119.000000 and posted 0"),
            (f"payment {payment.pk}", "allocated 120.000000 of 119.000000 received"),
            (f"invoice {invoice.pk}", "allocated 120.000000 of 119.000000"),
            (f"document {invoice.pk}", "119.000000 is kept as open, and it adds up to -1.000000"),
        }

    def test_i3_sees_a_payment_whose_allocation_is_gone(self, sandbox, invoice, card):
        payment = collect(invoice)
        assert_clean()
        with triggers_off():
            payment.allocations.all().delete()

        problems = {(each.subject, each.problem) for each in find_violations() if each.invariant == "I3"}
        assert problems == {
            (f"payment {payment.pk}", f"succeeded and settles nothing of invoice {invoice.pk}"),
            (f"document {invoice.pk}", "0.000000 is kept as open, and it adds up to 119.000000"),
        }

    def test_i3_lets_a_payment_settle_nothing_of_an_invoice_that_was_credited(self, customer, invoice):
        payment = make_paid(invoice)
        make_invoice(customer, "-119.00", crediting=invoice)

        problems = [(each.subject, each.problem) for each in find_violations() if each.invariant == "I3"]
        assert problems == [(f"payment {payment.pk}", "received 119.000000 and posted 0")]

    def test_i11_sees_an_operation_nobody_drives(self, customer):
        operation = make_operation(customer, next_try_at=NOON - timedelta(hours=1))

        assert [each.subject for each in find_violations() if each.invariant == "I11"] == [f"operation {operation.pk}"]

    def test_i13_sees_an_operation_on_anothers_payment(self, seller, invoice):
        stranger = make_customer(seller, "C-2")
        payment = make_payment(invoice)
        operation = make_operation(stranger, kind="cancel_intent", payment=payment)

        assert [each.subject for each in find_violations() if each.invariant == "I13"] == [f"operation {operation.pk}"]

    @staticmethod
    def without_triggers() -> None:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE payments_allocation DISABLE TRIGGER USER")
