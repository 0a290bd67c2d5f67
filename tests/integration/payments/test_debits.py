"""A customer's bank account is debited: signed for, announced, processing for days, settled or refused."""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.documents.models import Mail
from apps.payments.models import (
    Allocation,
    DebitNotice,
    Dispute,
    Payment,
    PaymentOperation,
    SavedMethod,
    StripeEvent,
)
from apps.payments.selectors import due_invoice_ids, payment_state, surplus_payment_ids
from apps.payments.services import setups, syncing
from apps.payments.services.disputes import unheard_disputes

from .conftest import GOOD, MINUTE, NOON, PAYS, assert_clean, charges, collect, journals, make_invoice
from .test_attempts import hear, told

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
TOMORROW = NOON + DAY


def begin_debit(sandbox, invoice, *, at=NOON) -> Payment:
    """Announce a debit, come back the day after, and make it."""
    collect(invoice, at=at)
    payment = collect(invoice, at=at + DAY)
    assert payment.status == "processing"
    return payment


def look(payment, *, at) -> Payment:
    return syncing.sync_payment(payment_id=payment.pk, at=at)


class TestAMandate:
    def test_keeps_what_may_be_shown_of_the_account_and_what_is_printed(self, sandbox, account):
        signed = sandbox.control.objects("mandate")[0]

        assert (account.kind, account.status, str(account)) == ("sepa_debit", "active", "DE•• 3000")
        assert (account.bank_code, account.country, account.brand) == ("37040044", "DE", "")
        assert account.mandate_id == signed["id"]
        assert account.mandate_reference == signed["payment_method_details"]["sepa_debit"]["reference"]

    def test_revoked_ends_the_account_and_tells_the_customer_before_the_next_start(self, sandbox, account):
        sandbox.control.revoke_mandate(account.mandate_id)

        for _ in range(2):
            setups.sync_method(method_id=account.pk, at=NOON)

        account.refresh_from_db()
        mail = Mail.objects.get()
        assert (account.status, account.ended_why) == ("detached", "revoked")
        assert mail.recipient == "fleet@example.org"
        assert mail.subject == "DE•• 3000 can no longer be used for your invoices"
        assert "the mandate was revoked" in mail.body
        assert "/portal/payment-method/" in mail.body

    def test_replaces_a_card(self, sandbox, save_card, save_account):
        card = save_card(GOOD)
        account = save_account()

        card.refresh_from_db()
        assert (card.status, card.ended_why, account.status) == ("detached", "replaced", "active")
        assert not Mail.objects.exists()


class TestTheAnnouncement:
    def test_is_sent_before_anything_is_asked_for(self, sandbox, seller, invoice, account):
        payment = collect(invoice)

        mail = Mail.objects.get()
        day = DebitNotice.objects.get().debit_date
        assert payment is None
        assert sandbox.control.objects("payment_intent") == []
        assert mail.subject == f"Direct debit of €119.00 on {day:%B} {day.day}, {day.year}"
        assert account.mandate_reference in mail.body
        assert "DE•• 3000" in mail.body
        assert journals(seller) == {}

    def test_is_sent_once_however_often_the_sweeper_comes(self, sandbox, invoice, account):
        assert due_invoice_ids(at=NOON) == [invoice.pk]

        for minutes in range(3):
            collect(invoice, at=NOON + minutes * MINUTE)

        assert Mail.objects.count() == DebitNotice.objects.count() == 1
        assert due_invoice_ids(at=TOMORROW - MINUTE) == []
        assert due_invoice_ids(at=TOMORROW) == [invoice.pk]

    def test_leaves_as_many_days_as_the_contract_says(self, sandbox, invoice, account):
        invoice.contract.debit_notice_days = 5
        invoice.contract.save()
        invoice.refresh_from_db()

        collect(invoice)

        assert DebitNotice.objects.get().not_before == NOON + 5 * DAY
        assert collect(invoice, at=NOON + 4 * DAY) is None

    def test_holds_for_less_than_was_announced(self, sandbox, customer, invoice, account):
        collect(invoice)
        make_invoice(customer, "-19.00", crediting=invoice)

        payment = collect(invoice, at=TOMORROW)

        assert payment.amount.amount == Decimal("100.00")
        assert DebitNotice.objects.count() == 1


class TestADebit:
    def test_is_processing_until_the_bank_has_paid_and_then_posted(self, sandbox, seller, invoice, account):
        payment = begin_debit(sandbox, invoice)

        assert payment_state(invoice).state == "processing"
        assert journals(seller) == {}
        assert due_invoice_ids(at=NOON + 10 * DAY) == []
        sandbox.control.settle_debit(payment.stripe_id)
        look(payment, at=NOON + 6 * DAY)

        assert payment_state(invoice).state == "paid"
        assert journals(seller)[f"payment:{payment.pk}:received"] == {
            "1020": Decimal("119.00"),
            "1200": Decimal("-119.00"),
        }
        assert_clean()

    def test_refused_by_the_bank_leaves_the_invoice_open_and_is_announced_again_on_the_third_day(
        self, sandbox, seller, invoice, account
    ):
        payment = begin_debit(sandbox, invoice)
        sandbox.control.fail_debit(payment.stripe_id, failure_code="insufficient_funds")
        look(payment, at=NOON + 2 * DAY)

        collect(invoice, at=NOON + 2 * DAY)

        state = payment_state(invoice)
        first, second = DebitNotice.objects.order_by("pk")
        assert (state.state, state.open_amount) == ("failed", Decimal("119.00"))
        assert (first.try_no, second.try_no) == (1, 2)
        assert (second.debit_date - first.debit_date).days == 3
        assert journals(seller) == {}
        assert not Allocation.objects.exists()

    def test_is_tried_again_on_the_same_intent_under_a_new_key(self, sandbox, invoice, account):
        payment = begin_debit(sandbox, invoice)
        sandbox.control.fail_debit(payment.stripe_id, failure_code="insufficient_funds")
        look(payment, at=NOON + 2 * DAY)
        collect(invoice, at=NOON + 2 * DAY)

        again = collect(invoice, at=NOON + 4 * DAY)

        confirmed = PaymentOperation.objects.filter(kind="confirm_intent")
        assert (again.pk, again.status) == (payment.pk, "processing")
        assert len({operation.idempotency_key for operation in confirmed}) == 2
        assert len(sandbox.control.objects("payment_intent")) == 1

    def test_refused_since_the_account_is_closed_is_never_tried_again(self, sandbox, invoice, account):
        payment = begin_debit(sandbox, invoice)
        sandbox.control.fail_debit(payment.stripe_id, failure_code="account_closed")
        look(payment, at=NOON + 2 * DAY)

        assert due_invoice_ids(at=NOON + 30 * DAY) == []
        collect(invoice, at=NOON + 30 * DAY)

        assert DebitNotice.objects.count() == 1
        assert [status for status, _ in charges(sandbox)] == ["failed"]

    def test_collects_nothing_in_another_currency(self, sandbox, customer, account):
        invoice = make_invoice(customer, "5000", currency="JPY")

        assert due_invoice_ids(at=NOON) == []
        assert collect(invoice) is None
        assert not DebitNotice.objects.exists()

    def test_leaves_no_number_of_the_account_in_any_row_or_call(self, sandbox, invoice, account):
        begin_debit(sandbox, invoice)

        rows = [
            *SavedMethod.objects.values(),
            *PaymentOperation.objects.values(),
            *Mail.objects.values(),
            *StripeEvent.objects.values(),
            *sandbox.control.requests(),
        ]
        assert PAYS[4:] not in repr(rows)
        assert PAYS[-10:] not in repr(rows)


class TestOnTheDueDate:
    def test_nothing_is_collected_before_that_day_and_all_of_it_then(self, sandbox, invoice, card):
        contract, due = invoice.contract, invoice.due_date
        contract.collects_on = "due"
        contract.save()
        before = NOON.replace(year=due.year, month=due.month, day=due.day) - DAY

        assert due_invoice_ids(at=before) == []
        assert collect(invoice, at=before) is None
        payment = collect(invoice, at=before + DAY)

        assert payment.status == "succeeded"

    def test_a_debit_is_announced_at_issue_for_the_due_date(self, sandbox, customer, account):
        invoice = make_invoice(customer)
        invoice.contract.collects_on = "due"
        invoice.contract.save()
        issued = NOON.replace(month=11, day=1, year=invoice.due_date.year)

        collect(invoice, at=issued)

        assert DebitNotice.objects.get().debit_date == invoice.due_date


@pytest.fixture
def paid(sandbox, invoice, account) -> Payment:
    """A debit that its bank has paid."""
    payment = begin_debit(sandbox, invoice)
    sandbox.control.settle_debit(payment.stripe_id)
    return look(payment, at=NOON + 6 * DAY)


class TestADebitTakenBack:
    """PAYMENTS.md: it can come back for 8 weeks to 13 months; paid moves to reopened."""

    def test_reopens_the_invoice_by_a_journal_of_its_own_and_takes_the_allocation_back(
        self, sandbox, seller, invoice, paid
    ):
        assert payment_state(invoice).state == "paid"
        sandbox.control.return_debit(paid.latest_charge, reason="insufficient_funds")

        returned = look(paid, at=NOON + 60 * DAY)

        state, books = payment_state(invoice), journals(seller)
        assert (returned.status, returned.amount_returned) == ("succeeded", Decimal("119.00"))
        assert (state.state, state.open_amount) == ("failed", Decimal("119.00"))
        assert [a.amount.amount for a in Allocation.objects.order_by("pk")] == [Decimal("119.00"), Decimal("-119.00")]
        assert books[f"payment:{paid.pk}:returned"] == {"1200": Decimal("119.00"), "1020": Decimal("-119.00")}
        assert set(books[f"payment:{paid.pk}:return_fee"]) == {"6000", "1020"}
        assert_clean()

    def test_is_posted_once_however_often_it_is_heard_of(self, sandbox, seller, invoice, paid):
        sandbox.control.return_debit(paid.latest_charge, reason="insufficient_funds")

        for minutes in range(3):
            look(paid, at=NOON + 60 * DAY + minutes * MINUTE)

        assert len(journals(seller)) == 4
        assert Allocation.objects.count() == 2
        assert surplus_payment_ids() == []

    def test_is_a_return_and_no_dispute_whoever_tells_of_it(self, sandbox, seller, invoice, paid):
        """To Stripe it is a dispute, lost from the start; booked as one, the debt would be lost and owed at once."""
        sandbox.control.return_debit(paid.latest_charge, reason="insufficient_funds")
        event = next(each for each in told(sandbox) if each["type"].startswith("charge.dispute."))
        (unheard,) = unheard_disputes(since=NOON - DAY)

        hear(event)
        syncing.sync_disputed(stripe_id=unheard[0], payment_id=unheard[1], at=NOON + 60 * DAY)

        assert not Dispute.objects.exists()
        assert [key for key in journals(seller) if key.startswith("dispute:")] == []
        assert payment_state(invoice).open_amount == Decimal("119.00")
        assert unheard_disputes(since=NOON - DAY) == []
        assert_clean()

    def test_is_tried_next_with_a_new_intent_after_another_announcement(self, sandbox, invoice, paid):
        sandbox.control.return_debit(paid.latest_charge, reason="insufficient_funds")
        look(paid, at=NOON + 20 * DAY)

        collect(invoice, at=NOON + 20 * DAY)
        again = collect(invoice, at=NOON + 21 * DAY)

        assert again.pk != paid.pk
        assert again.status == "processing"
        assert DebitNotice.objects.count() == 2
        assert len(sandbox.control.objects("payment_intent")) == 2
        assert_clean()

    def test_never_authorised_is_not_tried_again_and_the_customer_is_told(self, sandbox, invoice, account, paid):
        sandbox.control.return_debit(paid.latest_charge, reason="debit_not_authorized")

        look(paid, at=NOON + 20 * DAY)
        setups.sync_method(method_id=account.pk, at=NOON + 20 * DAY)

        account.refresh_from_db()
        subjects = {mail.subject for mail in Mail.objects.exclude(kind="debit")}
        assert (account.status, account.ended_why) == ("detached", "revoked")
        assert subjects == {
            f"Invoice {invoice.number} could not be collected",
            "DE•• 3000 can no longer be used for your invoices",
        }
        assert due_invoice_ids(at=NOON + 40 * DAY) == []
