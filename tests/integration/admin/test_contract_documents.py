"""Contracts as documents in the console: templates, drafts, offers, ends, and what applied on a day."""

from datetime import timedelta

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.contracts.models import Contract, ContractTemplate, ContractVersion
from apps.core import clock
from apps.documents.models import Mail
from tests.factories import make_member, make_template, make_user
from tests.integration.tenants import CANARY, signed_in

TODAY = clock.now().date()


@pytest.fixture
def contract(ours) -> Contract:
    """A contract that waits for acceptance, made in the console."""
    form = {
        "number": "NEW-1",
        "customer": ours.site.customer.pk,
        "valid_from_0": "2026-01-01",
        "valid_from_1": "00:00",
        "billing_cycle": "run",
        "payment_days": "14",
        "collects_on": "issue",
        "debit_notice_days": "1",
        "reminder_days": "7,14",
        "reminder_fees": "0,5",
        "reminder_least": "0",
        "suspends_after": "0",
        "waits": "on",
    }
    for prefix in ("tokens", "plans", "versions", "assignments"):
        form |= {f"{prefix}-TOTAL_FORMS": "0", f"{prefix}-INITIAL_FORMS": "0"}
    signed_in(ours.operator.user).post(reverse("admin:contracts_contract_add"), form)
    return Contract.objects.get(number="NEW-1")


def draft(client, contract: Contract, template: ContractTemplate, **fields):
    values = {
        "template": template.pk,
        "first_day": (TODAY + timedelta(days=3)).isoformat(),
        "last_day": (TODAY + timedelta(days=368)).isoformat(),
        "renews_months": "12",
        "notice_days": "30",
        "plan": "",
        "tariff": "",
    }
    page = reverse("admin:contracts_contract_draft", args=[contract.pk])
    return client.post(page, values | fields, follow=True)


class TestATemplate:
    def test_is_refused_with_a_placeholder_that_is_none(self, ours, owner):
        form = {"name": "Mine", "language": "en", "terms": "Dear {cutsomer}"}

        response = owner.post(reverse("admin:contracts_contracttemplate_add"), form)

        assert "{cutsomer} is no placeholder." in response.content.decode()
        assert not ContractTemplate.objects.filter(name="Mine").exists()

    def test_begins_with_terms_to_change_and_tells_its_placeholders(self, ours, owner):
        page = owner.get(reverse("admin:contracts_contracttemplate_add")).content.decode()

        assert "{customer_address}" in page
        assert "# Parties" in page


class TestAContract:
    def test_waits_for_acceptance_when_it_is_added_so(self, contract):
        assert contract.status == "offered"

    def test_is_drafted_looked_at_and_offered(self, ours, owner, contract):
        template = make_template(seller=ours.owner)

        page = draft(owner, contract, template)

        version = ContractVersion.objects.get(contract=contract)
        assert "Look at the document, then offer it." in page.content.decode()
        assert (version.kind, version.status, version.made_by) == ("original", "drafted", ours.operator.user)
        file = owner.get(reverse("admin:contracts_contractversion_show_document", args=[version.pk]))
        assert file.content == bytes(version.document.content)
        done = owner.post(reverse("admin:contracts_contractversion_offer", args=[version.pk]), follow=True)
        assert f"goes to {ours.site.customer.email}" in done.content.decode()
        assert Mail.objects.filter(kind="contract", subject__contains="NEW-1").count() == 1

    def test_says_in_words_why_a_document_cannot_be(self, ours, owner, contract):
        page = draft(owner, contract, make_template(seller=ours.owner), last_day="", renews_months="12")

        assert "What runs until further notice is not renewed" in page.content.decode()
        assert not ContractVersion.objects.filter(contract=contract).exists()

    def test_takes_no_template_of_another_seller(self, ours, theirs, owner, contract):
        page = draft(owner, contract, make_template(seller=theirs.owner))

        assert "not one of the available choices" in page.content.decode()
        assert CANARY not in page.content.decode()

    def test_with_versions_keeps_its_days(self, ours, owner):
        page = owner.get(reverse("admin:contracts_contract_change", args=[ours.site.contract.pk])).content.decode()

        assert 'name="valid_from_0"' not in page

    def test_is_ended_to_a_day_and_tells_the_customer(self, ours, owner):
        ContractVersion.objects.filter(contract=ours.site.contract).update(status="withdrawn", withdrawn_at=clock.now())
        page = reverse("admin:contracts_contract_terminate", args=[ours.site.contract.pk])
        last_day = (TODAY + timedelta(days=10)).isoformat()

        response = owner.post(page, {"last_day": last_day, "reason": "Moves away"}, follow=True)

        assert f"ends with {last_day}" in response.content.decode()
        assert Mail.objects.filter(kind="contract", subject__contains="ends").count() == 1

    def test_tells_what_applied_on_a_day(self, ours, owner):
        page = reverse("admin:contracts_contract_on_a_day", args=[ours.site.contract.pk])

        for day in ("2026-07-20", "", "nonsense", "9999-12-31"):
            response = owner.get(page, {"day": day})
            assert response.status_code == 200
        assert "OURS Plan" in owner.get(page, {"day": "2026-07-20"}).content.decode()
        assert "OURS Plan" not in owner.get(page, {"day": "2026-07-14"}).content.decode()

    @pytest.mark.parametrize("role", [Role.READ_ONLY, Role.SUPPORT, Role.TECHNICIAN])
    def test_is_offered_and_ended_by_those_alone_who_may(self, ours, role):
        client = signed_in(make_member(organisation=ours.owner, role=role, user=make_user(is_staff=True)).user)
        version = ContractVersion.objects.get(contract=ours.site.contract)

        answers = {
            client.post(reverse(f"admin:contracts_contract_{act}", args=[ours.site.contract.pk])).status_code
            for act in ("draft", "terminate")
        } | {
            client.post(reverse(f"admin:contracts_contractversion_{act}", args=[version.pk])).status_code
            for act in ("offer", "withdraw")
        }

        assert answers == {403}
