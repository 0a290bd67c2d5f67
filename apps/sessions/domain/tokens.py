"""Id tokens as grants keep them."""

from hashlib import sha256


def hash_token(token: str) -> str:
    """Return the SHA-256 of an id token as it is compared (trimmed, upper case), hexadecimal."""
    return sha256(token.strip().upper().encode()).hexdigest()


def mask_token(token: str) -> str:
    """Return what may be shown of a token in a sentence: its last four characters."""
    return f"…{token[-4:]}" if token else "without a number"
