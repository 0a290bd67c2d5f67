"""Business or private: a driver's page in the portal, and what the console shows and corrects."""

from datetime import timedelta

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.contracts.models import IdToken, PayerPolicy
from apps.core import clock
from apps.sessions.models import ChargingSession, PayerDecision
from tests.factories import make_contract, make_customer, make_member, make_organisation
from tests.integration.sessions.test_payers import begin
from tests.integration.tenants import signed_in


@pytest.fixture
def driver(ours):
    """A private person whose own contract our fleet's card names."""
    organisation = make_organisation(name="Dora Driver")
    customer = make_customer(seller=ours.owner, kind="private", vat_id="", organisation=organisation)
    IdToken.objects.filter(pk=ours.site.token.pk).update(driver_contract=make_contract(customer=customer))
    return make_member(organisation=organisation, role=Role.FLEET_ADMIN)


@pytest.fixture
def session(ours, driver) -> ChargingSession:
    """A session of today on the fleet's card, which no rule gives to the driver."""
    PayerPolicy.objects.get(contract=ours.site.contract).rules.all().delete()
    return begin(ours.site, clock.now() - timedelta(minutes=5))


class TestADriver:
    def test_marks_a_session_as_private_and_back_again(self, driver, session):
        browser = signed_in(driver.user)

        page = browser.get(reverse("portal:payers")).content.decode()
        assert "The employer pays – no rule applies" in page
        assert "It was private" in page
        answer = browser.post(reverse("portal:payer-mark", args=[session.uid]), {"payer": "driver"}, follow=True)

        assert "The driver pays – marked so by the driver" in answer.content.decode()
        assert "It was business" in answer.content.decode()
        session.refresh_from_db()
        assert session.contract == session.token.driver_contract
        assert session.payer_decisions.first().decided_by == driver.user
        shown = browser.get(reverse("portal:session", args=[session.uid])).content.decode()
        assert "The driver pays" in shown

    def test_is_told_in_german(self, driver, session):
        browser = signed_in(driver.user)

        page = browser.get(reverse("portal:payers"), headers={"accept-language": "de"}).content.decode()

        assert "Dienstlich oder privat" in page
        assert "Der Arbeitgeber zahlt – keine Regel trifft zu" in page

    def test_is_told_when_it_is_too_late(self, driver, session):
        PayerPolicy.objects.update(mark_days=0)
        ChargingSession.objects.filter(pk=session.pk).update(
            status="ended", ended_at=clock.now() - timedelta(days=4), end_received_at=clock.now()
        )

        answer = signed_in(driver.user).post(
            reverse("portal:payer-mark", args=[session.uid]), {"payer": "driver"}, follow=True
        )

        assert "cannot be marked any more" in answer.content.decode()
        assert PayerDecision.objects.count() == 1

    def test_finds_the_page_where_a_card_names_them_and_others_mark_nothing(self, ours, driver, session):
        assert reverse("portal:payers") in signed_in(driver.user).get(reverse("portal:sessions")).content.decode()
        employer = signed_in(ours.fleet.user)

        assert reverse("portal:payers") not in employer.get(reverse("portal:sessions")).content.decode()
        assert employer.get(reverse("portal:payers")).context["rows"] == []
        marked = employer.post(reverse("portal:payer-mark", args=[session.uid]), {"payer": "driver"})
        assert marked.status_code == 404


class TestTheConsole:
    def test_shows_who_pays_and_lets_the_other_one_pay_for_a_reason(self, ours, owner, session):
        page = reverse("console:payer", args=[session.uid])
        assert page in owner.get(reverse("console:session", args=[session.uid])).content.decode()

        assert "required" in owner.post(page, {}).content.decode()
        answer = owner.post(page, {"reason": "A private trip"}, follow=True).content.decode()

        assert "The driver pays – corrected: A private trip" in answer
        assert session.payer_decisions.first().decided_by == ours.operator.user

    def test_says_why_it_cannot(self, owner, session):
        IdToken.objects.update(driver_contract=None)

        answer = owner.post(reverse("console:payer", args=[session.uid]), {"reason": "A private trip"}).content.decode()

        assert "The driver cannot pay" in answer

    def test_is_closed_to_others_and_to_support(self, ours, theirs, owner, session):
        support = signed_in(make_member(organisation=ours.owner, role=Role.SUPPORT).user)
        page = reverse("console:payer", args=[session.uid])

        assert support.post(page, {"reason": "Mine"}).status_code == 403
        assert signed_in(theirs.operator.user).get(page).status_code == 404
        assert owner.get(reverse("console:payer", args=[ours.session.uid])).status_code == 404

    def test_keeps_rules_on_a_page_of_their_own(self, ours, owner):
        policy = PayerPolicy.objects.get(contract=ours.site.contract)

        page = owner.get(reverse("admin:contracts_payerpolicy_change", args=[policy.pk])).content.decode()

        assert "OURS Depot" in page
        assert "Sunday" in page
