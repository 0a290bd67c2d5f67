"""A customer's administrator keeps API keys and webhooks in the portal; nobody else sees or touches them."""

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.accounts.models import ApiKey
from apps.documents.models import WebhookDelivery, WebhookEndpoint
from tests.factories import make_customer, make_member, make_organisation
from tests.integration.tenants import signed_in

PAGE = reverse("portal:machines")

pytestmark = pytest.mark.django_db


@pytest.fixture
def company():
    return make_customer(organisation=make_organisation()).organisation


@pytest.fixture
def admin(company):
    return signed_in(make_member(organisation=company, role=Role.FLEET_ADMIN).user)


@pytest.fixture
def stranger():
    organisation = make_customer(organisation=make_organisation()).organisation
    return signed_in(make_member(organisation=organisation, role=Role.FLEET_ADMIN).user)


def add_endpoint(browser, **changes):
    form = {"url": "https://erp.example/in", "event_types": ["invoice.issued", "session.settled"]}
    return browser.post(reverse("portal:endpoint-open"), form | changes, follow=True)


def act(browser, act: str):
    return browser.post(reverse("portal:endpoint-act", args=[WebhookEndpoint.objects.get().pk, act]), follow=True)


class TestAnAdministrator:
    def test_is_told_what_to_do_where_there_is_nothing(self, admin):
        page = admin.get(PAGE).content.decode()

        assert "No key yet" in page
        assert "No endpoint yet" in page
        assert "API keys and webhooks" in admin.get(reverse("portal:organisations")).content.decode()

    def test_makes_a_key_reads_with_it_and_revokes_it(self, admin, client):
        shown = admin.post(reverse("portal:key-make"), {"name": "ERP", "scopes": ["documents"]}).content.decode()

        text = shown.split("<code data-secret>")[1].split("<")[0]
        headers = {"Authorization": f"Bearer {text}"}
        assert client.get("/api/v1/invoices/", headers=headers).status_code == 200
        assert client.get("/api/v1/payments/", headers=headers).status_code == 403
        assert text not in admin.get(PAGE).content.decode()

        admin.post(reverse("portal:key-revoke", args=[ApiKey.objects.get().pk]))
        assert client.get("/api/v1/invoices/", headers=headers).status_code == 401

    def test_adds_an_endpoint_for_what_is_bought_and_tests_it(self, admin, company):
        assert "whsec_" in add_endpoint(admin).content.decode()
        assert "on its way" in act(admin, "ping").content.decode()

        endpoint = WebhookEndpoint.objects.get()
        assert (endpoint.organisation, endpoint.side) == (company, "customer")
        assert WebhookDelivery.objects.get().event_type == "ping"

    def test_is_told_why_an_endpoint_will_not_do(self, admin):
        assert "must begin with https" in add_endpoint(admin, url="http://erp.example/").content.decode()
        assert "Choose what" in add_endpoint(admin, event_types=["receipt.issued"]).content.decode()

    def test_switches_it_off_and_on_and_renews_its_secret(self, admin):
        add_endpoint(admin)

        assert "told nothing any more" in act(admin, "off").content.decode()
        assert "Switch it on first" in act(admin, "again").content.decode()
        assert "told again" in act(admin, "on").content.decode()
        assert "0 messages" in act(admin, "again").content.decode()
        secret = admin.post(reverse("portal:endpoint-secret", args=[WebhookEndpoint.objects.get().pk]))
        assert "whsec_" in secret.content.decode()
        assert act(admin, "nonsense").status_code == 404

    def test_reads_it_in_german(self, admin):
        add_endpoint(admin)

        page = admin.get(PAGE, headers={"Accept-Language": "de"}).content.decode()

        assert "API-Schlüssel und Webhooks" in page
        assert "Eine Rechnung ist ausgestellt." in page


class TestNobodyElse:
    def test_gets_in_without_the_role(self, company):
        driver = signed_in(make_member(organisation=company, role=Role.FLEET_USER).user)

        assert driver.get(PAGE).status_code == 403
        assert add_endpoint(driver).status_code == 403
        assert driver.post(reverse("portal:key-make"), {"name": "x", "scopes": ["documents"]}).status_code == 403

    def test_finds_what_is_another_tenants(self, admin, stranger):
        add_endpoint(admin)
        admin.post(reverse("portal:key-make"), {"name": "ERP", "scopes": ["documents"]})

        assert act(stranger, "off").status_code == 404
        assert stranger.post(reverse("portal:key-revoke", args=[ApiKey.objects.get().pk])).status_code == 404
        assert "erp.example" not in stranger.get(PAGE).content.decode()

    def test_finds_the_sellers_endpoints_and_keys_of_the_same_organisation(self, admin, company):
        add_endpoint(admin)
        WebhookEndpoint.objects.update(side="seller")

        assert "erp.example" not in admin.get(PAGE).content.decode()
        assert act(admin, "off").status_code == 404
