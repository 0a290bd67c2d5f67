"""Mails: a thing is told once until it is over; a mail server that is down costs time."""

import re
from datetime import timedelta
from io import BytesIO
from smtplib import SMTPServerDisconnected
from types import SimpleNamespace

import pytest
from django.core import mail as outbox
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import IntegrityError, transaction

from apps.documents.bounces import note_bounce
from apps.documents.mails import enqueue_mail, send_due_mails, told_keys
from apps.documents.models import Mail, MailTopic
from apps.documents.selectors import undelivered
from apps.documents.services import store_document
from config.mail import mail_settings
from tests.factories import NOON, make_owner
from tests.refusals import refused_by
from tests.unit.documents.test_bounces import REPORT


@pytest.fixture
def enqueue(db):
    owner = make_owner()

    def enqueue(**fields) -> Mail:
        values = {
            "organisation_id": owner.pk,
            "recipient": "olga@example.com",
            "kind": "stations",
            "language": "en",
            "subject": "Depot: 1 station is down",
            "body": "CS-1: offline",
            "at": NOON,
            "keys": ("station:1:offline",),
        }
        return enqueue_mail(**{**values, **fields})

    return enqueue


class TestEnqueueMail:
    def test_refuses_to_tell_the_same_thing_twice(self, enqueue):
        enqueue()

        with pytest.raises(IntegrityError), transaction.atomic():
            enqueue(recipient="Olga@Example.com")

        assert Mail.objects.count() == 1

    def test_tells_it_again_once_it_was_over(self, enqueue):
        enqueue()
        MailTopic.objects.update(cleared_at=NOON)

        told = told_keys(recipient="olga@example.com", keys=["station:1:offline"])
        enqueue()

        assert told == set()
        assert Mail.objects.count() == 2

    def test_keeps_the_subject_on_one_line(self, enqueue):
        assert enqueue(subject="Depot\r\nBcc: everybody@example.com").subject == "Depot Bcc: everybody@example.com"


class TestNoteBounce:
    def report(self, mail: Mail, recipient: str = "olga@example.com") -> bytes:
        return REPORT.replace(b"Fleet@Example.com", recipient.encode()).replace(b"mail-417@", b"mail-%d@" % mail.pk)

    def test_notes_once_that_a_mail_came_back_and_why(self, enqueue):
        mail = enqueue()
        send_due_mails(at=NOON)
        later = NOON + timedelta(minutes=5)

        noted = [note_bounce(self.report(mail), at=later), note_bounce(self.report(mail), at=later + timedelta(days=1))]

        mail.refresh_from_db()
        assert noted == [mail, None]
        assert (mail.bounced_at, mail.sent_at) == (later, NOON)
        assert "User unknown" in mail.error
        assert list(undelivered(Mail.objects.all())) == [mail]

    def test_believes_no_report_on_another_recipient_or_on_what_was_not_sent(self, enqueue):
        mail = enqueue()

        before = note_bounce(self.report(mail), at=NOON)
        send_due_mails(at=NOON)
        another = note_bounce(self.report(mail, "somebody@example.com"), at=NOON)

        mail.refresh_from_db()
        assert (before, another, mail.bounced_at) == (None, None, None)

    def test_the_database_refuses_that_an_unsent_mail_came_back(self, enqueue):
        mail = enqueue()

        with refused_by("mail_bounced_was_sent"):
            Mail.objects.filter(pk=mail.pk).update(bounced_at=NOON)

    def test_a_mail_server_pipes_reports_in(self, enqueue, monkeypatch, capsys):
        mail = enqueue()
        send_due_mails(at=NOON)

        for raw in (self.report(mail), b"Subject: hello\n\nno report"):
            monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=BytesIO(raw)))
            call_command("note_bounce")

        first, second = capsys.readouterr().out.splitlines()
        assert first.startswith(f"mail {mail.pk} did not arrive: 550 5.1.1")
        assert second == "no report on a mail of ours"


class TestSendDueMails:
    def test_sends_each_mail_once(self, enqueue):
        mail = enqueue()

        counts = [send_due_mails(at=NOON), send_due_mails(at=NOON + timedelta(hours=1))]

        (sent,) = outbox.outbox
        mail.refresh_from_db()
        assert counts == [1, 0]
        assert (sent.to, sent.subject, sent.body) == (["olga@example.com"], mail.subject, mail.body)
        assert sent.extra_headers["Message-ID"] == f"<mail-{mail.pk}@127.0.0.1>"
        assert (mail.sent_at, mail.attempts) == (NOON, 1)

    def test_sends_the_same_words_as_a_page_that_loads_nothing_and_runs_nothing(self, enqueue):
        enqueue(
            subject="Depot & <b>others</b>",
            language="de",
            body="Hallo <script>alert(1)</script>,\n\nbitte zahlen:\nhttps://pay.example/x?a=1&b=2",
        )

        send_due_mails(at=NOON)

        ((page, media_type),) = outbox.outbox[0].alternatives
        assert media_type == "text/html"
        assert '<html lang="de">' in page
        assert "<h1>Depot &amp; &lt;b&gt;others&lt;/b&gt;</h1>" in page
        assert "<p>Hallo &lt;script&gt;alert(1)&lt;/script&gt;,</p>" in page
        assert '<br><a href="https://pay.example/x?a=1&amp;b=2"' in page
        assert not re.search(r"<(script|img|link|iframe)|url\(|@import", page)

    def test_takes_its_document_along_and_waits_until_that_is_made(self, enqueue):
        mail = enqueue(attachment_key="invoice:1:document")
        send_due_mails(at=NOON)
        assert outbox.outbox == []
        store_document(
            seller_id=mail.organisation_id,
            recipient_id=None,
            key="invoice:1:document",
            kind="receipt",
            media_type="application/pdf",
            language="en",
            file_name="REC-1.pdf",
            content=b"%PDF",
            at=NOON,
        )

        send_due_mails(at=NOON + timedelta(minutes=1))

        assert outbox.outbox[0].attachments == [("REC-1.pdf", b"%PDF", "application/pdf")]

    def test_tries_again_later_while_the_server_is_down_and_gives_up_after_a_day(self, enqueue, monkeypatch):
        def send(self, fail_silently=False):
            raise SMTPServerDisconnected("no server")

        monkeypatch.setattr("apps.documents.mails.EmailMessage.send", send)
        mail = enqueue()

        tried = [send_due_mails(at=NOON + timedelta(minutes=m)) for m in (0, 0, 1, 2, 3, 60 * 25, 60 * 27)]

        mail.refresh_from_db()
        assert tried == [1, 0, 1, 0, 1, 1, 0]
        assert (mail.attempts, mail.error) == (4, "SMTPServerDisconnected: no server")
        assert mail.given_up_at == NOON + timedelta(hours=25)
        assert outbox.outbox == []

    def test_keeps_mails_where_no_server_is_set(self, enqueue, settings):
        settings.SENDS_MAILS = False
        mail = enqueue()

        count = send_due_mails(at=NOON)

        mail.refresh_from_db()
        assert (count, mail.attempts, outbox.outbox) == (0, 0, [])


class TestMailSettings:
    def test_reads_server_user_and_password_from_one_url(self):
        settings = mail_settings("smtp://us%40er:p%2Fw@mail.example", sender="a@b.example")

        assert {name: settings[name] for name in settings if name.startswith("EMAIL_")} == {
            "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "EMAIL_HOST": "mail.example",
            "EMAIL_PORT": 587,
            "EMAIL_HOST_USER": "us@er",
            "EMAIL_HOST_PASSWORD": "p/w",
            "EMAIL_USE_TLS": True,
            "EMAIL_USE_SSL": False,
            "EMAIL_TIMEOUT": 10,
        }

    def test_sends_nothing_without_one(self):
        assert mail_settings("", sender="a@b.example")["SENDS_MAILS"] is False

    @pytest.mark.parametrize("url", ["http://mail.example", "smtp://"])
    def test_refuses_a_url_that_names_no_server(self, url):
        with pytest.raises(ImproperlyConfigured):
            mail_settings(url, sender="a@b.example")
