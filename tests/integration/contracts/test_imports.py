"""Importing customers and contracts: each line's outcome first, then written; the same file again is a no-op."""

from datetime import UTC, datetime

import pytest

from apps.contracts import contract_imports, customer_imports
from apps.contracts.domain.contract_files import CONTRACTS
from apps.contracts.domain.customer_files import CUSTOMERS
from apps.contracts.imports import ImportRefused, Outcome
from apps.contracts.models import Contract, Customer
from apps.core.domain.cells import csv_text
from apps.core.domain.csv_tables import read_table
from tests.factories import make_customer, make_owner, make_tier
from tests.unit.contracts.test_import_files import contract, customer

pytestmark = pytest.mark.django_db


@pytest.fixture
def seller():
    return make_owner()


def rows(table, *lines):
    return read_table(csv_text([table.columns, *lines]).encode(), table).rows


def import_customers(seller, *lines, **wish):
    return customer_imports.carry_out(seller_id=seller.pk, rows=rows(CUSTOMERS, *lines), **wish)


def import_contracts(seller, *lines, **wish):
    return contract_imports.carry_out(seller_id=seller.pk, rows=rows(CONTRACTS, *lines), **wish)


def outcomes(done) -> list[str]:
    return [one.outcome.value for one in done]


class TestCustomers:
    def test_are_added_once_however_often_the_file_comes(self, seller):
        first = import_customers(seller, customer(), customer(number="K-2", vat_id="DE136695976"))
        again = import_customers(seller, customer(), customer(number="K-2", vat_id="DE 136 695 976"))

        assert (outcomes(first), outcomes(again)) == (["new", "new"], ["there", "there"])
        assert Customer.objects.filter(seller=seller).count() == 2

    def test_are_looked_at_before_anything_is_written(self, seller):
        seen = customer_imports.preview(seller_id=seller.pk, rows=rows(CUSTOMERS, customer()))

        assert outcomes(seen) == ["new"]
        assert not Customer.objects.exists()

    def test_are_never_changed_by_a_file(self, seller):
        import_customers(seller, customer())

        (one,) = import_customers(seller, customer(name="Renamed", city="Kiel"))

        assert one.words == "There with another name, city: change it on the customer's page."
        assert Customer.objects.get().name == "Example GmbH"

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"email": "nobody"}, "email: Enter a valid email address."),
            ({"kind": "alien"}, "kind: Value 'alien' is not a valid choice."),
            ({"country": "XX"}, "country:"),
            ({"vat_id": "DE136695977"}, "vat_id: This is no VAT identifier of Germany"),
            ({"language": "it"}, "language:"),
            ({"invoice_format": "fax"}, "invoice_format:"),
        ],
    )
    def test_are_left_out_for_what_their_fields_refuse_and_stop_no_other(self, seller, changes, says):
        done = import_customers(seller, customer(**changes), customer(number="K-2"))

        assert outcomes(done) == ["refused", "new"]
        assert says in done[0].words

    def test_are_all_added_or_none_where_that_is_wished(self, seller):
        with pytest.raises(ImportRefused, match="Nothing was added, since these lines would be left out: 3"):
            import_customers(seller, customer(), customer(number="K-2", email="nobody"), whole=True)

        assert not Customer.objects.exists()

    def test_of_another_seller_may_have_the_same_number(self, seller):
        make_customer(number="K-1", name="CANARY")

        (one,) = import_customers(seller, customer())

        assert (one.outcome, "CANARY" in one.words) == (Outcome.NEW, False)

    def test_are_exported_in_the_shape_they_came_in(self, seller):
        lines = [customer(), customer(number="K-2", kind="private", language="fr", vat_id="DE136695976")]
        import_customers(seller, *lines)

        told = customer_imports.lines_of(Customer.objects.filter(seller=seller))

        assert outcomes(import_customers(seller, *told)) == ["there", "there"]
        assert [dict(zip(CUSTOMERS.columns, line, strict=True))["number"] for line in told] == ["K-1", "K-2"]


class TestContracts:
    @pytest.fixture(autouse=True)
    def _customer(self, seller):
        import_customers(seller, customer())

    def test_are_added_once_and_run_by_the_sellers_days(self, seller):
        line = contract(until="2026-12-31", purchase_order="PO-1")
        first, again = import_contracts(seller, line), import_contracts(seller, line)

        added = Contract.objects.get()
        assert (outcomes(first), outcomes(again)) == (["new"], ["there"])
        assert (added.valid_from, added.valid_to) == (
            datetime(2025, 12, 31, 23, 0, tzinfo=UTC),
            datetime(2026, 12, 31, 23, 0, tzinfo=UTC),
        )
        assert (added.status, added.purchase_order, added.payment_days) == ("active", "PO-1", 14)

    def test_name_customers_and_tiers_that_exist(self, seller):
        make_tier(seller=seller, name="Gold")
        make_tier(seller=make_owner(), name="CANARY")
        make_customer(number="CANARY")

        done = import_contracts(
            seller,
            contract(tier="Gold"),
            contract(number="V-2", tier="CANARY"),
            contract(number="V-3", customer="CANARY"),
        )

        assert outcomes(done) == ["new", "refused", "refused"]
        assert done[1].words == "You have no membership tier “CANARY”."
        assert done[2].words == "You have no customer CANARY: import customers first."

    def test_are_never_changed_by_a_file(self, seller):
        import_contracts(seller, contract())

        (one,) = import_contracts(seller, contract(payment_days="30"))

        assert one.words == "There with another payment_days: change it on the contract's page."

    def test_are_all_added_or_none_where_that_is_wished(self, seller):
        with pytest.raises(ImportRefused, match="left out: 3"):
            import_contracts(seller, contract(), contract(number="V-2", customer="K-9"), whole=True)

        assert not Contract.objects.exists()

    def test_are_exported_in_the_shape_they_came_in(self, seller):
        make_tier(seller=seller, name="Gold")
        import_contracts(seller, contract(tier="Gold", until="2026-03-29"), contract(number="V-2"))

        told = contract_imports.lines_of(Contract.objects.filter(seller=seller))

        assert outcomes(import_contracts(seller, *told)) == ["there", "there"]


@pytest.mark.django_db(transaction=True)
def test_two_who_import_one_file_at_once_add_it_once(at_once):
    seller = make_owner()

    def work():
        try:
            return outcomes(import_customers(seller, customer()))
        except ImportRefused:
            return ["too late"]

    done = at_once(work, work, work)

    assert done.count(["new"]) == 1
    assert Customer.objects.count() == 1
