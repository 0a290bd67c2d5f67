"""The secrets that sign: made here, kept sealed under ``SECRET_KEY``, shown once."""

import secrets
from datetime import datetime
from typing import Final

from django.conf import settings

from apps.core import sealing
from apps.documents.domain.signatures import SECRET_BYTES, secret_of
from apps.documents.models import WebhookEndpoint

_PURPOSE: Final = "webhook secret"


class SecretLost(Exception):
    """The secret can no longer be read; a new one has to be made."""


def new_secret() -> str:
    """Return a random secret as receivers configure it (256 bits)."""
    return secret_of(secrets.token_bytes(SECRET_BYTES))


def sealed(secret: str) -> str:
    return sealing.seal(secret, purpose=_PURPOSE, under=settings.SECRET_KEY)


def signing_secrets(endpoint: WebhookEndpoint, *, at: datetime) -> list[str]:
    """Return the secrets that sign for an endpoint now: its own, and the former while that holds.

    :raises SecretLost: the setting ``SECRET_KEY`` has changed since
    """
    kept = [endpoint.secret_sealed]
    if endpoint.old_secret_until is not None and endpoint.old_secret_until > at:
        kept.append(endpoint.old_secret_sealed)
    try:
        return [str(sealing.unseal(text, purpose=_PURPOSE, under=settings.SECRET_KEY)) for text in kept]
    except sealing.CannotUnseal as error:
        raise SecretLost("Its secret can no longer be read: SECRET_KEY has changed. Make a new secret.") from error
