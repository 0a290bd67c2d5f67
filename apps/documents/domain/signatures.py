"""Sign a webhook so that its receiver knows who sent it, and when (Standard Webhooks 1.0, symmetric signatures).

Signed is ``<id>.<seconds>.<body>`` by HMAC-SHA-256 under the bytes of the secret. Worked by hand in
``tests/unit/documents/test_signatures.py`` from the specification's own example.
"""

import base64
import hmac
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32


def secret_of(key: bytes) -> str:
    """Write a key as receivers configure it: ``whsec_`` and base64."""
    return PREFIX + base64.b64encode(key).decode()


def sign(*, secrets: Sequence[str], message_id: str, sent_at_s: int, body: str) -> str:
    """Return the header ``webhook-signature``: one signature a secret, so that a rotation breaks nothing.

    secrets  as ``secret_of`` writes them · sent_at_s  seconds since 1970, the header ``webhook-timestamp``
    """
    return " ".join(f"v1,{_signature(secret, f'{message_id}.{sent_at_s}.{body}')}" for secret in secrets)


def _signature(secret: str, content: str) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return base64.b64encode(hmac.new(key, content.encode(), sha256).digest()).decode()
