"""The queue of disputed lines, the page with all that a line rests on, and its answer."""

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.console.alerts import sweep_alerts
from apps.documents.models import Mail
from apps.invoices.domain.line_disputes import DisputeGround
from apps.invoices.models import LineDispute
from apps.invoices.services.disputing import open_dispute, withdraw_dispute
from tests.factories import make_member, make_user
from tests.integration.tenants import BILLED_AT, dispute_of, signed_in

QUEUE = "console:disputed-lines"


def dispute(tenant) -> LineDispute:
    return open_dispute(
        line_id=tenant.invoice.lines.get().pk,
        ground=DisputeGround.PRICE,
        words="We agreed on 0.40.",
        at=BILLED_AT,
        by=tenant.fleet.user,
    )


@pytest.fixture
def opened(ours) -> LineDispute:
    return dispute(ours)


def page_of(opened: LineDispute) -> str:
    return reverse("console:disputed-line", args=[opened.uid])


class TestTheQueue:
    def test_lists_ones_own_that_wait_and_home_leads_there(self, ours, theirs, owner, opened):
        dispute(theirs)

        tiles = {tile.label: tile for tile in owner.get(reverse("admin:index")).context["attention"]}
        rows = owner.get(reverse(QUEUE)).context["rows"]

        assert tiles["disputed line to answer by 2026-07-15"].url == reverse(QUEUE)
        assert [row[0] for row in rows] == [opened]

    def test_lists_all_that_ever_were_when_asked(self, ours, owner, opened):
        assert [row[0] for row in owner.get(f"{reverse(QUEUE)}?all=1").context["rows"]] == [
            opened,
            dispute_of_first(ours),
        ]

    def test_says_what_appears_there_while_it_is_empty(self, ours, owner):
        assert "No line waits for an answer" in owner.get(reverse(QUEUE)).content.decode()

    def test_asks_the_database_a_bounded_number_of_times(self, ours, owner, opened, django_assert_max_num_queries):
        with django_assert_max_num_queries(12):
            owner.get(reverse(QUEUE))


def dispute_of_first(tenant) -> LineDispute:
    return LineDispute.objects.filter(line__invoice=tenant.invoice).earliest("pk")


class TestAlerts:
    def test_tell_those_with_a_money_role_once_and_again_when_it_is_due(self, ours, opened):
        clerk = make_user(email="flora@example.com", is_staff=True)
        make_member(organisation=ours.owner, role=Role.FINANCE, user=clerk)
        for at in (BILLED_AT, BILLED_AT.replace(day=2), BILLED_AT.replace(day=12), BILLED_AT.replace(day=13)):
            sweep_alerts(at=at)

        mails = Mail.objects.filter(kind="lines", recipient="flora@example.com")

        assert [str(opened.line.invoice) in mail.body for mail in mails] == [True, True]

    def test_stop_when_it_is_withdrawn(self, ours, opened):
        withdraw_dispute(dispute_id=opened.pk, at=BILLED_AT, by=ours.fleet.user)
        sweep_alerts(at=BILLED_AT)

        assert not Mail.objects.filter(kind="lines").exists()


class TestAnswering:
    def test_happens_beside_session_readings_tariff_and_signature(self, ours, owner, opened):
        text = owner.get(page_of(opened)).content.decode()

        begin, end = ours.session.readings.order_by("at")
        assert "We agreed on 0.40." in text
        assert reverse("console:session", args=[ours.session.uid]) in text
        assert f'id="reading-{begin.pk}"' in text
        assert f'href="#reading-{end.pk}"' in text
        assert "verified" in text
        assert "€0.50" in text
        assert "left to be credited" in text

    def test_with_a_reason_ends_it(self, ours, owner, opened):
        response = owner.post(
            page_of(opened), {"decision": "reason", "answer": "Your contract says 0.50.", "amount": ""}
        )

        opened.refresh_from_db()
        assert response.url == reverse(QUEUE)
        assert (opened.status, opened.answer, opened.ended_by) == (
            "explained",
            "Your contract says 0.50.",
            ours.operator.user,
        )

    def test_with_too_much_or_nothing_is_refused_in_words(self, ours, owner, opened):
        for amount in ("999", "", "0", "-1"):
            response = owner.post(page_of(opened), {"decision": "credit", "answer": "Yes.", "amount": amount})
            assert response.status_code == 200
            assert response.context["form"].errors["amount"]
        opened.refresh_from_db()
        assert opened.is_open

    def test_with_a_credit_writes_the_note(self, ours, owner, opened):
        owner.post(page_of(opened), {"decision": "credit", "answer": "Half of it.", "amount": "1.00"})

        opened.refresh_from_db()
        assert (opened.status, str(opened.credit_note.reason)) == ("credited", "Half of it.")

    def test_is_for_those_with_a_money_role(self, ours, opened):
        person = make_user(is_staff=True)
        make_member(organisation=ours.owner, role=Role.SUPPORT, user=person)
        client = signed_in(person)

        assert client.get(page_of(opened)).context["form"] is None
        assert client.post(page_of(opened), {"decision": "reason", "answer": "No."}).status_code == 403

    def test_of_what_has_ended_is_said_so(self, ours, owner):
        ended = dispute_of(ours)

        response = owner.post(page_of(ended), {"decision": "reason", "answer": "No."}, follow=True)

        assert "answered or withdrawn meanwhile" in response.content.decode()
