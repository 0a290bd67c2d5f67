"""The letter of a reminder: printed once from what was copied, in the customer's language, attached to its mail."""

from datetime import date
from decimal import Decimal
from io import BytesIO

import pytest
from celery import current_app
from pypdf import PdfReader

from apps.documents import mails
from apps.documents.models import Document, Mail
from apps.invoices.domain.references import creditor_reference, in_groups
from apps.payments import tasks
from apps.payments.models import DunningStep
from apps.payments.papers import reminder_key, unprinted_letters
from apps.payments.services.papers import letter_html, print_letter
from tests.integration.invoices.world import APRIL, bill, make_cdr

from .test_dunning import days_after, invoice, make_step, pay, remind_on

__all__ = ["invoice"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def at_once():
    """Run what is handed out at once, in this process."""
    current_app.conf.task_always_eager = current_app.conf.task_eager_propagates = True
    yield
    current_app.conf.task_always_eager = current_app.conf.task_eager_propagates = False


def letter_of(step: DunningStep) -> str:
    return " ".join(letter_html(DunningStep.objects.get(pk=step.pk)).split())


class TestTheLetter:
    def test_says_what_is_to_be_paid_with_all_fees_and_how(self, invoice):
        invoice.seller_party["iban"]
        third = remind_on(invoice, 7, 14, 28)[2]

        said = letter_of(third)

        # 10.00 of the invoice, 5.00 for the second reminder, 10.00 for this one.
        assert third.to_pay.amount == Decimal("25.00")
        assert "Fee of reminder 2, 29 April 2026" in said
        assert said.count("€25.00") == 2
        assert in_groups(creditor_reference(invoice.number)) in said
        assert 'class="qr"' in said
        assert "it contains no VAT" in said
        assert "blocked from 13 May 2026 on" in said

    def test_grows_plainer_with_each_step(self, invoice):
        titles = [letter_of(step).split("<h1>")[1].split("</h1>")[0] for step in remind_on(invoice, 7, 14, 28)]

        assert titles == [
            f"Reminder of invoice {invoice.number}",
            f"Reminder 2 of invoice {invoice.number}",
            f"Last reminder of invoice {invoice.number}",
        ]

    @pytest.mark.parametrize(
        ("language", "title", "to_pay"),
        [
            ("de", "2. Mahnung zu Rechnung", "Zu zahlen"),
            ("fr", "Rappel 2 de la facture", "À payer"),
            ("nl", "Herinnering 2 aan factuur", "Te betalen"),
        ],
    )
    def test_and_its_mail_speak_the_customers_language(self, site, invoice, language, title, to_pay):
        type(site.customer).objects.update(language=language)

        said = letter_of(remind_on(invoice, 7, 14)[1])

        assert title in said
        assert to_pay in said
        assert "15" in Mail.objects.latest("pk").body
        assert Mail.objects.latest("pk").language == language

    def test_lists_what_else_is_due_and_says_that_it_is_not_in_the_sum(self, site, invoice):
        make_cdr(site=site, kwh="8")
        (other,) = bill(site)
        step = remind_on(invoice, 14)[0]

        said = letter_of(step)

        assert (step.letter["others"][0]["number"], step.to_pay.amount) == (other.number, Decimal("10.00"))
        assert "Not part of the sum above" in said
        assert "€4.00" in said

    def test_tells_what_was_true_when_it_was_sent(self, invoice):
        step = remind_on(invoice, 7, 14)[1]
        pay(invoice, "12.00")

        assert "€15.00" in letter_of(step)

    def test_is_printed_once_for_customer_and_seller(self, site, invoice):
        step = remind_on(invoice, 7)[0]

        first, again = (print_letter(step_id=step.pk, at=days_after(day)) for day in (7, 8))

        assert first == again
        assert (first.key, first.recipient, first.kind) == (
            reminder_key(step.pk),
            site.customer.organisation,
            "reminder",
        )
        text = " ".join(PdfReader(BytesIO(bytes(first.content))).pages[0].extract_text().split())
        assert f"Reminder of invoice {invoice.number}" in text

    def test_goes_with_its_mail_which_waits_for_it(self, invoice, mailoutbox):
        step = remind_on(invoice, 7)[0]
        mails.send_due_mails(at=days_after(7))
        waiting = len(mailoutbox)
        print_letter(step_id=step.pk, at=days_after(7))
        mails.send_due_mails(at=days_after(8))

        sent = [mail for mail in mailoutbox if mail.subject.startswith("Reminder")]
        assert (waiting, len(sent)) == (0, 1)
        assert sent[0].attachments[0].filename == f"{invoice.number}-1.pdf"

    def test_whose_bell_was_lost_is_printed_by_the_sweep(self, invoice, at_once):
        remind_on(invoice, 7)

        tasks.sweep_papers()

        assert Document.objects.filter(kind="reminder").count() == 1
        assert not unprinted_letters().exists()

    def test_of_a_reminder_older_than_letters_is_none(self, invoice):
        step = make_step(invoice, level=1)

        assert not unprinted_letters().exists()
        with pytest.raises(ValueError, match="has no letter"):
            print_letter(step_id=step.pk, at=APRIL)


def test_the_day_of_a_fee_is_the_day_of_its_reminder(invoice):
    remind_on(invoice, 7, 14)
    last = remind_on(invoice, 28)[0]

    assert last.letter["fees"] == [{"level": 2, "taken_on": date(2026, 4, 29).isoformat(), "open": "5.000000"}]
