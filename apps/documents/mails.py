"""Mails: enqueued in the transaction of the fact that they tell, sent afterwards, each thing once.

A crash between the mail server's answer and our note of it sends a mail again, under the same Message-ID.
What is written is the plain text; the HTML beside it is made from that text, so the two cannot say different things.
"""

import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from smtplib import SMTPException
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string

from apps.core.bells import ring_on_commit
from apps.documents.models import Mail, MailTopic
from apps.documents.selectors import get_document

log = logging.getLogger(__name__)

FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=1)
USEFUL_FOR: Final = timedelta(days=1)
"""A mail that cannot be sent for so long is given up."""


class NotRendered(Exception):
    """The document that goes with a mail is still being made."""


def told_keys(*, recipient: str, keys: Collection[str]) -> set[str]:
    """Return those of ``keys`` that the recipient was told of and that are not over."""
    open_ = MailTopic.objects.filter(recipient__iexact=recipient, key__in=keys, cleared_at__isnull=True)
    return set(open_.values_list("key", flat=True))


@transaction.atomic
def enqueue_mail(
    *,
    organisation_id: int,
    recipient: str,
    kind: str,
    language: str,
    subject: str,
    body: str,
    at: datetime,
    keys: Collection[str] = (),
    attachment_key: str = "",
) -> Mail:
    """Keep one mail to be sent. Telling a thing again before it is over is refused.

    keys            of the things it tells · subject  cut to one line of 200 characters
    attachment_key  of the organisation's document that goes with it, rendered or still to be

    :raises IntegrityError: the recipient was told one of ``keys`` already
    """
    mail = Mail.objects.create(
        organisation_id=organisation_id,
        recipient=recipient,
        kind=kind,
        language=language,
        subject=" ".join(subject.split())[:200],
        body=body,
        attachment_key=attachment_key,
        created_at=at,
        next_attempt_at=at,
    )
    MailTopic.objects.bulk_create(MailTopic(mail=mail, recipient=recipient, key=key) for key in sorted(keys))
    ring_on_commit("mail.enqueued", id=mail.pk)
    return mail


def send_due_mails(*, at: datetime, limit: int = 100) -> int:
    """Send what is due, oldest first, and return how many were tried; nothing where no mail server is set."""
    if not settings.SENDS_MAILS:
        return 0
    for tried in range(limit):
        mail = _claim(at)
        if mail is None:
            return tried
        _send(mail, at)
    return limit


@transaction.atomic
def _claim(at: datetime) -> Mail | None:
    due = Mail.objects.select_for_update(skip_locked=True).filter(
        next_attempt_at__lte=at, sent_at__isnull=True, given_up_at__isnull=True
    )
    mail: Mail | None = due.order_by("next_attempt_at", "pk").first()
    if mail is not None:
        # Noted before the network is asked, so that a mail that kills its sender is not tried in a circle.
        mail.set_attempted(next_attempt_at=at + min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(mail.attempts, 10)))
    return mail


def _send(mail: Mail, at: datetime) -> None:
    host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    message = EmailMultiAlternatives(
        mail.subject,
        mail.body,
        to=[mail.recipient],
        headers={"Message-ID": f"<mail-{mail.pk}@{host}>", "Auto-Submitted": "auto-generated"},
    )
    message.attach_alternative(render_to_string("documents/mail.html", {"mail": mail}), "text/html")
    try:
        if mail.attachment_key:
            _attach(mail, message)
        message.send()
    except (SMTPException, OSError, NotRendered) as error:
        log.warning("mail %s not sent: %s", mail.pk, type(error).__name__)
        is_too_old = at - mail.created_at > USEFUL_FOR
        mail.set_failed(f"{type(error).__name__}: {error}", given_up_at=at if is_too_old else None)
    else:
        mail.set_sent(at)


def _attach(mail: Mail, message: EmailMessage) -> None:
    document = get_document(seller_id=mail.organisation_id, key=mail.attachment_key)
    if document is None:
        raise NotRendered(mail.attachment_key)
    message.attach(document.file_name, bytes(document.content), document.media_type)
