"""Mails that came back: noted on the mail, so that the owner sees who was not reached."""

from datetime import datetime

from django.db import transaction

from apps.documents.domain.bounces import read_bounce
from apps.documents.models import Mail


@transaction.atomic
def note_bounce(raw: bytes, *, at: datetime) -> Mail | None:
    """Note what a report says and return the mail; None where it is on no mail of ours, or noted already.

    Anybody can write to the mailbox of bounces: so it must name the mail and its recipient, and changes nothing else.
    """
    bounce = read_bounce(raw)
    if bounce is None:
        return None
    sent = Mail.objects.select_for_update().filter(
        pk=bounce.mail_id, recipient__iexact=bounce.recipient, sent_at__isnull=False, bounced_at__isnull=True
    )
    mail: Mail | None = sent.first()
    if mail is not None:
        mail.set_bounced(bounce.reason, at=at)
    return mail
