"""Closing months and numbering accounts in the console: who may, what is said, what comes of it."""

from datetime import UTC, date, datetime

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role as MemberRole
from apps.ledger.domain.chart import Role
from apps.ledger.models import AccountNumber, Chart, Closing
from apps.ledger.selectors import numbering_on
from apps.ledger.services.closings import close_month
from tests.factories import make_member, make_owner, make_user
from tests.integration.ledger.test_services import post
from tests.integration.tenants import signed_in

pytestmark = pytest.mark.django_db
LATER = datetime(2026, 11, 30, 12, tzinfo=UTC)
MARCH = date(2026, 3, 1)


@pytest.fixture
def seller():
    owner = make_owner()
    post(owner)
    return owner


def as_role(seller, role: MemberRole):
    return signed_in(make_member(organisation=seller, role=role, user=make_user(is_staff=True)).user)


class TestClosing:
    def test_offers_the_months_that_are_over_and_closes_the_chosen_one(self, seller):
        client, page = as_role(seller, MemberRole.FINANCE), reverse("admin:ledger_closing_close")
        assert b"March 2026" in client.get(page).content

        said = client.post(page, {"month": "2026-03-01"}, follow=True).content.decode()

        assert "March 2026 is closed. What comes late is posted on 1 April 2026." in said
        assert Closing.objects.get().entity == seller
        assert b"March 2026" not in client.get(page).content

    def test_is_not_for_those_who_only_look(self, seller):
        page = reverse("admin:ledger_closing_close")

        assert as_role(seller, MemberRole.SUPPORT).post(page, {"month": "2026-03-01"}).status_code == 403
        assert not Closing.objects.exists()

    def test_is_taken_back_by_an_owner_alone_with_a_reason_that_is_shown(self, seller):
        closing = close_month(entity_id=seller.pk, month=MARCH, by=make_user(), at=LATER)
        page = reverse("admin:ledger_closing_reopen", args=[closing.pk])
        owner = as_role(seller, MemberRole.OWNER)

        refused = as_role(seller, MemberRole.FINANCE).post(page, {"reason": "A receipt is missing"})
        without = owner.post(page, {"reason": ""})
        done = owner.post(page, {"reason": "A receipt is missing"}, follow=True)

        assert (refused.status_code, without.status_code) == (403, 200)
        assert "March 2026 is open again." in done.content.decode()
        assert b"A receipt is missing" in owner.get(reverse("admin:ledger_closing_changelist")).content


class TestCharts:
    CHOSEN = {
        "kind": "skr03",
        "valid_from": "2026-01-01",
        "account_length": "4",
        "year_begins": "1",
        "consultant_number": "29098",
        "client_number": "55003",
    }

    def test_are_chosen_and_numbered_by_forms(self, seller):
        client = as_role(seller, MemberRole.FINANCE)
        client.post(reverse("admin:ledger_chart_choose"), self.CHOSEN)
        page = reverse("admin:ledger_chart_numbers")
        form = client.get(page).context["form"]
        answers = {name: field.initial for name, field in form.fields.items() if field.initial not in (False, None)}
        bank = next(name for name, value in answers.items() if value == "1200")

        said = client.post(page, {**answers, bank: "1220", "valid_from": "2026-02-01"}, follow=True)

        assert "1 numbers are changed." in said.content.decode()
        assert [(row.number, row.role) for row in AccountNumber.objects.all()] == [("1220", "bank")]
        assert numbering_on(entity=seller, day=date(2026, 1, 31)).account(Role.BANK).number == "1200"
        assert numbering_on(entity=seller, day=date(2026, 2, 1)).account(Role.BANK).number == "1220"

    def test_refuse_a_number_of_another_length_in_words(self, seller):
        client = as_role(seller, MemberRole.FINANCE)
        client.post(reverse("admin:ledger_chart_choose"), self.CHOSEN)
        page = reverse("admin:ledger_chart_numbers")
        form = client.get(page).context["form"]
        answers = {name: field.initial for name, field in form.fields.items() if field.initial not in (False, None)}

        said = client.post(page, {**answers, "number_0": "12"})

        assert "“12” is no account of this chart: it has 4 digits." in said.content.decode()
        assert not AccountNumber.objects.exists()

    def test_offer_no_closed_month(self, seller):
        close_month(entity_id=seller.pk, month=MARCH, by=make_user(), at=LATER)
        client = as_role(seller, MemberRole.OWNER)

        said = client.post(reverse("admin:ledger_chart_choose"), self.CHOSEN)

        assert said.status_code == 200
        assert b"April 2026" in said.content
        assert b"March 2026" not in said.content
        assert not Chart.objects.exists()
