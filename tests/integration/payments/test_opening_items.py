"""Opening items: what customers owed in the old system is open here, is paid by bank, given up or taken back, once."""

from datetime import date
from decimal import Decimal
from typing import NamedTuple

import pytest

from apps.accounting.debtors import receivable_by_customer
from apps.accounting.reports.receivables import receivables_sheet
from apps.accounts.models import User
from apps.contracts.models import SpendingLimit
from apps.core.audit import find_violations
from apps.core.domain.zones import zone
from apps.ledger.domain.chart import Role
from apps.ledger.models import Journal
from apps.ledger.selectors import balance
from apps.payments.credit import credits_of
from apps.payments.models import BankReceipt, OpeningItem, OpeningSettlement
from apps.payments.openings import open_amount, open_items
from apps.payments.services.bank import NotAllocatable, assign_receipt, request_repayment
from apps.payments.services.openings import (
    OpeningRefused,
    Told,
    give_up_opening_item,
    pay_opening_item,
    record_opening_item,
    reverse_opening_item,
    take_payment_back,
)
from tests.factories import make_user
from tests.integration.ledger.refusal import triggers_off
from tests.integration.payments.test_attempt_accidents import together
from tests.refusals import refused_by, run_sql

from .conftest import MINUTE, NOON, make_customer, make_invoice, make_organisation
from .test_bank import receive

pytestmark = pytest.mark.django_db
TODAY = NOON.astimezone(zone("Europe/Berlin")).date()


@pytest.fixture
def clerk() -> User:
    return make_user(email="clerk@example.org")


def bring(customer, number: str = "RE-2025-0815", amount: str = "119.00", *, due: date = date(2025, 12, 15), **more):
    told = Told(
        number=number,
        document_date=date(2025, 11, 30),
        due_date=due,
        amount=Decimal(amount),
        **{"currency": "EUR", **more},
    )
    return record_opening_item(customer=customer, told=told, by=None, at=NOON)


def still_open(customer) -> dict[str, str]:
    return {item.number: f"{item.open_amount:.2f}" for item in open_items(customer=customer)}


class Books(NamedTuple):
    receivable: str
    opening: str
    bank: str
    bad_debt: str


def books(seller) -> Books:
    roles = (Role.RECEIVABLE, Role.OPENING_BALANCES, Role.BANK, Role.BAD_DEBT)
    return Books(*(f"{balance(entity_id=seller.pk, role=role, currency='EUR'):.2f}" for role in roles))


def problems() -> list[tuple[str, str]]:
    """What the audit says, but of invoices that these tests insert past their series and the ledger."""
    inserted = ("invoice", "series")
    return [(one.invariant, one.problem) for one in find_violations() if not one.subject.startswith(inserted)]


class TestWhatIsOwed:
    def test_is_posted_against_opening_balances_and_paid_by_bank_the_longest_due_first(self, seller, customer, clerk):
        older, named = bring(customer), bring(customer, "RE-2025-0900", "50.00", due=date(2025, 12, 20))
        new = make_invoice(customer, "10.00")
        assert books(seller) == Books("169.00", "-169.00", "0.00", "0.00")

        receive(seller, "40.00", reference="our payment re-2025-0900, thanks")
        assert still_open(customer) == {older.number: "119.00", named.number: "10.00"}
        second = receive(seller, "134.00", customer=customer)

        assert still_open(customer) == {}
        assert [(row.item.number, f"{row.amount.amount:.2f}") for row in second.opening_settlements.all()] == [
            (older.number, "119.00"),
            (named.number, "10.00"),
        ]
        assert [(row.invoice, f"{row.amount.amount:.2f}") for row in second.allocations.all()] == [(new, "5.00")]
        assert books(seller) == Books("-5.00", "-169.00", "174.00", "0.00")
        assert problems() == []

    def test_is_in_the_receivables_by_age_on_the_debtors_account_and_in_the_spending_limit(self, seller, customer):
        contract = make_invoice(customer, "10.00").contract
        limit = SpendingLimit.objects.create(contract=contract, currency="EUR", amount="500.00", session_amount="5.00")
        item = bring(customer, due=TODAY)
        receive(seller, "19.00", reference=item.number)
        limit.refresh_from_db()

        (row,) = receivables_sheet(seller, TODAY).rows

        # Not due, then 1 to 30 days: the invoice of these tests, of which nobody posted anything.
        assert [cell.value for cell in row.cells][:4] == [
            customer.name,
            customer.number,
            Decimal("100.00"),
            Decimal(10),
        ]
        assert receivable_by_customer(seller, TODAY) == {("EUR", customer.pk): Decimal("100.00")}
        # The invoice of these tests and what came along.
        assert limit.owed == Decimal("110.00")

    def test_waits_for_a_person_where_a_text_names_two_customers_or_a_number_too_short(self, seller, customer):
        other = make_customer(seller, "C-2")
        bring(customer)
        bring(other, "RE-2025-0816")
        bring(other, "77")

        for text in ("RE-2025-0815 and RE-2025-0816", "invoice 77", "RE-2025-08150"):
            assert receive(seller, "20.00", reference=text).customer is None

        assert not OpeningSettlement.objects.exists()

    def test_is_paid_by_money_that_a_person_chose_and_open_again_when_that_is_taken_back(self, seller, customer, clerk):
        item, receipt = bring(customer), receive(seller, "119.00")

        paid = pay_opening_item(item_id=item.pk, receipt_id=receipt.pk, by=clerk, at=NOON)
        with pytest.raises(OpeningRefused, match="Nothing of the money is left"):
            pay_opening_item(item_id=item.pk, receipt_id=receipt.pk, by=clerk, at=NOON)
        with pytest.raises(OpeningRefused, match="needs a reason"):
            take_payment_back(settlement_id=paid.pk, reason=" ", by=clerk, at=NOON)
        first = take_payment_back(settlement_id=paid.pk, reason="wrong money", by=clerk, at=NOON)

        assert take_payment_back(settlement_id=paid.pk, reason="again", by=clerk, at=NOON) == first
        assert still_open(customer) == {item.number: "119.00"}
        assert [(one.customer, one.amount) for one in credits_of([customer])] == [(customer, Decimal("119.00"))]
        assert problems() == []

    def test_is_never_paid_by_anothers_money(self, seller, customer, clerk):
        item = bring(customer)
        others = receive(seller, "20.00", customer=make_customer(seller, "C-2"))
        strangers = receive(make_organisation("Other seller"), "20.00")

        with pytest.raises(OpeningRefused, match="is not Fleet C-2's"):
            pay_opening_item(item_id=item.pk, receipt_id=others.pk, by=clerk, at=NOON)
        with pytest.raises(OpeningRefused, match="not of this seller"):
            pay_opening_item(item_id=item.pk, receipt_id=strangers.pk, by=clerk, at=NOON)

        for receipt in (others, strangers):
            with refused_by("joins strangers", OpeningSettlement):
                OpeningSettlement.objects.create(
                    item=item, bank_receipt=receipt, currency="EUR", amount="1.00", settled_at=NOON
                )


class TestGivingUp:
    def test_is_bad_debt_gross_and_comes_back_with_money_after_all(self, seller, customer, clerk):
        item = bring(customer)
        receive(seller, "19.00", reference=item.number)

        give_up_opening_item(item_id=item.pk, reason="insolvent", by=clerk, at=NOON)
        assert (still_open(customer), books(seller)) == ({}, Books("0.00", "-119.00", "19.00", "100.00"))
        with pytest.raises(OpeningRefused, match="Nothing of RE-2025-0815 is open"):
            give_up_opening_item(item_id=item.pk, reason="twice", by=clerk, at=NOON)
        receive(seller, "60.00", reference=item.number)

        assert (still_open(customer), books(seller)) == ({}, Books("0.00", "-119.00", "79.00", "40.00"))
        assert problems() == []


class TestACredit:
    def test_is_money_that_settles_what_comes_and_is_paid_back_like_any_other(self, seller, customer, clerk):
        bring(customer, "GS-2025-0001", "-20.00", note="paid twice")

        assert books(seller) == Books("-20.00", "20.00", "0.00", "0.00")
        assert [one.amount for one in credits_of([customer])] == [Decimal("20.00")]
        receipt = BankReceipt.objects.get()
        with pytest.raises(NotAllocatable, match="came along as a credit of Fleet C-1"):
            assign_receipt(receipt_id=receipt.pk, customer=make_customer(seller, "C-2"), at=NOON)
        request_repayment(receipt_id=receipt.pk, reason="they ask for it", by=clerk, at=NOON)
        with pytest.raises(OpeningRefused, match="Something of GS-2025-0001 is used"):
            reverse_opening_item(item_id=receipt.opening_item_id, reason="mistake", by=clerk, at=NOON)
        assert problems() == []

    def test_pays_an_opening_item_when_a_person_says_so(self, seller, customer, clerk):
        item = bring(customer)
        bring(customer, "GS-2025-0001", "-20.00")

        pay_opening_item(item_id=item.pk, receipt_id=BankReceipt.objects.get().pk, by=clerk, at=NOON)

        assert (still_open(customer), credits_of([customer])) == ({item.number: "99.00"}, [])
        assert problems() == []

    def test_that_is_taken_back_settles_nothing_any_more(self, seller, customer, clerk):
        item = bring(customer, "GS-2025-0001", "-20.00")

        reverse_opening_item(item_id=item.pk, reason="never was", by=clerk, at=NOON)

        assert (credits_of([customer]), books(seller)) == ([], Books("0.00", "0.00", "0.00", "0.00"))
        owed = bring(customer)
        with refused_by("joins strangers", OpeningSettlement):
            OpeningSettlement.objects.create(
                item=owed, bank_receipt=BankReceipt.objects.get(), currency="EUR", amount="1.00", settled_at=NOON
            )
        assert problems() == []


class TestTakingBack:
    def test_posts_the_reverse_once_and_lets_the_number_come_again(self, seller, customer, clerk):
        item = bring(customer)
        with pytest.raises(OpeningRefused, match="needs a reason"):
            reverse_opening_item(item_id=item.pk, reason="", by=clerk, at=NOON)

        reverse_opening_item(item_id=item.pk, reason="wrong amount", by=clerk, at=NOON)
        reverse_opening_item(item_id=item.pk, reason="second click", by=clerk, at=NOON + MINUTE)
        again = bring(customer, amount="91.00")

        assert (still_open(customer), books(seller)) == (
            {again.number: "91.00"},
            Books("91.00", "-91.00", "0.00", "0.00"),
        )
        assert OpeningItem.objects.get(pk=item.pk).reversal_reason == "wrong amount"
        assert problems() == []

    def test_is_refused_once_something_is_paid(self, seller, customer, clerk):
        item = bring(customer)
        receive(seller, "1.00", reference=item.number)
        journals = Journal.objects.count()

        with pytest.raises(OpeningRefused, match="is paid or given up"):
            reverse_opening_item(item_id=item.pk, reason="mistake", by=clerk, at=NOON)

        assert Journal.objects.count() == journals
        with refused_by("what is settled is not taken back", OpeningItem):
            OpeningItem.objects.filter(pk=item.pk).update(
                reversed_at=NOON, reversed_by=clerk, reversal_reason="by hand"
            )


class TestTheDatabase:
    def test_refuses_what_must_never_be(self, seller, customer, clerk):
        item, receipt = bring(customer), receive(seller, "500.00")
        pay_opening_item(item_id=item.pk, receipt_id=receipt.pk, by=clerk, at=NOON)

        with refused_by("opening_item_once_per_document", OpeningItem):
            bring(customer)
        with refused_by("of a customer of its seller", OpeningItem):
            OpeningItem.objects.create(
                seller=make_organisation("Other"), customer=customer, number="X-1", document_date=TODAY, due_date=TODAY,
                currency="EUR", amount="1.00", recorded_at=NOON,
            )  # fmt: skip
        with refused_by("opening_item_is_not_nothing", OpeningItem):
            bring(customer, "X-2", "0.00")
        with refused_by("opening_item_amount_is_rounded", OpeningItem):
            run_sql(
                "INSERT INTO payments_openingitem (seller_id, customer_id, number, document_date, due_date, currency, "
                "amount, note, recorded_at, reversal_reason) SELECT seller_id, customer_id, 'X-3', document_date, "
                "due_date, 'JPY', 1.5, '', recorded_at, '' FROM payments_openingitem"
            )
        with refused_by("opening_item_due_after_its_day", OpeningItem):
            bring(customer, "X-5", due=date(2025, 1, 1))
        with refused_by("exceeds its opening item", OpeningSettlement):
            OpeningSettlement.objects.create(
                item=item, bank_receipt=receipt, currency="EUR", amount="0.01", settled_at=NOON
            )
        with refused_by("exceeds its opening item", OpeningSettlement):
            OpeningSettlement.objects.create(item=item, currency="EUR", amount="-1", reason="after", settled_at=NOON)
        for sql, says in [
            ("UPDATE payments_openingitem SET amount = 1", "opening items are frozen"),
            ("DELETE FROM payments_openingitem", "opening items are frozen"),
            ("UPDATE payments_openingsettlement SET amount = 1", "are never changed or deleted"),
            ("DELETE FROM payments_openingsettlement", "are never changed or deleted"),
        ]:
            with refused_by(says, OpeningItem, OpeningSettlement):
                run_sql(sql)

    def test_is_told_on_by_the_audit_where_it_was_tampered_with(self, seller, customer):
        item = bring(customer)
        receive(seller, "19.00", reference=item.number)
        assert problems() == []

        with triggers_off():
            run_sql("UPDATE payments_openingitem SET amount = 18")
            run_sql("UPDATE payments_bankreceipt SET customer_id = %s", make_customer(seller, "C-2").pk)

        told = problems()
        assert ("I3", "comes to 18.000000 and posted are 119.000000") in told
        assert ("I3", "settled for 19.000000 of 18.000000") in told
        assert ("I13", "its bank receipt is a stranger's") in told


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_two_clerks_pay_one_item_once(self, seller, customer):
        item, clerk = bring(customer), make_user(email="clerk@example.org")
        receipts = [receive(seller, "100.00"), receive(seller, "100.00")]

        def pay(receipt):
            return lambda: pay_opening_item(item_id=item.pk, receipt_id=receipt.pk, by=clerk, at=NOON)

        together(*map(pay, receipts))

        assert open_amount(item) == 0
        assert sorted(row.amount.amount for row in item.settlements.all()) == [Decimal("19.00"), Decimal("100.00")]
