"""The REST API: each row to its own tenants alone, in the role they act in."""

from io import StringIO

from django.core.management import call_command
from django.test import Client

from apps.invoices.models import Invoice, LineDispute
from apps.payments.models import BankReceipt
from tests.factories import make_tariff_version, make_user
from tests.integration.tenants import CANARY, answer, signed_in

NAMES = (
    *("stations", "sessions", "charge-records", "invoices", "payments", "bank-receipts"),
    *("open-items", "customers", "contracts", "tokens", "tariffs", "line-disputes"),
)
LISTS = [f"/api/v1/{name}/" for name in NAMES]


def shared_rows_of(tenant) -> list[str]:
    return [
        f"/api/v1/sessions/{tenant.session.uid}/",
        f"/api/v1/charge-records/{tenant.session.uid}.1/",
        f"/api/v1/invoices/{tenant.invoice.uid}/",
        f"/api/v1/invoices/{tenant.invoice.uid}/pdf/",
        f"/api/v1/invoices/{tenant.invoice.uid}/xml/",
        f"/api/v1/payments/{tenant.payment.uid}/",
        f"/api/v1/bank-receipts/{BankReceipt.objects.get(seller=tenant.owner).pk}/",
        f"/api/v1/line-disputes/{LineDispute.objects.filter(line__invoice__seller=tenant.owner).first().uid}/",
        f"/api/v1/customers/{tenant.site.customer.uid}/",
        f"/api/v1/contracts/{tenant.site.contract.uid}/",
        f"/api/v1/tokens/{tenant.site.token.public_uid}/",
    ]


def rows_of(tenant) -> list[str]:
    return [
        *shared_rows_of(tenant),
        f"/api/v1/stations/{tenant.site.station.identity}/",
        f"/api/v1/tariffs/{tenant.site.version.pk}/",
    ]


class TestAnOwner:
    def test_reads_their_own_rows_and_knows_no_others(self, ours, theirs, owner):
        own = [owner.get(path).status_code for path in LISTS + rows_of(ours)]
        foreign = [owner.get(path).status_code for path in rows_of(theirs)]

        assert own == [200] * (len(LISTS) + 13)
        assert foreign == [404] * 13

    def test_sees_no_word_of_another_tenant(self, ours, theirs, owner):
        leaks = [path for path in LISTS + rows_of(ours) if CANARY.encode() in answer(owner.get(path))]

        assert leaks == []


class TestACustomer:
    def test_reads_what_they_bought_and_no_station(self, ours, theirs):
        fleet = signed_in(ours.fleet.user)

        own = [fleet.get(path).status_code for path in shared_rows_of(ours)]
        foreign = [fleet.get(path).status_code for path in rows_of(theirs)]

        assert own == [200] * 11
        assert foreign == [404] * 13
        assert fleet.get("/api/v1/stations/").json()["results"] == []
        assert fleet.get("/api/v1/tariffs/").json()["results"] == []
        assert fleet.get(f"/api/v1/stations/{ours.site.station.identity}/").status_code == 404

    def test_sees_no_draft(self, ours):
        draft = Invoice.objects.create(
            seller=ours.owner,
            customer=ours.site.customer,
            contract=ours.site.contract,
            period_from="2026-06-01",
            period_to="2026-06-30",
            tax_date="2026-06-30",
            currency="EUR",
            amounts_are_gross=False,
            net=0,
            tax=0,
            gross=0,
            language="en",
        )

        assert signed_in(ours.fleet.user).get(f"/api/v1/invoices/{draft.uid}/").status_code == 404
        assert signed_in(ours.operator.user).get(f"/api/v1/invoices/{draft.uid}/").status_code == 200


class TestThePlatformsOperator:
    def test_reads_every_tenants_rows(self, ours, theirs, platform):
        answers = [platform.get(path).status_code for tenant in (ours, theirs) for path in rows_of(tenant)]

        assert answers == [200] * 26


class TestWhoIsNobody:
    def test_is_refused_signed_out(self, ours):
        answers = {Client().get(path).status_code for path in LISTS + rows_of(ours)}

        assert answers == {401}

    def test_reads_nothing_without_a_membership(self, ours):
        client = signed_in(make_user())

        assert [client.get(path).json()["results"] for path in LISTS] == [[]] * len(LISTS)
        assert {client.get(path).status_code for path in rows_of(ours)} == {404}


class TestTheAnswers:
    def test_explain_a_session_by_its_periods(self, ours, owner):
        session = owner.get(f"/api/v1/sessions/{ours.session.uid}/").json()

        (period,) = session["charge_record"]["periods"]
        assert (session["station"], session["id_token_last4"]) == ("OURS-CS-1", "CARD")
        assert period["parts"] == [
            {
                "element_index": 0,
                "dimension": "ENERGY",
                "tax_category": "standard",
                "quantity": 10_000_000,
                "price": "0.5",
                "amount": "5",
                "reason": "at all times",
            }
        ]
        assert session["charge_record"]["gross"] == "5.95"

    def test_give_an_invoice_with_lines_and_taxes(self, ours, owner):
        invoice = owner.get(f"/api/v1/invoices/{ours.invoice.uid}/").json()

        (line,) = invoice["lines"]
        (tax,) = invoice["taxes"]
        assert (line["session"], line["revision"], line["net"]) == (str(ours.session.uid), 1, "5")
        assert (tax["category"], tax["rate"], tax["tax"]) == ("S", "0.1900", "0.95")
        assert (invoice["gross"], invoice["number"]) == ("5.95", ours.invoice.number)

    def test_give_the_file_as_it_was_stored(self, ours, owner):
        response = owner.get(f"/api/v1/invoices/{ours.invoice.uid}/pdf/")

        assert response.content == bytes(ours.document.content)

    def test_give_the_electronic_invoice_as_it_was_stored(self, ours, owner):
        response = owner.get(f"/api/v1/invoices/{ours.invoice.uid}/xml/")

        assert (response.content, response["Content-Type"]) == (b"<Invoice/>OURS", "application/xml")

    def test_never_hold_a_stations_key_or_a_whole_card(self, ours, owner):
        for path in LISTS + rows_of(ours):
            text = answer(owner.get(path)).decode(errors="replace")

            assert ours.site.station.key_hash not in text
            assert ours.site.token.uid not in text

    def test_are_read_only(self, ours, owner):
        answers = {owner.post(path, {}).status_code for path in LISTS} | {
            owner.delete(path).status_code for path in rows_of(ours)
        }

        assert answers == {405}

    def test_call_a_name_that_is_none_unknown(self, owner):
        paths = [f"/api/v1/sessions/{'-' * 36}/", f"/api/v1/charge-records/{'a' * 36}.1/", "/api/v1/stations/%00/"]

        assert [owner.get(path).status_code for path in paths[:2]] == [404, 404]

    def test_ask_the_database_a_bounded_number_of_times(self, ours, owner, django_assert_max_num_queries):
        make_tariff_version(owner=ours.owner)

        for path in LISTS:
            with django_assert_max_num_queries(10):
                owner.get(path)


class TestTheSchema:
    def test_is_made_without_a_warning(self):
        out = StringIO()

        call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)

        assert "/api/v1/invoices/{uid}/pdf/:" in out.getvalue()

    def test_is_served_with_its_documentation(self, client):
        assert client.get("/api/schema/").status_code == 200
        assert b"cdn" not in client.get("/api/docs/").content
