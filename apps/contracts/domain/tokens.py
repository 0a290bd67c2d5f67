"""How id tokens are compared, and whether one may charge on its contract's account."""

from datetime import datetime
from enum import StrEnum


class TokenVerdict(StrEnum):
    """What a token is worth at an instant."""

    VALID = "valid"
    BLOCKED = "blocked"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


def normalise_uid(uid: str) -> str:
    """Return ``uid`` as it is stored and compared: trimmed, upper case."""
    return uid.strip().upper()


def judge_token(
    *,
    is_active: bool,
    contract_status: str,
    valid_from: datetime,
    valid_to: datetime | None,
    at: datetime,
    own_from: datetime | None = None,
    own_to: datetime | None = None,
) -> TokenVerdict:
    """Tell whether a known token may charge at ``at``.

    is_active             whether the token itself is not blocked (a retired one is unknown to begin with)
    contract_status       offered | active | suspended | ended
    valid_from, valid_to  the contract's span, half-open; None: open
    own_from, own_to      the card's own span within it, half-open; None: open
    """
    if not is_active or contract_status == "suspended":
        return TokenVerdict.BLOCKED
    if contract_status == "offered":
        return TokenVerdict.EXPIRED
    is_valid = all(
        (first is None or first <= at) and (end is None or at < end)
        for first, end in ((valid_from, valid_to), (own_from, own_to))
    )
    # A contract that was ended keeps its span, so that a start from before its end, told late, still counts.
    if is_valid and (contract_status == "active" or valid_to is not None):
        return TokenVerdict.VALID
    return TokenVerdict.EXPIRED
