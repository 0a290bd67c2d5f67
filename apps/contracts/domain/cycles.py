"""When a contract's sessions are billed, where no plan says it."""

from datetime import date, timedelta
from enum import StrEnum

_ONE_DAY = timedelta(days=1)
_MONTHS_A_QUARTER = 3


class BillingCycle(StrEnum):
    """What a billing run takes up of a contract.

    RUN      all until the run's day
    MONTH    calendar months of the seller that are over; QUARTER likewise
    SESSION  nothing but what is left over: each session is billed as soon as it is rated
    """

    RUN = "run"
    MONTH = "month"
    QUARTER = "quarter"
    SESSION = "session"


def last_billed_day(cycle: BillingCycle, *, until: date) -> date:
    """Return the last local day whose sessions a run until ``until`` bills: what is not over waits for its end."""
    months = {BillingCycle.MONTH: 1, BillingCycle.QUARTER: _MONTHS_A_QUARTER}.get(cycle)
    if months is None:
        return until
    next_day = until + _ONE_DAY
    first_month = next_day.month - (next_day.month - 1) % months
    return date(next_day.year, first_month, 1) - _ONE_DAY
