"""Write to an endpoint's owner when nothing gets through any more, once until it does again."""

from datetime import datetime

from apps.core.domain.zones import zone
from apps.documents.mails import enqueue_mail, told_keys
from apps.documents.models import Mail, MailTopic, WebhookEndpoint


def tell_given_up(endpoint: WebhookEndpoint, *, count: int, error: str, at: datetime) -> Mail | None:
    """Tell that messages were given up after three days of trying."""
    organisation = endpoint.organisation
    since = (endpoint.failing_since or at).astimezone(zone(organisation.time_zone))
    return _tell(
        endpoint,
        subject=f"Webhooks to {endpoint} are not delivered",
        body=(
            f"Since {since:%Y-%m-%d %H:%M} nothing gets through to\n\n  {endpoint.url}\n\n"
            f"The last try came to this: {error}\n\n"
            f"{count} {'message was' if count == 1 else 'messages were'} given up after three days. Nothing is lost: "
            "once the endpoint answers again, replay them from its page, or read what you missed from the API.\n"
        ),
        at=at,
    )


def tell_gone(endpoint: WebhookEndpoint, *, at: datetime) -> Mail | None:
    """Tell that an endpoint was switched off because it asked for that."""
    return _tell(
        endpoint,
        subject=f"Webhooks to {endpoint} are switched off",
        body=(
            f"The endpoint\n\n  {endpoint.url}\n\nanswered 410 Gone, which asks not to be told any more. "
            "It is switched off. If that was a mistake, switch it on again from its page and replay what it missed.\n"
        ),
        at=at,
    )


def forget_trouble(endpoint: WebhookEndpoint, *, at: datetime) -> None:
    """Note that it is over, so that the next trouble is told of again."""
    MailTopic.objects.filter(key=_topic(endpoint), cleared_at__isnull=True).update(cleared_at=at)


def _tell(endpoint: WebhookEndpoint, *, subject: str, body: str, at: datetime) -> Mail | None:
    """Enqueue a letter; the caller holds the endpoint's lock, so that nobody is told twice."""
    organisation = endpoint.organisation
    keys = [_topic(endpoint)]
    if told_keys(recipient=organisation.email, keys=keys):
        return None
    return enqueue_mail(
        organisation_id=organisation.pk,
        recipient=organisation.email,
        kind="webhooks",
        language="en",
        subject=subject,
        body=body,
        at=at,
        keys=keys,
    )


def _topic(endpoint: WebhookEndpoint) -> str:
    return f"webhook:{endpoint.pk}:trouble"
