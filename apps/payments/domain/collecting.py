"""When an open invoice is tried, by which rule it is tried again, and what a refusal means for that.

============================  ===========================================================
the last try was refused      then
============================  ===========================================================
for now (no funds, …)         again on days 3, 7 and 14 after the first try, then no more
``do_not_try_again``,         never again with this method: the customer saves another one
lost, stolen, closed, …
``confirm_card_data``         never again with this method: its data are wrong
``authentication_required``   never by itself: the customer confirms on a page
============================  ===========================================================

Days are the seller's. After days without a beat the missed tries are not made up for: one try a day at most, and the
next keeps its own day.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from apps.payments.domain.failures import Failure

RETRY_DAYS: Final = (0, 3, 7, 14)
"""Days after the first try."""

_FOR_GOOD: Final = frozenset(
    {
        "account_closed",
        "amount_too_large",
        "amount_too_small",
        "bank_account_restricted",
        "canceled",
        "card_not_supported",
        "currency_not_supported",
        "debit_not_authorized",
        "expired_card",
        "fraudulent",
        "incorrect_number",
        "lost_card",
        "no_account",
        "pickup_card",
        "restricted_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "stolen_card",
        "stop_payment_order",
    }
)
_ADVICE_FOR_GOOD: Final = frozenset({"do_not_try_again", "confirm_card_data"})
_BY_THE_CUSTOMER: Final = frozenset({"authentication_required", "payment_intent_authentication_failure"})


class Retry(StrEnum):
    """What a refusal allows with the same method."""

    AS_SCHEDULED = "as_scheduled"
    NEVER = "never"
    CUSTOMER_CONFIRMS = "customer_confirms"


def retry_after(failure: Failure) -> Retry:
    """Return what a refusal allows; the issuer's advice goes before its code."""
    if failure.advice in _ADVICE_FOR_GOOD or failure.code in _FOR_GOOD:
        return Retry.NEVER
    if failure.code in _BY_THE_CUSTOMER:
        return Retry.CUSTOMER_CONFIRMS
    return Retry.AS_SCHEDULED


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """What was tried of an invoice with one method, and how the last try ended. ``count`` ≥ 1."""

    count: int
    first_date: date
    last_date: date
    failure: Failure


def next_try_date(tries: Tries) -> date | None:
    """Return the day of the next try, or None when there is none."""
    if tries.count >= len(RETRY_DAYS) or retry_after(tries.failure) != Retry.AS_SCHEDULED:
        return None
    scheduled = tries.first_date + timedelta(days=RETRY_DAYS[tries.count])
    return max(scheduled, tries.last_date + timedelta(days=1))
