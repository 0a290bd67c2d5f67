"""Keep a secret readable for the machine alone, so that a copy of the database tells nothing.

Encrypted (Fernet: AES-128-CBC and HMAC-SHA-256) under a key derived from a setting and from what it is for, so that
one kind of secret never passes for another.
"""

import base64
import json
from hashlib import sha256
from typing import Any

from cryptography.fernet import Fernet, InvalidToken


class CannotUnseal(ValueError):
    """It was sealed under another secret, or is damaged."""


def seal(value: Any, *, purpose: str, under: str) -> str:
    """Encrypt decoded JSON; ``under``: the setting's value."""
    return _fernet(purpose, under).encrypt(json.dumps(value).encode()).decode()


def unseal(sealed: str, *, purpose: str, under: str) -> Any:
    """Return what was sealed for the same purpose under the same setting.

    :raises CannotUnseal: the setting has changed since, or the text has
    """
    try:
        return json.loads(_fernet(purpose, under).decrypt(sealed.encode()))
    except InvalidToken as error:
        raise CannotUnseal("It can no longer be read: the setting it was sealed under has changed.") from error


def _fernet(purpose: str, under: str) -> Fernet:
    digest = sha256(f"wattledger {purpose}\0".encode() + under.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))
