"""Webhooks in the console: an owner adds an endpoint, reads its secret once, tests it, sends again."""

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.documents.models import WebhookDelivery, WebhookEndpoint
from tests.factories import make_member, make_owner, make_user
from tests.integration.tenants import signed_in

LIST = "admin:documents_webhookendpoint_changelist"
ADD = "admin:documents_webhookendpoint_add_endpoint"
FORM = {
    "url": "https://erp.example/hook",
    "description": "ERP",
    "side": "seller",
    "event_types": ["invoice.issued", "payment.settled"],
}

pytestmark = pytest.mark.django_db


@pytest.fixture
def company():
    return make_owner()


@pytest.fixture
def browser(company):
    return browser_of(company, Role.OWNER)


def browser_of(company, role: Role):
    return signed_in(make_member(organisation=company, role=role, user=make_user(is_staff=True)).user)


@pytest.fixture
def endpoint(browser) -> WebhookEndpoint:
    browser.post(reverse(ADD), FORM)
    return WebhookEndpoint.objects.get()


def act(browser, name: str, row, data=None):
    kind = "delivery" if isinstance(row, WebhookDelivery) else "endpoint"
    return browser.post(reverse(f"admin:documents_webhook{kind}_{name}", args=[row.pk]), data or {}, follow=True)


class TestAnEndpoint:
    def test_is_added_and_its_secret_shown_once(self, browser, company):
        shown = browser.post(reverse(ADD), FORM)

        endpoint = WebhookEndpoint.objects.get()
        assert "whsec_" in shown.content.decode()
        assert "no-store" in shown["Cache-Control"]
        assert (endpoint.organisation, endpoint.event_types) == (company, FORM["event_types"])
        page = browser.get(reverse("admin:documents_webhookendpoint_change", args=[endpoint.pk])).content.decode()
        assert "not tried yet" in page
        assert "whsec_" not in page
        assert endpoint.secret_sealed not in page

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"url": "http://erp.example/"}, "must begin with https"),
            ({"url": "https://10.0.0.7/"}, "no public address"),
            ({"event_types": []}, "required"),
        ],
    )
    def test_is_refused_in_words(self, browser, change, says):
        answer = browser.post(reverse(ADD), FORM | change)

        assert says in answer.content.decode()
        assert not WebhookEndpoint.objects.exists()

    @pytest.mark.parametrize("role", [Role.READ_ONLY, Role.TECHNICIAN, Role.SUPPORT, Role.FINANCE])
    def test_is_for_the_owner_alone_to_add(self, company, role):
        assert browser_of(company, role).post(reverse(ADD), FORM).status_code == 403

    def test_explains_itself_where_there_is_none(self, browser):
        assert "Add an endpoint, and your own systems are told" in browser.get(reverse(LIST)).content.decode()

    def test_is_changed_and_told_other_things(self, browser, endpoint):
        act(browser, "edit", endpoint, FORM | {"url": "https://new.example/", "event_types": ["session.settled"]})

        endpoint.refresh_from_db()
        assert (endpoint.url, endpoint.event_types) == ("https://new.example/", ["session.settled"])

    def test_gets_a_new_secret_while_the_former_still_signs(self, browser, endpoint):
        shown = act(browser, "new_secret", endpoint)

        assert "whsec_" in shown.content.decode()
        page = browser.get(reverse("admin:documents_webhookendpoint_change", args=[endpoint.pk])).content.decode()
        assert "two secrets" in page

    def test_is_switched_off_and_on(self, browser, endpoint):
        page = act(browser, "switch_off", endpoint).content.decode()
        assert "switched off" in page
        assert "Send a test" not in page

        act(browser, "switch_on", endpoint)
        endpoint.refresh_from_db()
        assert endpoint.switched_off_at is None


class TestWhatWasSent:
    def test_is_read_with_its_request_and_sent_again(self, browser, endpoint):
        page = act(browser, "ping", endpoint).content.decode()
        delivery = WebhookDelivery.objects.get()
        assert "POST https://erp.example/hook" in page
        assert delivery.message_id in page

        act(browser, "switch_off", endpoint)
        refused = act(browser, "replay", delivery)
        assert "Switch it on first" in refused.content.decode()

        act(browser, "switch_on", endpoint)
        act(browser, "replay", delivery)
        delivery.refresh_from_db()
        assert delivery.given_up_at is None

    def test_is_sent_again_by_span(self, browser, endpoint):
        span = {"since_0": "2026-06-01", "since_1": "00:00", "until_0": "2026-07-01", "until_1": "00:00"}

        said = act(browser, "replay_span", endpoint, span).content.decode()
        turned = {"until_0": "2026-05-01"}

        assert "Nothing of that was told" in said
        assert "Name a later moment" in act(browser, "replay_span", endpoint, span | turned).content.decode()
