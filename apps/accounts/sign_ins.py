"""Sign-ins: where a person is signed in, since when, by which device; ended one by one or all others.

A sign-in is live while its browser session is. The row outlives it, so that a device that was seen before is known.
"""

from datetime import datetime, timedelta
from typing import Final

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet

from apps.accounts.models import SignIn, User
from apps.core.bells import ring_on_commit

NOTED_EVERY: Final = timedelta(minutes=5)
"""So exact is when a sign-in was last seen."""


@transaction.atomic
def note_seen(
    *, user: User, session_key: str, before: str, address: str, device: str, language: str, at: datetime
) -> None:
    """Note that a browser session was used.

    before    the key that the same session had until a password change gave it another; "": none
    language  of the page it is shown (de, en, fr, nl)
    """
    address_or_none, device = address or None, device[:200]
    seen = {"address": address_or_none, "device": device, "language": language, "last_seen_at": at}
    for key in (session_key, before):
        if key and SignIn.objects.filter(user=user, session_key=key).update(session_key=session_key, **seen):
            return
    is_new_device = (
        SignIn.objects.filter(user=user).exists() and not SignIn.objects.filter(user=user, device=device).exists()
    )
    row, was_made = SignIn.objects.get_or_create(
        session_key=session_key, defaults={"user": user, "first_seen_at": at, "is_untold": is_new_device, **seen}
    )
    if was_made and is_new_device:
        ring_on_commit("person.new_device", id=row.pk)


def language_of(user: User | None) -> str:
    """Return the language in which a person was last shown pages; English where nothing is known of them."""
    found = SignIn.objects.filter(user=user).order_by("-last_seen_at").values_list("language", flat=True).first()
    return found or "en"


def live_sign_ins(*, at: datetime) -> QuerySet[SignIn]:
    """Return the sign-ins whose session is good for another request, the latest seen first."""
    alive = Session.objects.filter(expire_date__gt=at).values("session_key")
    found: QuerySet[SignIn] = SignIn.objects.filter(session_key__in=alive).order_by("-last_seen_at", "-pk")
    return found


def end_sign_in(*, sign_in_id: int) -> None:
    """Sign that browser out at its next request; again changes nothing."""
    keys = SignIn.objects.filter(pk=sign_in_id).values("session_key")
    Session.objects.filter(session_key__in=keys).delete()


def end_sign_ins(*, user: User, but: str = "") -> int:
    """Sign a person out everywhere, ``but`` for one session; return of how many browsers."""
    keys = SignIn.objects.filter(user=user).exclude(session_key=but).values("session_key")
    return Session.objects.filter(session_key__in=keys).delete()[0]
