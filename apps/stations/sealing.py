"""Keep a secret readable for the machine alone, for as long as it is on its way to a station.

Sealed under the setting ``STATION_KEY_SECRET``.
"""

from typing import Any, Final

from django.conf import settings

from apps.core import sealing

_PURPOSE: Final = "station command"


class CannotUnseal(ValueError):
    """It was sealed under another secret, or is damaged."""


def seal(value: dict[str, Any]) -> str:
    """Encrypt decoded JSON."""
    return sealing.seal(value, purpose=_PURPOSE, under=settings.STATION_KEY_SECRET)


def unseal(sealed: str) -> dict[str, Any]:
    """Return what was sealed.

    :raises CannotUnseal: the setting has changed since, or the text has
    """
    try:
        value: dict[str, Any] = sealing.unseal(sealed, purpose=_PURPOSE, under=settings.STATION_KEY_SECRET)
    except sealing.CannotUnseal as error:
        raise CannotUnseal("The secret in it can no longer be read: STATION_KEY_SECRET has changed.") from error
    return value
