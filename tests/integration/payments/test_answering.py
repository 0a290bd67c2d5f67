"""A dispute is answered: from our facts, edited, sent once; what becomes of the call when Stripe is silent."""

from datetime import timedelta

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.console.alerts import sweep_alerts
from apps.documents.models import Mail
from apps.payments.models import Dispute, Payment, PaymentOperation
from apps.payments.sandbox import FaultKind
from apps.payments.services import answering
from apps.payments.services.answering import NotAnswerable
from tests.factories import make_member, make_user
from tests.integration.tenants import signed_in

from .conftest import MINUTE, NOON
from .disputing import decide, open_dispute
from .drivers import calls, capture, janitor, make_attempt, pay, posts, receipt_of, violations

pytestmark = pytest.mark.django_db


@pytest.fixture
def dispute(sandbox, site) -> Dispute:
    receipt = receipt_of(pay(make_attempt(site)), site)
    capture(receipt)
    opened = open_dispute(sandbox, Payment.objects.get(attempt__receipt=receipt))
    return answering.prepare_evidence(dispute_id=opened.pk, at=NOON)


def submit(dispute: Dispute, at=NOON) -> Dispute:
    return answering.submit_evidence(dispute_id=dispute.pk, at=at)


def edit(dispute: Dispute, text: str, at=NOON) -> Dispute:
    texts = dispute.evidence | {"uncategorized_text": text}
    return answering.edit_evidence(dispute_id=dispute.pk, texts=texts, by=make_user(), at=at)


class TestTheEvidence:
    def test_is_put_together_from_session_price_permission_and_receipt(self, site, dispute):
        told = "\n".join(dispute.evidence.values())

        for words in (
            "Receipt REC-2026-000001 over €10.00",
            f"{site.location.name}, Parkweg 5, 10115 Berlin",
            f"Station {site.station.identity}, charging point 1",
            "20.000 kWh",
            "at most €25.00",
            "0.50",
        ):
            assert words in told

    def test_is_put_together_once_and_never_over_a_persons_words(self, dispute):
        edit(dispute, "My own words.")

        again = answering.prepare_evidence(dispute_id=dispute.pk, at=NOON + MINUTE)

        assert again.evidence["uncategorized_text"] == "My own words."


class TestSubmitting:
    def test_sends_the_texts_to_the_bank_once(self, sandbox, dispute):
        edit(dispute, "My own words.")

        sent = submit(dispute)

        assert (sent.status, sent.submitted_at) == ("under_review", NOON)
        [at_stripe] = sandbox.control.objects("dispute")
        assert at_stripe["evidence"]["uncategorized_text"] == "My own words."
        assert at_stripe["evidence_details"]["submission_count"] == 1
        with pytest.raises(NotAnswerable, match="went to the bank already"):
            submit(dispute)
        with pytest.raises(NotAnswerable, match="went to the bank already"):
            edit(sent, "Too late.")
        assert len(posts(sandbox, dispute.stripe_id)) == 1
        assert violations() == []

    def test_can_win(self, sandbox, dispute):
        edit(dispute, "winning_evidence")

        assert submit(dispute).status == "won"
        assert violations() == []

    @pytest.mark.parametrize("fault", [FaultKind.DROP_ANSWER, FaultKind.ERROR_AFTER, FaultKind.ERROR_BEFORE])
    def test_without_an_answer_of_stripes_is_finished_by_the_janitor_and_sent_once(self, sandbox, dispute, fault):
        sandbox.control.fault(fault, method="POST", path="/v1/disputes")

        submit(dispute)
        janitor(NOON + timedelta(hours=1))

        dispute.refresh_from_db()
        assert dispute.status == "under_review"
        assert sandbox.control.objects("dispute")[0]["evidence_details"]["submission_count"] == 1
        assert [call[1] for call in calls("update_dispute")][-1] == "done"

    def test_is_refused_after_the_deadline_and_when_nothing_is_written(self, sandbox, dispute):
        with pytest.raises(NotAnswerable, match="deadline has passed"):
            submit(dispute, at=dispute.due_by)
        Dispute.objects.filter(pk=dispute.pk).update(evidence={})
        with pytest.raises(NotAnswerable, match="nothing written"):
            submit(dispute)

        assert calls("update_dispute") == []
        assert posts(sandbox, dispute.stripe_id) == []

    def test_is_refused_once_the_bank_has_decided(self, sandbox, dispute):
        decide(sandbox, dispute, is_won=False)

        with pytest.raises(NotAnswerable, match="the dispute is lost"):
            submit(dispute)
        assert not PaymentOperation.objects.filter(kind="update_dispute").exists()


class TestPeople:
    def client(self, site, role: Role = Role.FINANCE):
        return signed_in(make_member(organisation=site.owner, role=role, user=make_user(is_staff=True)).user)

    def page(self, dispute: Dispute, act: str = "change") -> str:
        return reverse(f"admin:payments_dispute_{act}", args=[dispute.pk])

    def test_read_edit_and_send_the_answer(self, sandbox, site, dispute):
        client = self.client(site)

        shown = client.get(self.page(dispute)).content.decode()
        form = client.get(self.page(dispute, "edit")).content.decode()
        client.post(self.page(dispute, "edit"), {"uncategorized_text": "Seen on camera."})
        client.post(self.page(dispute, "submit"))

        assert "What happened at the station" in shown
        assert f"Station {site.station.identity}" in form
        dispute.refresh_from_db()
        assert dispute.evidence == {"uncategorized_text": "Seen on camera."}
        assert dispute.status == "under_review"
        assert "sent 20" in client.get(self.page(dispute)).content.decode()

    def test_without_the_money_role_only_look(self, site, dispute):
        client = self.client(site, Role.READ_ONLY)

        assert client.get(self.page(dispute)).status_code == 200
        assert client.post(self.page(dispute, "submit")).status_code == 403
        dispute.refresh_from_db()
        assert dispute.submitted_at is None

    def test_see_it_on_the_home_page_with_its_deadline(self, site, dispute):
        home = self.client(site).get(reverse("admin:index")).content.decode()

        assert f"dispute to answer by {dispute.due_by:%Y-%m-%d}" in home

    def test_are_alarmed_by_mail_once_three_days_before(self, sandbox, site, dispute):
        finance = make_member(organisation=site.owner, role=Role.FINANCE).user
        make_member(organisation=site.owner, role=Role.TECHNICIAN)

        sweep_alerts(at=dispute.due_by - timedelta(days=3, seconds=1))
        before = Mail.objects.filter(kind="disputes").count()
        sweep_alerts(at=dispute.due_by - timedelta(days=3))
        sweep_alerts(at=dispute.due_by - timedelta(days=2))

        assert before == 0
        [mail] = Mail.objects.filter(kind="disputes")
        assert mail.recipient == finance.email
        assert "€10.00 sind bestritten" in mail.body
        assert "/admin/payments/dispute/" in mail.body
