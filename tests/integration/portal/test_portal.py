"""The customers' pages: their own sessions, prices and documents, and nobody else's."""

import csv
import re
from io import StringIO

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.contracts.models import Unit
from apps.invoices.models import Invoice
from apps.invoices.services.crediting import credit_invoice
from apps.payments.models import Wallet
from apps.sessions.models import Budget
from tests.factories import make_member, make_user
from tests.integration.tenants import BILLED_AT, CANARY, answer, signed_in

LISTS = [
    "portal:home",
    "portal:sessions",
    "portal:places",
    "portal:invoices",
    "portal:disputes",
    "portal:contracts",
    "portal:cards",
    "portal:vehicles",
    "portal:cost-centres",
    "portal:budgets",
    "portal:payment-method",
]


def pages_of(tenant) -> list[str]:
    return [
        reverse("portal:session", args=[tenant.session.uid]),
        reverse("portal:session", args=[tenant.in_review.uid]),
        reverse("portal:signed-values", args=[tenant.session.uid]),
        reverse("portal:invoice", args=[tenant.invoice.uid]),
        reverse("portal:line", args=[tenant.invoice.uid, 1]),
        reverse("portal:document", args=[tenant.invoice.uid]),
        reverse("portal:data", args=[tenant.invoice.uid]),
        reverse("portal:invoice-lines", args=[tenant.invoice.uid]),
        reverse("portal:wallet", args=[Wallet.objects.get(contract__customer=tenant.site.customer).uid]),
        reverse("portal:contract", args=[tenant.site.contract.pk]),
        reverse("portal:card", args=[tenant.site.token.public_uid]),
        reverse("portal:card-add", args=[tenant.site.contract.pk]),
        reverse("portal:vehicle", args=[tenant.site.vehicle.pk]),
        reverse("portal:vehicle-add", args=[tenant.site.customer.pk]),
        reverse("portal:cost-centre", args=[tenant.site.token.cost_centre_id]),
        reverse("portal:cost-centre-add", args=[tenant.site.customer.pk]),
        reverse("portal:budget", args=[Budget.objects.get(contract=tenant.site.contract).pk]),
        reverse("portal:budget-add", args=[tenant.site.contract.pk]),
        reverse("portal:contract-document", args=[tenant.site.contract.versions.get().pk]),
        reverse("portal:community", args=[Unit.objects.get(customer__seller=tenant.owner).customer_id]),
    ]


class TestAnAddressWithNul:
    @pytest.mark.parametrize("address", ["/portal/payment-method/return/?checkout=%00", "/api/v1/stations/a%00/"])
    def test_is_a_bad_request(self, fleet, address):
        assert fleet.get(address).status_code == 400


class TestACustomer:
    def test_opens_their_own_pages_and_knows_no_others(self, ours, theirs, fleet):
        own = [fleet.get(page).status_code for page in [*map(reverse, LISTS), *pages_of(ours)]]
        foreign = [fleet.get(page).status_code for page in pages_of(theirs)]

        assert own == [200] * (len(LISTS) + len(pages_of(ours)))
        assert foreign == [404] * len(pages_of(theirs))

    def test_sees_no_word_of_another_tenant(self, ours, theirs, fleet):
        pages = [*map(reverse, LISTS), *pages_of(ours), reverse("portal:organisations")]

        leaks = [page for page in pages if CANARY.encode() in answer(fleet.get(page))]

        assert leaks == []

    def test_never_sees_what_the_seller_knows_of_its_other_customers(self, ours, theirs, fleet):
        neighbour = theirs.fleet.organisation
        type(ours.site.customer).objects.filter(pk=ours.site.customer.pk).update(organisation=neighbour)

        answers = [fleet.get(page).status_code for page in pages_of(ours)[:4]]

        assert answers == [404] * 4

    def test_sees_no_draft(self, ours, fleet):
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

        assert fleet.get(reverse("portal:invoice", args=[draft.uid])).status_code == 404
        assert [row["invoice"] for row in fleet.get(reverse("portal:invoices")).context["invoices"]] == [ours.invoice]

    def test_downloads_the_document_as_it_was_stored(self, ours, fleet):
        response = fleet.get(reverse("portal:document", args=[ours.invoice.uid]))

        assert response.content == bytes(ours.document.content)
        assert response["Content-Type"] == "application/pdf"
        assert response["Cache-Control"] == "private, no-store"


class TestInvoices:
    def test_are_found_by_number_order_and_what_is_open(self, ours, fleet):
        invoice, address = ours.invoice, reverse("portal:invoices")
        note = credit_invoice(invoice_id=invoice.pk, reason="agreed", at=BILLED_AT, by=None)

        def found(**asked):
            return [row["invoice"] for row in fleet.get(address, asked).context["invoices"]]

        assert found(q=invoice.number.lower()) == [invoice]
        assert found(q="nothing like it") == found(show="open") == []
        assert found(show="credit_note") == [note]

    def test_give_their_lines_as_a_table(self, ours, fleet):
        answer = fleet.get(reverse("portal:invoice-lines", args=[ours.invoice.uid]))

        header, line = csv.reader(StringIO(answer.content.decode("utf-8-sig")))
        told = dict(zip(header, line, strict=True))
        assert (told["document"], told["line"], told["session"]) == (ours.invoice.number, "1", str(ours.session.uid))
        assert (told["energy_kwh"], told["net"], told["gross"], told["vat_rate"]) == ("10", "5", "", "0.19")


class TestTheExplanation:
    def test_names_price_reason_quantity_and_readings(self, ours, fleet):
        text = fleet.get(reverse("portal:session", args=[ours.session.uid])).content.decode()

        assert "at all times" in text
        assert "1,000.000 kWh → 1,010.000 kWh" in text
        assert "Net €5.00 + 19% VAT €0.95" in text
        assert "€5.95" in text
        assert "2 meter readings" in text

    def test_speaks_german(self, ours, fleet):
        page = reverse("portal:session", args=[ours.session.uid])

        text = fleet.get(page, headers={"accept-language": "de"}).content.decode()

        assert "jederzeit" in text
        assert "So entsteht der Preis" in text
        assert re.search(r"5,95\s€", text)

    def test_tells_the_whole_tariff_in_the_reader_s_language(self, ours, fleet):
        page = reverse("portal:session", args=[ours.session.uid])

        english = fleet.get(page).content.decode()
        german = fleet.get(page, headers={"accept-language": "de"}).content.decode()

        assert "<li>0.50 €/kWh</li><li>plus VAT</li>" in english
        assert "<li>0,50 €/kWh</li><li>zzgl. USt.</li>" in german

    def test_says_that_a_session_in_review_is_looked_at(self, ours, fleet):
        text = fleet.get(reverse("portal:session", args=[ours.in_review.uid])).content.decode()

        assert "a person looks at it before anything is billed" in text
        assert "the register jumped" not in text


class TestEveryPage:
    def test_asks_the_database_a_bounded_number_of_times(self, ours, fleet, django_assert_max_num_queries):
        for page in [*map(reverse, LISTS), *pages_of(ours)]:
            with django_assert_max_num_queries(30):
                fleet.get(page)


class TestSigningIn:
    def test_is_asked_of_a_stranger_on_every_page(self, ours):
        client = Client()

        for page in [*map(reverse, LISTS), *pages_of(ours), reverse("portal:organisations")]:
            assert client.get(page).url == f"/portal/login/?next={page}"

    def test_opens_the_page_asked_for(self, ours):
        ours.fleet.user.set_password("correct horse battery")
        ours.fleet.user.save()
        form = {"username": ours.fleet.user.email.upper(), "password": "correct horse battery"}

        response = Client().post("/portal/login/?next=/portal/sessions/", form | {"next": "/portal/sessions/"})

        assert response.url == "/portal/sessions/"

    def test_never_leads_off_the_site(self, ours):
        ours.fleet.user.set_password("correct horse battery")
        ours.fleet.user.save()
        form = {"username": ours.fleet.user.email, "password": "correct horse battery"}

        response = Client().post("/portal/login/", form | {"next": "https://evil.example/"})

        assert response.url == "/"

    def test_answers_alike_for_unknown_and_wrong(self, ours):
        wrong = Client().post("/portal/login/", {"username": ours.fleet.user.email, "password": "x"})
        unknown = Client().post("/portal/login/", {"username": "nobody@example.com", "password": "x"})

        assert wrong.context["form"].non_field_errors() == unknown.context["form"].non_field_errors()
        assert (wrong.status_code, unknown.status_code) == (200, 200)


class TestWhoIsNoCustomer:
    def test_is_told_so_and_shown_nothing(self, ours):
        response = signed_in(ours.operator.user).get(reverse("portal:home"))

        text = response.content.decode()
        assert response.status_code == 403
        assert "These pages are for customers" in text
        assert reverse("admin:index") in text

    def test_chooses_for_whom_to_act(self, ours, theirs):
        user = ours.operator.user
        fleet = make_member(organisation=ours.fleet.organisation, role=Role.FLEET_ADMIN, user=user)
        client = signed_in(user)

        client.post(reverse("portal:organisations"), {"membership": fleet.pk})

        assert client.get(reverse("portal:session", args=[ours.session.uid])).status_code == 200
        assert client.get(reverse("admin:stations_location_changelist")).status_code == 403

    def test_cannot_choose_anothers_membership(self, ours, theirs, fleet):
        response = fleet.post(reverse("portal:organisations"), {"membership": theirs.fleet.pk})

        assert response.status_code == 404
        assert fleet.get(pages_of(theirs)[0]).status_code == 404

    def test_without_any_membership_gets_a_page_and_no_error(self, db):
        response = signed_in(make_user()).get(reverse("portal:home"))

        assert response.status_code == 403
        assert "Ask the company that operates your chargers" in response.content.decode()


class TestThePolicy:
    def test_is_strict_outside_the_console(self, ours, fleet):
        for page in ["/portal/login/", *map(reverse, LISTS), *pages_of(ours)[:3], "/api/docs/", "/api/v1/sessions/"]:
            response = fleet.get(page, follow=True)

            policy = response["Content-Security-Policy"]
            assert "unsafe" not in policy
            assert "default-src 'self'" in policy
            assert "frame-ancestors 'none'" in policy

    def test_is_kept_by_the_pages_themselves(self, ours, fleet):
        for page in [*map(reverse, LISTS), *pages_of(ours)[:3]]:
            text = fleet.get(page).content.decode()

            assert not re.search(r'<script(?! src="/static/)|<style|\sstyle=|\son\w+=', text), page

    def test_lets_a_form_lead_to_checkout(self, ours, fleet):
        policy = fleet.get(reverse("portal:payment-method"))["Content-Security-Policy"]

        assert "form-action 'self' https://checkout.stripe.com" in policy
