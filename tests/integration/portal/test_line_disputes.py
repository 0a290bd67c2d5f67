"""The customer's page of a line: what it rests on, a dispute of it, the thread, withdrawing it."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.formats import date_format

from apps.accounts.domain.roles import Role
from apps.invoices.models import LineDispute
from apps.invoices.services.disputing import answer_with_reason
from tests.factories import make_member, make_user
from tests.integration.tenants import signed_in

SAID = {"ground": "energy", "words": "The display said 7 kWh."}


@pytest.fixture
def fleet(ours) -> Client:
    """A driver of the fleet, who may not pay."""
    person = make_user(name="Ina Fahrt")
    make_member(organisation=ours.fleet.organisation, role=Role.FLEET_USER, user=person)
    return signed_in(person)


def page_of(tenant) -> str:
    return reverse("portal:line", args=[tenant.invoice.uid, 1])


def latest() -> LineDispute:
    return LineDispute.objects.latest("pk")


class TestASession:
    def test_leads_back_to_the_lines_that_bill_it_and_names_the_readings(self, ours, fleet):
        text = fleet.get(reverse("portal:session", args=[ours.session.uid])).content.decode()

        assert page_of(ours) in text
        assert "14:00:00 1,000.000 kWh, 15:00:00 1,010.000 kWh" in text
        assert "element 1 of the tariff" in text


class TestALine:
    def test_leads_to_its_session_and_says_its_price(self, ours, fleet):
        text = fleet.get(page_of(ours)).content.decode()

        assert reverse("portal:session", args=[ours.session.uid]) in text
        assert "€0.50" in text
        assert "OURS was not there." in text

    def test_is_disputed_and_shown_with_names_times_and_the_day_of_the_answer(self, ours, fleet):
        text = fleet.post(page_of(ours), SAID, follow=True).content.decode()

        assert latest().status == "open"
        assert "The display said 7 kWh." in text
        assert "Ina Fahrt" in text
        assert f"answers by {date_format(latest().answer_by)}" in text
        assert latest().words in fleet.get(page_of(ours)).content.decode()
        assert page_of(ours) in fleet.get(reverse("portal:home")).content.decode()

    def test_shows_the_sellers_answer(self, ours, fleet):
        fleet.post(page_of(ours), SAID)
        answer_with_reason(dispute_id=latest().pk, answer="It was 10.", at=latest().opened_at, by=ours.operator.user)

        text = fleet.get(page_of(ours)).content.decode()

        assert "It was 10." in text
        assert "OURS Owner" in text

    def test_is_not_disputed_without_a_ground_and_words(self, ours, fleet):
        response = fleet.post(page_of(ours), {"ground": "", "words": ""})

        assert response.status_code == 200
        assert "Say in a sentence what is wrong" in response.content.decode()
        assert LineDispute.objects.filter(status="open").count() == 0

    def test_is_withdrawn_once(self, ours, fleet):
        fleet.post(page_of(ours), SAID)
        withdraw = reverse("portal:line-withdraw", args=[ours.invoice.uid, 1])

        first, again = (fleet.post(withdraw, follow=True).content.decode() for _ in range(2))

        assert latest().status == "withdrawn"
        assert "Withdrawn. The line is owed as before." in first
        assert "no open dispute" in again

    def test_of_another_tenant_is_404(self, ours, theirs, fleet):
        before = LineDispute.objects.count()

        assert fleet.post(page_of(theirs), SAID).status_code == 404
        assert fleet.post(reverse("portal:line-withdraw", args=[theirs.invoice.uid, 1])).status_code == 404
        assert LineDispute.objects.count() == before

    def test_that_is_none_is_404(self, ours, fleet):
        assert fleet.get(reverse("portal:line", args=[ours.invoice.uid, 2])).status_code == 404

    def test_speaks_german(self, ours, fleet):
        text = fleet.get(page_of(ours), headers={"accept-language": "de"}).content.decode()

        assert "Stimmt daran etwas nicht?" in text
        assert "Etwas anderes" in text
