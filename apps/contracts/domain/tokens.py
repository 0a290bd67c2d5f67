"""How id tokens are compared."""


def normalise_uid(uid: str) -> str:
    """Return ``uid`` as it is stored and compared: trimmed, upper case."""
    return uid.strip().upper()
