"""Write to an endpoint's owner when nothing gets through any more, once until it does again."""

from collections.abc import Callable
from datetime import datetime

from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.sign_ins import language_of
from apps.core.words import moment
from apps.documents.mails import enqueue_mail, told_keys
from apps.documents.models import Mail, MailTopic, WebhookEndpoint


def tell_given_up(endpoint: WebhookEndpoint, *, count: int, error: str, at: datetime) -> Mail | None:
    """Tell that messages were given up after three days of trying."""
    since = endpoint.failing_since or at

    def letter() -> tuple[str, str]:
        given_up = ngettext("%(count)s message was given up", "%(count)s messages were given up", count)
        return _("Webhooks to %(endpoint)s are not delivered") % {"endpoint": endpoint}, _(
            "Since %(since)s nothing gets through to\n\n  %(url)s\n\n"
            "The last try came to this: %(error)s\n\n"
            "%(given_up)s after three days. Nothing is lost: once the endpoint answers again, replay them from its "
            "page, or read what you missed from the API.\n"
        ) % {
            "since": moment(since, endpoint.organisation.time_zone),
            "url": endpoint.url,
            "error": error,
            "given_up": given_up % {"count": count},
        }

    return _tell(endpoint, letter, at=at)


def tell_gone(endpoint: WebhookEndpoint, *, at: datetime) -> Mail | None:
    """Tell that an endpoint was switched off because it asked for that."""

    def letter() -> tuple[str, str]:
        return _("Webhooks to %(endpoint)s are switched off") % {"endpoint": endpoint}, _(
            "The endpoint\n\n  %(url)s\n\nanswered 410 Gone, which asks not to be told any more. "
            "It is switched off. If that was a mistake, switch it on again from its page and replay what it missed.\n"
        ) % {"url": endpoint.url}

    return _tell(endpoint, letter, at=at)


def forget_trouble(endpoint: WebhookEndpoint, *, at: datetime) -> None:
    """Note that it is over, so that the next trouble is told of again."""
    MailTopic.objects.filter(key=_topic(endpoint), cleared_at__isnull=True).update(cleared_at=at)


def _tell(endpoint: WebhookEndpoint, letter: Callable[[], tuple[str, str]], *, at: datetime) -> Mail | None:
    """Enqueue a letter (subject, body) in the language of whoever made the endpoint.

    The caller holds the endpoint's lock, so that nobody is told twice.
    """
    organisation = endpoint.organisation
    keys = [_topic(endpoint)]
    if told_keys(recipient=organisation.email, keys=keys):
        return None
    language = language_of(endpoint.created_by)
    with translation.override(language):
        subject, body = letter()
    return enqueue_mail(
        organisation_id=organisation.pk,
        recipient=organisation.email,
        kind="webhooks",
        language=language,
        subject=subject,
        body=body,
        at=at,
        keys=keys,
    )


def _topic(endpoint: WebhookEndpoint) -> str:
    return f"webhook:{endpoint.pk}:trouble"
