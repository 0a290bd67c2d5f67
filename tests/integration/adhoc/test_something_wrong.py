"""Something is wrong with a charge: its driver says so on the receipt's page, the operator answers in the console."""

from django.test import Client

from apps.accounts.domain.roles import Role
from apps.adhoc.services.disputes import MOST_DISPUTES
from apps.documents.models import Mail
from apps.invoices.models import Invoice, LineDispute
from apps.invoices.services.disputing import answer_with_reason
from apps.payments.models import Refund
from tests.factories import make_member, make_user
from tests.integration.tenants import signed_in

from .conftest import MINUTE, NOW, phone, text_of
from .test_after_the_charge import attempt, charge, paid, unpaid
from .test_progress_page import look

__all__ = ["attempt", "charge", "paid", "unpaid"]

SAID = {"ground": "energy", "words": "My car shows 8 kWh.", "email": "driver@example.com"}


def say(attempt, **fields: str):
    return phone().post(f"/s/{attempt.token}/receipt/wrong/", {**SAID, **fields})


def clerk_of(site) -> Client:
    return signed_in(make_member(organisation=site.owner, role=Role.FINANCE).user)


class TestTheDriver:
    def test_says_it_without_an_account_and_gets_a_mail_in_their_language(self, driver, paid):
        assert "Something is wrong with this charge" in look(driver, paid, "receipt/")

        first, again = say(paid), say(paid)

        (dispute,) = LineDispute.objects.all()
        assert first.status_code == again.status_code == 302
        assert (dispute.line.invoice, dispute.opened_by, dispute.reply_to) == (
            paid.receipt,
            None,
            "driver@example.com",
        )
        (mail,) = Mail.objects.filter(kind="line_dispute")
        assert (mail.recipient, mail.language) == ("driver@example.com", paid.receipt.language)
        assert paid.token not in mail.body
        page = look(driver, paid, "receipt/")
        assert "My car shows 8 kWh." in page
        assert "answers by" in page
        assert f"/s/{paid.token}/receipt/wrong/withdraw/" in page

    def test_says_it_with_words_a_reason_and_an_address_or_not_at_all(self, paid):
        answers = [say(paid, **wrong) for wrong in ({"words": " "}, {"ground": "weather"}, {"email": "nobody"})]

        assert [answer.status_code for answer in answers] == [422, 422, 422]
        assert "Say in a sentence what is wrong" in text_of(answers[0])
        assert not LineDispute.objects.exists()
        assert not Mail.objects.filter(kind="line_dispute").exists()

    def test_takes_it_back_and_may_say_it_three_times_in_all(self, driver, paid):
        for number in range(MOST_DISPUTES):
            say(paid, words=f"It is wrong, {number}")
            driver.client.post(f"/s/{paid.token}/receipt/wrong/withdraw/")

        say(paid, words="Once more")

        assert [one.status for one in LineDispute.objects.all()] == ["withdrawn"] * MOST_DISPUTES
        assert Mail.objects.filter(kind="line_dispute").count() == MOST_DISPUTES

    def test_is_not_asked_to_pay_meanwhile_what_they_dispute(self, driver, unpaid, site):
        assert "Pay €5.00 now" in look(driver, unpaid)

        say(unpaid)

        assert "Pay €5.00 now" not in look(driver, unpaid) + look(driver, unpaid, "receipt/")
        dispute = LineDispute.objects.get()
        answer_with_reason(dispute_id=dispute.pk, answer="The meter is right.", at=NOW + 10 * MINUTE, by=make_user())
        assert "Pay €5.00 now" in look(driver, unpaid)

    def test_has_to_have_a_receipt_first(self, attempt):
        assert say(attempt).status_code == 404
        assert phone().post("/s/unknown/receipt/wrong/", SAID).status_code == 404


class TestTheOperator:
    def test_credits_it_on_the_usual_page_and_the_money_goes_back_to_the_card(self, driver, paid, site):
        say(paid)
        dispute = LineDispute.objects.get()
        page = f"/admin/console/disputed-lines/{dispute.uid}/"

        clerk_of(site).post(page, {"decision": "credit", "amount": "1.00", "answer": "You are right."})

        refund = Refund.objects.get()
        note = Invoice.objects.get(kind="credit_note")
        assert (refund.payment, f"{refund.amount.amount:.2f}") == (paid.payment, "1.00")
        shown = look(driver, paid, "receipt/")
        assert "You are right." in shown
        assert f"Credit note {note.number} over €1.00 incl. VAT." in shown
        assert "€1.00" in shown.partition("Refunded")[2][:80]
        assert [mail.recipient for mail in Mail.objects.filter(kind="line_dispute")] == ["driver@example.com"] * 2

    def test_answers_with_a_reason_that_the_page_and_a_mail_tell(self, driver, paid, site):
        say(paid)
        page = f"/admin/console/disputed-lines/{LineDispute.objects.get().uid}/"

        clerk_of(site).post(page, {"decision": "reason", "amount": "", "answer": "The meter is calibrated."})

        assert "The meter is calibrated." in look(driver, paid, "receipt/")
        assert "The meter is calibrated." in Mail.objects.filter(kind="line_dispute").latest("pk").body
        assert not Refund.objects.exists()
        assert "Something is wrong with this charge" in look(driver, paid, "receipt/")
