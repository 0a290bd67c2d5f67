"""Mails to a person about their own account: a way back in, and what somebody changed about how they sign in.

They are kept with the person's first organisation; somebody without one gets none.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.db import transaction
from django.urls import reverse
from django.utils import translation
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services import take_factor_off
from apps.accounts.sign_ins import end_sign_ins, language_of
from apps.core.words import moment
from apps.documents.mails import enqueue_mail, told_keys

ONE_LINK_EVERY: Final = timedelta(minutes=5)


def mail_person(
    user: User, *, kind: str, language: str, subject: str, body: str, at: datetime, keys: Collection[str]
) -> None:
    """Keep a mail to a person about their account. ``keys``: see ``enqueue_mail``."""
    first = user.memberships.order_by("pk").values_list("organisation_id", flat=True).first()
    if first is not None:
        enqueue_mail(
            organisation_id=first,
            recipient=user.email,
            kind=kind,
            language=language,
            subject=subject,
            body=body,
            at=at,
            keys=keys,
        )


def zone_of(user: User) -> str:
    """Return the zone in which a person is told times: of their first organisation."""
    first = user.memberships.order_by("pk").values_list("organisation__time_zone", flat=True).first()
    return first or "UTC"


@transaction.atomic
def send_password_link(*, email: str, language: str, at: datetime) -> None:
    """Mail a link that sets a new password to the account with this address; no account, no mail, no word about it.

    Whoever asks, from however many networks, an account gets one such mail in five minutes. A link is good once,
    for ``PASSWORD_RESET_TIMEOUT``, and until its person signs in.
    """
    user = User.objects.select_for_update(no_key=True).filter(email__iexact=email, is_active=True).first()
    if user is None:
        return
    key = f"password-link:{user.pk}:{int(at.timestamp()) // int(ONE_LINK_EVERY.total_seconds())}"
    if told_keys(recipient=user.email, keys=[key]):
        return
    with translation.override(language):
        mail_person(
            user,
            kind="password-link",
            language=language,
            subject=_("A new password for Wattledger"),
            body=_(
                "Hello,\n\n"
                "somebody, we hope you, has forgotten the password of this address.\n\n"
                "Open this link to choose a new one. It works once, within an hour:\n"
                "%(link)s\n\n"
                "You did not ask for it? Then do nothing: your password stays as it is.\n"
            )
            % {"link": _password_link(user)},
            at=at,
            keys=[key],
        )


def _password_link(user: User) -> str:
    token = default_token_generator.make_token(user)
    address = reverse("portal:password-new", args=[urlsafe_base64_encode(force_bytes(user.pk)), token])
    return settings.PUBLIC_URL + address


@transaction.atomic
def settle_new_password(*, user: User, here: str, language: str, at: datetime) -> None:
    """Sign a person out everywhere but ``here`` (a session key; "": everywhere), and tell them why by mail."""
    end_sign_ins(user=user, but=here)
    with translation.override(language):
        mail_person(
            user,
            kind="password-changed",
            language=language,
            subject=_("Your password was changed"),
            body=_(
                "Hello,\n\n"
                "the password of your account at Wattledger was changed: %(moment)s. Wherever else you were signed in, "
                "you are signed out.\n\n"
                "That was you? Then there is nothing to do.\n"
                "It was not? Choose a new password at once, and tell whoever administers Wattledger for you:\n"
                "%(link)s\n"
            )
            % {"moment": moment(at, zone_of(user)), "link": settings.PUBLIC_URL + reverse("portal:password-forgotten")},
            at=at,
            keys=[f"password-changed:{user.pk}:{at.isoformat()}"],
        )


@transaction.atomic
def take_factor_off_by_mail(*, membership_id: int, by: User, at: datetime) -> User:
    """Take a member's second factor off and tell them by mail, in the language of their pages.

    :raises MemberRefused: see ``take_factor_off``
    """
    user = take_factor_off(membership_id=membership_id, by=by)
    language = language_of(user)
    with translation.override(language):
        mail_person(
            user,
            kind="factor-taken-off",
            language=language,
            subject=_("Your second factor was taken off"),
            body=_(
                "Hello,\n\n"
                "%(person)s has taken the second factor off your account at Wattledger: %(moment)s. Your password "
                "alone signs you in now, and wherever you were signed in you are signed out.\n\n"
                "You asked for it? Then set a new one up as soon as you have signed in:\n"
                "%(link)s\n\n"
                "You did not? Speak to %(person)s, and choose a new password.\n"
            )
            % {
                "person": by,
                "moment": moment(at, zone_of(user)),
                "link": settings.PUBLIC_URL + reverse("mfa_index"),
            },
            at=at,
            keys=[f"factor-taken-off:{user.pk}:{at.isoformat()}"],
        )
    return user
