"""Money that comes by bank settles what it was sent for, once, and never more than came."""

from datetime import date
from decimal import Decimal
from threading import Thread

import pytest
from django.db import IntegrityError, connection, transaction

from apps.accounts.models import User
from apps.core.audit import find_violations
from apps.invoices.domain.references import creditor_reference, in_groups
from apps.ledger.models import Journal
from apps.payments.credit import credits_of, left_of
from apps.payments.domain.status import PaymentStatus
from apps.payments.models import Allocation, BankReceipt, BankRepayment, Payment
from apps.payments.outcomes import IntentSnapshot
from apps.payments.selectors import due_invoice_ids, open_amount, payment_state, surplus_of, surplus_payment_ids
from apps.payments.services.allocating import NotAllocatable, take_back
from apps.payments.services.bank import (
    LineDiffers,
    NotRepayable,
    StatementLine,
    allocate_receipt,
    assign_receipt,
    execute_repayment,
    record_receipt,
    request_repayment,
    withdraw_repayment,
)
from apps.payments.services.projection import lock_payment, project_intent
from tests.factories import make_user
from tests.integration.ledger.refusal import triggers_off

from .conftest import (
    DECLINES_LATER,
    GOOD,
    MINUTE,
    NOON,
    assert_clean,
    charges,
    collect,
    journals,
    make_customer,
    make_invoice,
    make_organisation,
)

pytestmark = pytest.mark.django_db
BOOKED = date(2026, 11, 20)


@pytest.fixture
def clerk() -> User:
    return make_user(email="clerk@example.org")


def receive(seller, amount: str, *, reference: str = "", key: str = "", customer=None, currency="EUR") -> BankReceipt:
    line = StatementLine(
        key=key or f"line-{BankReceipt.objects.count()}",
        booked_on=BOOKED,
        amount=Decimal(amount),
        currency=currency,
        payer="Fleet C-1",
        reference=reference,
    )
    return record_receipt(seller_id=seller.pk, line=line, customer_id=customer and customer.pk, at=NOON)


def allocations() -> list[tuple[str, Decimal]]:
    return [(row.invoice.number, row.amount.amount) for row in Allocation.objects.order_by("pk")]


def assert_books_agree() -> None:
    connection.check_constraints()
    subjects = {"bank", "allocation", "write-off", "payment", "operation"}
    assert [found for found in find_violations() if found.subject.split()[0] in subjects] == []


def make_processing(invoice) -> Payment:
    """Make a payment whose end the bank has not said yet, as a SEPA debit is for days."""
    return Payment.objects.create(
        seller=invoice.seller,
        customer=invoice.customer,
        invoice=invoice,
        status="processing",
        stripe_id=f"pi_{invoice.pk}",
        livemode=False,
        currency="EUR",
        amount=invoice.gross,
        amount_received=Decimal(0),
        created_at=NOON,
    )


def succeed(payment: Payment) -> None:
    """Let Stripe say that it received all of it."""
    locked = lock_payment(payment.pk)
    snapshot = IntentSnapshot(
        stripe_id=payment.stripe_id,
        status=PaymentStatus.SUCCEEDED,
        livemode=False,
        currency="EUR",
        amount=payment.amount.amount,
        amount_received=payment.amount.amount,
    )
    project_intent(document=locked.document, payment=locked.payment, snapshot=snapshot, at=NOON)


class TestABankReceipt:
    def test_settles_the_invoice_whose_reference_it_carries_and_is_posted_on_the_banks_day(self, seller, invoice):
        other = make_invoice(invoice.customer, "10.00")
        said = f"Strom Oktober {in_groups(creditor_reference(invoice.number))}"

        receipt = receive(seller, "119.00", reference=said)

        assert receipt.customer == invoice.customer
        assert allocations() == [(invoice.number, Decimal("119.00"))]
        assert (payment_state(invoice).state, open_amount(other)) == ("paid", Decimal("10.00"))
        key = f"bank_receipt:{receipt.pk}:received"
        assert journals(seller) == {key: {"1000": Decimal("119.00"), "1200": Decimal("-119.00")}}
        assert Journal.objects.get(key=key).posted_on == BOOKED
        assert_books_agree()

    def test_counts_once_however_often_its_line_is_told(self, seller, invoice):
        first = receive(seller, "50.00", reference=invoice.number, key="2026-11-20/7")
        again = receive(seller, "50.00", reference=invoice.number, key="2026-11-20/7")

        assert first == again == BankReceipt.objects.get()
        assert open_amount(invoice) == Decimal("69.00")
        assert len(journals(seller)) == 1

    def test_is_refused_under_the_key_of_another_line(self, seller, invoice):
        receive(seller, "50.00", reference=invoice.number, key="7")

        with pytest.raises(LineDiffers):
            receive(seller, "50.01", reference=invoice.number, key="7")

        assert (BankReceipt.objects.count(), open_amount(invoice)) == (1, Decimal("69.00"))

    def test_leaves_the_rest_open_when_it_is_too_little(self, seller, invoice):
        receive(seller, "100.00", reference=invoice.number)

        state = payment_state(invoice)
        assert (state.state, state.open_amount) == ("open", Decimal("19.00"))

    def test_settles_what_else_the_customer_has_open_the_longest_due_first(self, seller, customer, invoice):
        second, third = make_invoice(customer, "30.00"), make_invoice(customer, "40.00")

        receive(seller, "100.00", reference=third.number)

        assert allocations() == [(third.number, Decimal("40.00")), (invoice.number, Decimal("60.00"))]
        assert (open_amount(invoice), open_amount(second)) == (Decimal("59.00"), Decimal("30.00"))

    def test_waits_for_a_person_without_a_reference(self, seller, invoice):
        receipt = receive(seller, "119.00", reference="thanks")

        assert (receipt.customer, allocations()) == (None, [])
        assert open_amount(invoice) == Decimal("119.00")

    def test_waits_for_a_person_when_it_names_invoices_of_two_customers(self, seller, invoice):
        stranger = make_invoice(make_customer(seller, "C-2"))

        receipt = receive(seller, "200.00", reference=f"{invoice.number} {stranger.number}")

        assert (receipt.customer, allocations()) == (None, [])

    def test_never_settles_another_sellers_invoice(self, invoice):
        other = make_organisation("Other GmbH", is_station_owner=True)

        receipt = receive(other, "119.00", reference=invoice.number)

        assert (receipt.customer, allocations()) == (None, [])

    def test_is_refused_for_another_sellers_customer(self, seller):
        stranger = make_customer(make_organisation("Other GmbH", is_station_owner=True), "C-9")

        with pytest.raises(NotAllocatable):
            receive(seller, "5.00", customer=stranger)

        assert not BankReceipt.objects.exists()
        assert not Journal.objects.exists()

    def test_leaves_an_invoice_alone_that_a_card_is_paying_unless_it_names_it(self, seller, customer, invoice):
        make_processing(invoice)

        first = receive(seller, "60.00", customer=customer)
        collect(invoice)
        assert (allocations(), left_of(first)) == ([], Decimal("60.00"))

        receive(seller, "70.00", reference=invoice.number)
        assert allocations() == [(invoice.number, Decimal("70.00"))]

    def test_paid_twice_leaves_what_the_card_brought_to_go_back_to_it(self, seller, customer, invoice):
        payment = make_processing(invoice)
        receive(seller, "100.00", reference=invoice.number)

        succeed(payment)

        payment.refresh_from_db()
        assert (open_amount(invoice), surplus_of(payment)) == (0, Decimal("100.00"))
        assert surplus_payment_ids() == [payment.pk]
        assert credits_of([customer]) == []
        assert_books_agree()

    def test_takes_any_text(self, seller):
        receipt = receive(seller, "1.00", reference="'; DROP TABLE \u202e <b>" * 60)

        assert len(receipt.reference) <= 500


class TestCredit:
    def test_is_what_a_receipt_brought_too_much_and_settles_the_next_invoice(self, sandbox, seller, customer, invoice):
        receipt = receive(seller, "150.00", reference=invoice.number)
        assert [(row.amount, row.currency) for row in credits_of([customer])] == [(Decimal("31.00"), "EUR")]
        following = make_invoice(customer, "40.00")

        assert due_invoice_ids(at=NOON) == [following.pk]
        collect(following)
        collect(following)

        assert allocations() == [(invoice.number, Decimal("119.00")), (following.number, Decimal("31.00"))]
        assert (left_of(receipt), credits_of([customer])) == (0, [])
        assert open_amount(following) == Decimal("9.00")
        assert due_invoice_ids(at=NOON) == []
        assert_books_agree()

    def test_is_used_before_the_card(self, sandbox, seller, customer, invoice, card):
        receive(seller, "150.00", reference=invoice.number)
        following = make_invoice(customer, "40.00")

        payment = collect(following)

        assert charges(sandbox) == [("succeeded", 900)]
        assert payment.amount_received.amount == Decimal("9.00")
        assert payment_state(following).state == "paid"
        assert_books_agree()

    def test_of_another_currency_settles_nothing(self, seller, customer, invoice):
        receive(seller, "150.00", customer=customer, currency="CHF")

        collect(invoice)

        assert allocations() == []
        assert due_invoice_ids(at=NOON) == []

    def test_of_another_customer_settles_nothing(self, seller, invoice):
        receive(seller, "150.00", customer=make_customer(seller, "C-2"))

        collect(invoice)

        assert allocations() == []

    def test_comes_of_a_credit_note_for_what_was_paid(self, seller, customer, invoice):
        receipt = receive(seller, "119.00", reference=invoice.number)
        note = make_invoice(customer, "-19.00", crediting=invoice)

        assert due_invoice_ids(at=NOON) == [invoice.pk]
        collect(note)

        assert (open_amount(invoice), left_of(receipt)) == (0, Decimal("19.00"))
        assert allocations()[1:] == [(invoice.number, Decimal("-119.00")), (invoice.number, Decimal("100.00"))]
        assert due_invoice_ids(at=NOON) == []
        assert_books_agree()


class TestACollectionUnderWay:
    def test_is_canceled_when_the_invoice_is_paid_by_bank(self, sandbox, seller, invoice, save_card):
        save_card(DECLINES_LATER)
        collect(invoice)

        receive(seller, "119.00", reference=invoice.number)
        assert due_invoice_ids(at=NOON) == [invoice.pk]
        payment = collect(invoice, at=NOON + MINUTE)

        assert payment.status == "canceled"
        assert payment_state(invoice).state == "paid"
        assert_books_agree()

    def test_asks_for_the_rest_when_a_part_is_paid_by_bank(self, sandbox, seller, invoice, save_card):
        save_card(DECLINES_LATER)
        collect(invoice)
        receive(seller, "100.00", reference=invoice.number)
        save_card(GOOD)

        payment = collect(invoice, at=NOON + MINUTE)

        kinds = [o.kind for o in payment.operations.order_by("pk")]
        assert kinds == ["create_intent", "confirm_intent", "update_amount", "confirm_intent"]
        assert charges(sandbox)[-1] == ("succeeded", 1900)
        assert payment_state(invoice).state == "paid"
        assert_books_agree()


class TestAPerson:
    def test_says_whose_money_it_is(self, seller, customer, invoice):
        receipt = receive(seller, "119.00", reference="thanks")

        assign_receipt(receipt_id=receipt.pk, customer=customer, at=NOON)
        assign_receipt(receipt_id=receipt.pk, customer=customer, at=NOON)

        assert allocations() == [(invoice.number, Decimal("119.00"))]

    def test_cannot_give_money_that_settles_something_to_another_customer(self, seller, invoice):
        receipt = receive(seller, "100.00", reference=invoice.number)

        with pytest.raises(NotAllocatable, match="Take these allocations back"):
            assign_receipt(receipt_id=receipt.pk, customer=make_customer(seller, "C-2"), at=NOON)

        receipt.refresh_from_db()
        assert receipt.customer == invoice.customer

    def test_allocates_a_part_to_an_invoice_they_choose(self, seller, invoice, clerk):
        receipt = receive(seller, "100.00")

        allocate_receipt(receipt_id=receipt.pk, invoice_id=invoice.pk, amount=Decimal("60.00"), by=clerk, at=NOON)

        assert allocations() == [(invoice.number, Decimal("60.00"))]
        assert left_of(receipt) == Decimal("40.00")

    def test_is_refused_more_than_is_left(self, seller, customer, invoice, clerk):
        receipt = receive(seller, "100.00", reference=invoice.number)
        following = make_invoice(customer, "40.00")

        with pytest.raises(NotAllocatable, match="Nothing of the money is left"):
            allocate_receipt(receipt_id=receipt.pk, invoice_id=following.pk, by=clerk, at=NOON)

        assert len(allocations()) == 1

    def test_takes_an_allocation_back_and_the_system_never_puts_it_there_again(self, seller, customer, invoice, clerk):
        receive(seller, "119.00", reference=invoice.number)
        wrong = Allocation.objects.get()

        first = take_back(allocation_id=wrong.pk, reason="meant for another", by=clerk, at=NOON)
        again = take_back(allocation_id=wrong.pk, reason="meant for another", by=clerk, at=NOON)
        collect(invoice)

        assert first == again
        assert (first.amount.amount, first.reverses, first.decided_by) == (Decimal("-119.00"), wrong, clerk)
        assert (open_amount(invoice), due_invoice_ids(at=NOON)) == (Decimal("119.00"), [])
        following = make_invoice(customer, "40.00")
        collect(following)
        assert open_amount(following) == 0
        assert_books_agree()

    def test_needs_a_reason_to_take_back_and_cannot_take_back_the_taking_back(self, seller, invoice, clerk):
        receive(seller, "119.00", reference=invoice.number)
        wrong = Allocation.objects.get()

        with pytest.raises(NotAllocatable, match="reason"):
            take_back(allocation_id=wrong.pk, reason="  ", by=clerk, at=NOON)
        reversal = take_back(allocation_id=wrong.pk, reason="wrong", by=clerk, at=NOON)
        with pytest.raises(NotAllocatable, match="not taken back itself"):
            take_back(allocation_id=reversal.pk, reason="wrong", by=clerk, at=NOON)

        assert Allocation.objects.count() == 2


class TestPayingBack:
    def test_sets_aside_what_is_left_and_posts_when_the_bank_has_paid(self, seller, customer, invoice, clerk):
        receipt = receive(seller, "150.00", reference=invoice.number)

        repayment = request_repayment(receipt_id=receipt.pk, reason="asked for it", by=clerk, at=NOON)
        collect(make_invoice(customer, "5.00"))
        executed = [
            execute_repayment(repayment_id=repayment.pk, executed_on=date(2026, 11, 24), by=clerk, at=NOON)
            for _ in range(2)
        ]

        assert repayment.amount.amount == Decimal("31.00")
        assert [row.status for row in executed] == ["executed", "executed"]
        key = f"bank_receipt:{receipt.pk}:paid_back:{repayment.pk}"
        assert journals(seller)[key] == {"1200": Decimal("31.00"), "1000": Decimal("-31.00")}
        assert len(allocations()) == 1
        assert_books_agree()

    def test_is_refused_when_nothing_is_left_or_no_reason_given(self, seller, invoice, clerk):
        receipt = receive(seller, "119.00", reference=invoice.number)
        unknown = receive(seller, "5.00")

        with pytest.raises(NotRepayable, match="left"):
            request_repayment(receipt_id=receipt.pk, reason="asked", by=clerk, at=NOON)
        with pytest.raises(NotRepayable, match="reason"):
            request_repayment(receipt_id=unknown.pk, reason=" ", by=clerk, at=NOON)

        assert not BankRepayment.objects.exists()

    def test_is_credit_again_when_withdrawn(self, seller, clerk):
        receipt = receive(seller, "5.00")
        repayment = request_repayment(receipt_id=receipt.pk, reason="a stranger's", by=clerk, at=NOON)

        withdraw_repayment(repayment_id=repayment.pk, by=clerk, at=NOON)

        assert left_of(receipt) == Decimal("5.00")
        with pytest.raises(NotRepayable, match="withdrawn"):
            execute_repayment(repayment_id=repayment.pk, executed_on=BOOKED, by=clerk, at=NOON)
        assert len(journals(seller)) == 1


class TestTheDatabase:
    @pytest.mark.parametrize(
        ("changes", "rule"),
        [
            ({"bank_receipt": None}, "of_one_source"),
            ({"amount": Decimal("100.01")}, "exceeds what was received or billed"),
            ({"amount": Decimal("-1.00")}, "allocation_of_bank_money_is_positive_or_takes_one_back"),
            ({"currency": "CHF"}, "joins strangers"),
        ],
    )
    def test_refuses_a_wrong_allocation(self, seller, customer, invoice, changes, rule):
        receipt = receive(seller, "100.00", customer=make_customer(seller, "C-2"))
        BankReceipt.objects.update(customer=customer)
        row = {"bank_receipt": receipt, "invoice": invoice, "currency": "EUR", "amount": Decimal("1.00")}

        with pytest.raises(IntegrityError, match=rule), transaction.atomic():
            Allocation.objects.create(**row | changes, allocated_at=NOON)

        assert not Allocation.objects.exists()

    def test_refuses_an_allocation_of_nothing_even_without_triggers(self, invoice):
        with triggers_off(), pytest.raises(IntegrityError, match="of_one_source"), transaction.atomic():
            Allocation.objects.create(invoice=invoice, currency="EUR", amount=Decimal(1), allocated_at=NOON)

    def test_refuses_to_take_back_a_part_or_twice(self, seller, invoice):
        receive(seller, "100.00", reference=invoice.number)
        row = Allocation.objects.get()
        wish = {"bank_receipt": row.bank_receipt, "invoice": invoice, "currency": "EUR", "reverses": row}

        with pytest.raises(IntegrityError, match="taken back whole"), transaction.atomic():
            Allocation.objects.create(**wish, amount=Decimal("-99.00"), reason="x", allocated_at=NOON)

        Allocation.objects.create(**wish, amount=Decimal("-100.00"), reason="x", allocated_at=NOON)
        with pytest.raises(IntegrityError, match="reverses"), transaction.atomic():
            Allocation.objects.create(**wish, amount=Decimal("-100.00"), reason="x", allocated_at=NOON)
        assert Allocation.objects.count() == 2

    def test_never_changes_a_receipt_but_for_its_customer_while_it_is_free(self, seller, invoice):
        receipt = receive(seller, "100.00", reference=invoice.number)

        for change in ({"amount": Decimal("1.00")}, {"reference": "other"}, {"customer": None}):
            with pytest.raises(IntegrityError), transaction.atomic():
                BankReceipt.objects.filter(pk=receipt.pk).update(**change)
        with pytest.raises(IntegrityError), transaction.atomic():
            receipt.delete()

        receipt.refresh_from_db()
        assert (receipt.amount.amount, receipt.customer) == (Decimal("100.00"), invoice.customer)

    def test_lets_retention_empty_the_payers_words(self, seller, invoice):
        receipt = receive(seller, "100.00", reference=invoice.number)

        BankReceipt.objects.filter(pk=receipt.pk).update(payer="", payer_iban="", reference="")

        receipt.refresh_from_db()
        assert (receipt.payer, receipt.amount.amount) == ("", Decimal("100.00"))


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_the_same_line_on_two_processes_is_one_receipt(self, seller, customer):
        invoice = make_invoice(customer)

        together(2, lambda: receive(seller, "50.00", reference=invoice.number, key="7"))

        assert (BankReceipt.objects.count(), open_amount(invoice)) == (1, Decimal("69.00"))
        assert len(journals(seller)) == 1

    def test_two_invoices_never_get_more_than_came(self, seller, customer):
        receive(seller, "50.00", customer=customer)
        invoices = [make_invoice(customer, "40.00") for _ in range(4)]

        together(4, lambda number: collect(invoices[number]))

        assert sum(amount for _, amount in allocations()) == Decimal("50.00")
        assert_clean()


def together(count: int, deed) -> None:
    """Run a deed on threads of their own, each with its own connection; raise what one raised."""
    errors = []

    def run(number: int) -> None:
        try:
            deed(number) if deed.__code__.co_argcount else deed()
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
