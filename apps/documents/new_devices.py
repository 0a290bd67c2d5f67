"""The mail to a person who was signed in by a device that they never used before."""

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from apps.accounts.models import SignIn
from apps.core.domain.browsers import browser_and_system
from apps.core.words import moment
from apps.documents.personal_mails import mail_person, zone_of


@transaction.atomic
def tell_new_devices(*, at: datetime, limit: int = 100) -> int:
    """Mail each person whose sign-in by a new device nobody told them of; return how many sign-ins were looked at."""
    waiting = SignIn.objects.filter(is_untold=True).select_for_update(skip_locked=True, of=("self",))
    rows = list(waiting.select_related("user").order_by("pk")[:limit])
    for row in rows:
        _tell(row, at=at)
    SignIn.objects.filter(pk__in=[row.pk for row in rows]).update(is_untold=False)
    return len(rows)


def _tell(row: SignIn, *, at: datetime) -> None:
    with translation.override(row.language):
        mail_person(
            row.user,
            kind="new-device",
            language=row.language,
            subject=_("A new device signed in to your account"),
            body=_body(row, zone=zone_of(row.user)),
            at=at,
            keys=[f"sign-in:{row.pk}"],
        )


def _body(row: SignIn, *, zone: str) -> str:
    return _(
        "Hello,\n\n"
        "somebody signed in to Wattledger as you, by a device that was not seen before:\n\n"
        "%(device)s\n%(address)s, %(seen)s\n\n"
        "That was you? Then there is nothing to do.\n"
        "It was not? Sign that device out and change your password:\n"
        "%(link)s\n"
    ) % {
        "device": browser_and_system(row.device) or _("unknown browser"),
        "address": row.address or _("unknown address"),
        "seen": moment(row.first_seen_at, zone),
        "link": f"{settings.PUBLIC_URL}{reverse('portal:sign-ins')}",
    }
