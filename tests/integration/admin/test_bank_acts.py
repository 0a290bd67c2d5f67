"""An operator records money that came by bank, moves it, pays it back, and gives up what will not be paid."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.core import clock
from apps.invoices.domain.references import creditor_reference
from apps.payments.models import Allocation, BankReceipt, BankRepayment, WriteOff
from apps.payments.selectors import open_amount
from tests.factories import make_customer, make_member, make_user
from tests.integration.tenants import CANARY, signed_in

TODAY = clock.now().date()
RECORD = "admin:payments_bankreceipt_record"


def form(ours, **changes) -> dict[str, str]:
    values = {
        "booked_on": (TODAY - timedelta(days=1)).isoformat(),
        "amount": "0.60",
        "payer": "OURS Fleet AG",
        "reference": creditor_reference(ours.invoice.number),
        "customer": "",
    }
    return values | changes


def newest() -> BankReceipt:
    return BankReceipt.objects.latest("pk")


class TestRecordingMoney:
    def test_settles_the_invoice_it_names_once_however_often_the_button_is_pressed(self, ours, owner):
        was_open = open_amount(ours.invoice)

        for _ in range(2):
            response = owner.post(reverse(RECORD), form(ours), follow=True)

        page = response.content.decode()
        assert "It was recorded before." in page
        assert ours.invoice.number in page
        assert open_amount(ours.invoice) == was_open - Decimal("0.60")
        assert newest().recorded_by == ours.operator.user
        assert BankReceipt.objects.filter(seller=ours.owner).count() == 2

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"amount": "0.605"}, "EUR has no such small amounts."),
            ({"amount": "0"}, "Only money that came is recorded here."),
            ({"amount": "1e1000000"}, "digits"),
            ({"amount": "NaN"}, "Enter a number."),
            ({"booked_on": (TODAY + timedelta(days=2)).isoformat()}, "The bank has not seen this day yet."),
            ({"payer": ""}, "This field is required."),
        ],
    )
    def test_is_refused_in_words(self, ours, owner, changes, says):
        response = owner.post(reverse(RECORD), form(ours, **changes))

        assert says in response.content.decode()
        assert BankReceipt.objects.filter(seller=ours.owner).count() == 1

    def test_offers_and_takes_only_ones_own_customers(self, ours, theirs, owner):
        response = owner.post(reverse(RECORD), form(ours, reference="", customer=str(theirs.site.customer.pk)))

        assert "not one of the available choices" in response.content.decode()
        assert CANARY not in response.content.decode()
        assert BankReceipt.objects.filter(seller=ours.owner).count() == 1

    def test_never_settles_anothers_invoice_by_its_number(self, ours, theirs, owner):
        was_open = open_amount(theirs.invoice)

        owner.post(reverse(RECORD), form(ours))

        # Both sellers' series begin alike.
        assert theirs.invoice.number == ours.invoice.number
        assert open_amount(theirs.invoice) == was_open

    @pytest.mark.parametrize("role", [Role.SUPPORT, Role.TECHNICIAN, Role.READ_ONLY])
    def test_is_for_those_who_keep_the_money(self, ours, role):
        client = signed_in(make_member(organisation=ours.owner, role=role, user=make_user(is_staff=True)).user)

        answers = [client.post(reverse(RECORD), form(ours)), client.post(reverse("admin:payments_writeoff_give_up"))]

        assert [answer.status_code for answer in answers] == [403, 403]
        assert BankReceipt.objects.filter(seller=ours.owner).count() == 1


class TestMoneyNobodyKnows:
    @pytest.fixture
    def unknown(self, ours, owner) -> BankReceipt:
        owner.post(reverse(RECORD), form(ours, reference="thanks"))
        return newest()

    def test_is_given_to_a_customer_and_settles_what_they_owe(self, ours, owner, unknown):
        page = reverse("admin:payments_bankreceipt_assign", args=[unknown.pk])

        foreign = make_customer()
        asked = owner.get(page).content.decode()
        offered = owner.get(page, {"term": ""}).json()["results"]
        refused = owner.post(page, {"customer": foreign.pk}).content.decode()
        owner.post(page, {"customer": ours.site.customer.pk})

        # Found by typing, among one's own: a list of all is too long.
        assert f"{ours.site.customer}</option>" not in asked
        assert str(ours.site.customer.pk) in [each["id"] for each in offered]
        assert str(foreign.pk) not in [each["id"] for each in offered]
        assert "Select a valid choice" in refused
        assert [row.invoice for row in unknown.allocations.all()] == [ours.invoice]

    def test_is_allocated_to_a_chosen_invoice_taken_back_and_paid_back(self, ours, theirs, owner, unknown):
        page = reverse("admin:payments_bankreceipt_allocate", args=[unknown.pk])
        asked = owner.get(page).content.decode()
        typed = owner.get(page, {"term": ours.site.customer.name}).json()["results"]
        foreign = [owner.get(page, {"term": text}).json()["results"] for text in (CANARY, theirs.invoice.number)]
        owner.post(page, {"invoice": ours.invoice.pk, "amount": "0.20"})

        # Found by typing, among what is open of one's own, with what is open of it.
        assert ours.invoice.number not in asked
        assert [(each["id"], " open" in each["text"]) for each in typed] == [(str(ours.invoice.pk), True)]
        assert theirs.invoice.pk not in [int(row["id"]) for rows in foreign for row in rows]
        allocation = unknown.allocations.get()
        owner.post(reverse("admin:payments_allocation_take_back", args=[allocation.pk]), {"reason": "not theirs"})
        owner.post(reverse("admin:payments_bankreceipt_pay_back", args=[unknown.pk]), {"reason": "sent in error"})
        repayment = BankRepayment.objects.get(bank_receipt=unknown)
        owner.post(
            reverse("admin:payments_bankrepayment_executed", args=[repayment.pk]), {"executed_on": TODAY.isoformat()}
        )

        repayment.refresh_from_db()
        assert [row.amount.amount for row in unknown.allocations.all()] == [Decimal("0.20"), Decimal("-0.20")]
        assert Allocation.objects.get(reverses=allocation).decided_by == ours.operator.user
        assert (repayment.status, repayment.amount.amount) == ("executed", Decimal("0.60"))


class TestWritingOff:
    def test_is_offered_where_the_unpaid_are_listed_and_closes_the_invoice(self, ours, owner):
        def typed() -> list[str]:
            answer = owner.get(page, {"term": ours.invoice.number})
            return [each["id"] for each in answer.json()["results"]]

        page = reverse("admin:payments_writeoff_give_up")
        asked = owner.get(page, {"document": ours.invoice.pk}).content.decode()
        assert f"{page}?document={ours.invoice.pk}" in owner.get(reverse("console:unpaid")).content.decode()
        assert ours.invoice.number in asked
        assert typed() == [str(ours.invoice.pk)]

        owner.post(page, {"document": ours.invoice.pk, "reason": "insolvent"})

        assert (open_amount(ours.invoice), typed()) == (0, [])
        assert WriteOff.objects.latest("pk").reason == "insolvent"

    def test_never_gives_up_anothers_invoice(self, ours, theirs, owner):
        given_up = WriteOff.objects.count()

        response = owner.post(
            reverse("admin:payments_writeoff_give_up"), {"document": theirs.invoice.pk, "reason": "mine now"}
        )

        assert "not one of the available choices" in response.content.decode()
        assert WriteOff.objects.count() == given_up
