"""Which reminder an unpaid invoice gets next, and when.

Days count from the due date and are the seller's. With reminders on days 7, 14 and 28 for nothing, 5.00 and 10.00, and
cards blocked with the third, of an invoice due on 1 March:

=========================================  =====================================================
on                                         then
=========================================  =====================================================
8 March                                    the first, friendly, free
15 March                                   the second, 5.00; it says that cards will be blocked
29 March                                   the third, 10.00; cards are blocked
20 March, nothing was sent for a month     the first today, the second on 27 March: never nearer
                                           to each other than agreed, never two at once
=========================================  =====================================================

What its customer disputes is not reminded of: of 10.00 of which 4.00 are disputed 6.00 are, and of 4.00 nothing is.
Nothing is sent while a try with a saved method is planned, a debit is on its way, the money is disputed, or a person
has paused it. Paid is paid, whatever is planned.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from apps.invoices.domain.line_disputes import owed_now


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a contract says of reminders.

    days            after the due date, ascending, each ≥ 1; one a reminder
    fees            what each costs, as many as days, in the invoice's currency
    least           less than this open is not reminded of
    suspends_after  the number of the reminder that blocks the cards, as every later one does; 0: none does
    """

    days: tuple[int, ...]
    fees: tuple[Decimal, ...]
    least: Decimal = Decimal(0)
    suspends_after: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an invoice stands, as far as reminders go.

    open_amount    gross · contested_amount: what of it its customer disputes with us, line by line
    sent_on        the days of the reminders sent, in order
    paused_until   no reminder before that day · next_try: the day of the next try with a saved method
    is_processing  a call or a bank is at work on its payment · is_disputed: what had paid it is disputed at a bank
    """

    due_date: date
    open_amount: Decimal
    contested_amount: Decimal = Decimal(0)
    sent_on: tuple[date, ...] = ()
    paused_until: date | None = None
    next_try: date | None = None
    is_processing: bool = False
    is_disputed: bool = False


class Stand(StrEnum):
    """Why a reminder is sent today, or is not."""

    SETTLED = "settled"
    CONTESTED = "contested"
    SMALL = "small"
    ALL_SENT = "all_sent"
    PROCESSING = "processing"
    DISPUTED = "disputed"
    COLLECTED = "collected"
    PAUSED = "paused"
    NOT_YET = "not_yet"
    DUE = "due"


FORCEABLE = frozenset({Stand.COLLECTED, Stand.PAUSED, Stand.NOT_YET, Stand.DUE})
"""Where a person may send the next reminder all the same, once it is overdue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """The next reminder of an invoice.

    level     1 for the first; 0: there is none · on: its day as far as is known
    fee       as in the terms · suspends: whether it blocks the cards · threatens: whether the next one will
    is_last   no other follows · why: a sentence
    """

    stand: Stand
    why: str
    level: int = 0
    on: date | None = None
    fee: Decimal = Decimal(0)
    suspends: bool = False
    threatens: bool = False
    is_last: bool = False

    @property
    def is_due(self) -> bool:
        return self.stand == Stand.DUE


def next_step(standing: Standing, terms: Terms, *, today: date) -> NextStep:
    """Return the next reminder of an invoice and whether it is due today."""
    level = len(standing.sent_on) + 1
    if standing.open_amount <= 0:
        return NextStep(stand=Stand.SETTLED, why="Nothing of it is open.")
    owed = owed_now(standing.open_amount, disputed=standing.contested_amount)
    if not owed:
        return NextStep(stand=Stand.CONTESTED, why="Its customer disputes all that is open.")
    if owed < terms.least:
        return NextStep(stand=Stand.SMALL, why="Less is open than the contract has reminded of.")
    if level > len(terms.days):
        why = f"All {len(terms.days)} reminders were sent." if terms.days else "The contract has no reminders."
        return NextStep(stand=Stand.ALL_SENT, why=why)
    on = _day_of(level, standing, terms)
    stand, why = _stand(standing, on, today=today)
    return NextStep(
        stand=stand,
        why=why,
        level=level,
        on=max(on, today) if stand in (Stand.DUE, Stand.PROCESSING, Stand.DISPUTED) else on,
        fee=terms.fees[level - 1],
        suspends=0 < terms.suspends_after <= level,
        threatens=level + 1 == terms.suspends_after,
        is_last=level == len(terms.days),
    )


def may_be_sent_now(step: NextStep, standing: Standing, *, today: date) -> bool:
    """Return whether a person may send the next reminder today: not twice a day, and not before it is overdue."""
    is_new_day = not standing.sent_on or standing.sent_on[-1] < today
    return step.stand in FORCEABLE and standing.due_date < today and is_new_day


def _day_of(level: int, standing: Standing, terms: Terms) -> date:
    """Return the agreed day, put off so far that a late one keeps its distance, a try comes first and a pause ends."""
    days = [standing.due_date + timedelta(days=terms.days[level - 1])]
    if level > 1:
        days.append(standing.sent_on[-1] + timedelta(days=terms.days[level - 1] - terms.days[level - 2]))
    if standing.paused_until is not None:
        days.append(standing.paused_until)
    if standing.next_try is not None:
        days.append(standing.next_try + timedelta(days=1))
    return max(days)


def _stand(standing: Standing, on: date, *, today: date) -> tuple[Stand, str]:
    if standing.is_processing:
        return Stand.PROCESSING, "A payment of it is under way."
    if standing.is_disputed:
        return Stand.DISPUTED, "A payment of it is disputed."
    if standing.next_try is not None:
        return Stand.COLLECTED, f"It is tried with the saved method on {standing.next_try}."
    if standing.paused_until is not None and today < standing.paused_until:
        return Stand.PAUSED, f"Reminders are paused until {standing.paused_until}."
    if today < on:
        return Stand.NOT_YET, "Its day has not come."
    return Stand.DUE, f"{(today - standing.due_date).days} days overdue."
