"""Keep a secret readable for the machine alone, for as long as it is on its way to a station.

Encrypted (Fernet: AES-128-CBC and HMAC-SHA-256) under a key derived from the setting ``STATION_KEY_SECRET``, so that a
copy of the database tells nothing.
"""

import base64
import json
from hashlib import sha256
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


class CannotUnseal(ValueError):
    """It was sealed under another secret, or is damaged."""


def seal(value: dict[str, Any]) -> str:
    """Encrypt decoded JSON."""
    return _fernet().encrypt(json.dumps(value).encode()).decode()


def unseal(sealed: str) -> dict[str, Any]:
    """Return what was sealed.

    :raises CannotUnseal: the setting has changed since, or the text has
    """
    try:
        value: dict[str, Any] = json.loads(_fernet().decrypt(sealed.encode()))
    except InvalidToken as error:
        raise CannotUnseal("The secret in it can no longer be read: STATION_KEY_SECRET has changed.") from error
    return value


def _fernet() -> Fernet:
    digest = sha256(b"wattledger station command\0" + settings.STATION_KEY_SECRET.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))
