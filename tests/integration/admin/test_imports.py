"""Importing in the console: one page for customers, contracts and cards, for whoever may change them."""

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.contracts.models import Contract, Customer
from tests.factories import make_customer, make_member, make_owner, make_user
from tests.integration.tenants import signed_in
from tests.unit.contracts.test_import_files import CONTRACTS, CUSTOMERS, content, contract, customer

pytestmark = pytest.mark.django_db


@pytest.fixture
def company():
    return make_owner()


@pytest.fixture
def browser(company):
    return browser_of(company, Role.FINANCE)


def browser_of(company, role: Role):
    return signed_in(make_member(organisation=company, role=role, user=make_user(is_staff=True)).user)


def page(name: str, act: str = "import_file") -> str:
    return reverse(f"admin:contracts_{name}_{act}")


class TestImporting:
    def test_shows_each_lines_outcome_first_and_then_adds(self, browser):
        text = content(CUSTOMERS, customer(), customer(number="K-2", email="nobody"), customer(number="")).decode()

        shown = browser.post(page("customer"), {"content": text}).content.decode()
        assert "email: Enter a valid email address." in shown
        assert "number: this cannot be empty." in shown
        assert not Customer.objects.exists()

        done = browser.post(page("customer"), {"content": text, "confirm": "1"}, follow=True).content.decode()
        assert "1 customers added, 0 were there, 1 left out." in done

    def test_adds_nothing_in_part_where_all_or_nothing_is_wished(self, browser):
        for line in (customer(number="K-2", email="nobody"), customer(number="")):
            text = content(CUSTOMERS, customer(), line).decode()
            said = browser.post(page("customer"), {"content": text, "confirm": "1", "whole": "1"}).content.decode()
            assert "Nothing was added" in said

        assert not Customer.objects.exists()

    def test_takes_contracts_after_customers_and_hands_both_out_again(self, browser, company):
        for name, table, line in (("customer", CUSTOMERS, customer()), ("contract", CONTRACTS, contract())):
            text = content(table, line).decode()
            browser.post(page(name), {"content": text, "confirm": "1"})
            make_customer(number="CANARY")

            exported = browser.get(page(name, "export_file"))
            assert exported["Content-Disposition"] == f'attachment; filename="{table.rows}.csv"'
            assert b"CANARY" not in exported.content
            again = browser.post(page(name), {"content": exported.content.decode()}).content.decode()
            assert "There already, just so." in again

        assert Contract.objects.get().seller == company

    @pytest.mark.parametrize("name", ["customer", "contract", "idtoken"])
    def test_explains_itself_and_hands_out_a_file_to_fill_in(self, browser, name):
        assert "You see what comes of each line before anything is added" in browser.get(page(name)).content.decode()
        assert browser.get(page(name, "import_template")).status_code == 200

    @pytest.mark.parametrize("role", [Role.READ_ONLY, Role.TECHNICIAN, Role.SUPPORT])
    @pytest.mark.parametrize("act", ["import_file", "import_template", "export_file"])
    def test_is_for_those_who_keep_master_data(self, company, role, act):
        assert browser_of(company, role).get(page("customer", act)).status_code == 403
