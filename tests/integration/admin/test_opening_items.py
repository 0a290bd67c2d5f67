"""Opening items in console and portal: brought along, paid, given up, taken back, and seen by whom they are."""

from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.core import clock
from apps.payments.models import OpeningItem, OpeningSettlement
from apps.payments.openings import open_amount
from apps.payments.services.bank import StatementLine, record_receipt
from apps.payments.services.openings import Told, record_opening_item
from tests.factories import make_customer, make_member, make_organisation, make_owner
from tests.integration.admin.test_imports import browser_of
from tests.integration.tenants import signed_in
from tests.unit.contracts.test_import_files import content
from tests.unit.payments.test_opening_files import OPENINGS, opening

pytestmark = pytest.mark.django_db


@pytest.fixture
def company():
    return make_owner()


@pytest.fixture
def customer(company):
    return make_customer(seller=company, number="K-1", name="Example Logistics", organisation=make_organisation())


def page(act: str, *args) -> str:
    return reverse(f"admin:payments_openingitem_{act}", args=args)


def words(response) -> str:
    return " ".join(response.content.decode().split())


def receive(company, amount: str):
    line = StatementLine(
        key=amount, booked_on=date(2026, 6, 1), amount=Decimal(amount), currency="EUR", payer="Somebody"
    )
    return record_receipt(seller_id=company.pk, line=line, at=clock.now())


class TestTheConsole:
    def test_brings_them_along_and_does_with_each_what_there_is_to_do(self, company, customer):
        browser = browser_of(company, Role.FINANCE)
        assert "Bring along from another system" in words(browser.get(page("changelist")))
        text = content(OPENINGS, opening(), opening(number="GS-1", amount="-20")).decode()

        assert "Credit of Example Logistics: €20.00." in words(browser.post(page("import_file"), {"content": text}))
        done = browser.post(page("import_file"), {"content": text, "confirm": "1"}, follow=True)
        assert "2 opening items added, 0 were there, 0 left out." in words(done)
        item = OpeningItem.objects.get(number="RE-2025-0815")
        assert item.recorded_by is not None

        receipt = receive(company, "100.00")
        assert "Somebody · €100.00 left" in words(browser.get(page("pay", item.pk)))
        paid = browser.post(page("pay", item.pk), {"receipt": receipt.pk}, follow=True)
        assert "€100.00 of RE-2025-0815 are paid." in words(paid)
        given_up = browser.post(page("give_up", item.pk), {"reason": "insolvent"}, follow=True)
        assert "€19.00 of RE-2025-0815 are given up." in words(given_up)
        refused = browser.post(page("reverse", item.pk), {"reason": "mistake"})
        assert "Something of RE-2025-0815 is paid or given up." in words(refused)
        payment = OpeningSettlement.objects.get(bank_receipt=receipt)
        back = browser.post(page("take_payment_back", item.pk), {"payment": payment.pk, "reason": "no"}, follow=True)
        assert "€100.00 of RE-2025-0815 are open again." in words(back)
        assert open_amount(item) == Decimal("100.00")

        credit = OpeningItem.objects.get(number="GS-1")
        browser.post(page("reverse", credit.pk), {"reason": "never was"})
        assert words(browser.get(page("change", credit.pk))).count("never was") >= 1
        for state, shown in (("open", "RE-2025-0815"), ("back", "GS-1"), ("credit", "")):
            listed = words(browser.get(page("changelist"), {"state": state}))
            found = [number for number in ("RE-2025-0815", "GS-1") if f">{number}<" in listed]
            assert found == ([shown] if shown else [])

    def test_is_for_those_who_keep_the_money_of_this_seller(self, company, customer):
        text = content(OPENINGS, opening()).decode()
        browser_of(company, Role.OWNER).post(page("import_file"), {"content": text, "confirm": "1"})
        item = OpeningItem.objects.get()

        support = browser_of(company, Role.SUPPORT)
        assert {support.get(page(act)).status_code for act in ("import_file", "import_template", "export_file")} == {
            403
        }
        acts = ("pay", "give_up", "take_payment_back", "reverse")
        assert {support.get(page(act, item.pk)).status_code for act in acts} == {403}
        stranger = browser_of(make_owner(name="Stranger"), Role.OWNER)
        assert {stranger.post(page(act, item.pk), {"reason": "mine"}).status_code for act in acts} == {404}


class TestThePortal:
    def test_shows_a_customer_what_is_open_and_nobody_else(self, company, customer):
        type(company).objects.filter(pk=company.pk).update(iban="DE89370400440532013000")
        told = Told(
            number="RE-2025-0815", document_date=date(2025, 12, 1), due_date=date(2025, 12, 15), amount=Decimal(119),
            currency="EUR",
        )  # fmt: skip
        record_opening_item(customer=customer, told=told, by=None, at=clock.now())
        other = make_customer(seller=company, number="K-2", organisation=make_organisation())

        buyer, stranger = (
            signed_in(make_member(organisation=each.organisation, role=Role.FLEET_ADMIN).user)
            for each in (customer, other)
        )
        for address in ("portal:home", "portal:invoices"):
            seen = words(buyer.get(reverse(address)))
            assert all(part in seen for part in ("RE-2025-0815", "€119.00", "DE89 3704 0044 0532 0130 00"))
            assert "Nothing is open." not in seen
            assert "RE-2025-0815" not in words(stranger.get(reverse(address)))
