"""What the bank is told about a disputed charge: our facts, worded for a person who has never seen a charger.

The texts go to Stripe's evidence fields of the same names; a person may edit each before it is submitted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

EVIDENCE_FIELDS: Final = (
    "customer_name",
    "customer_email_address",
    "service_date",
    "product_description",
    "access_activity_log",
    "uncategorized_text",
)
LONGEST: Final = 20_000
"""Characters of one field; Stripe takes 150,000 of all together (docs.stripe.com/api/disputes/update)."""
MOST_SESSIONS: Final = 50
MOST_READINGS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTold:
    """One charging session in words; times are local, with their zone.

    permission  who allowed it and up to what, before it began · price: the tariff in a sentence
    signed      what the calibrated meter's signature says
    readings    one line each, oldest first · total: as billed
    """

    began: str
    ended: str
    place: str
    station: str
    energy: str
    permission: str
    price: str
    signed: str
    readings: Sequence[str]
    total: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeTold:
    """A disputed payment in words. customer_*: empty for an anonymous driver."""

    document: str
    amount: str
    service_date: str
    customer_name: str
    customer_email: str
    sessions: Sequence[SessionTold]


def compose(charge: ChargeTold) -> dict[str, str]:
    """Return the texts by evidence field; what is not known is left out."""
    texts = {
        "customer_name": charge.customer_name,
        "customer_email_address": charge.customer_email,
        "service_date": charge.service_date,
        "product_description": _product(charge),
        "access_activity_log": "\n\n".join(_activity(session) for session in charge.sessions[:MOST_SESSIONS]),
        "uncategorized_text": _explanation(charge),
    }
    return {field: cut(text) for field, text in texts.items() if text}


def cut(text: str) -> str:
    """Shorten a text to what a field takes, and say so."""
    note = "\n[shortened]"
    return text if len(text) <= LONGEST else text[: LONGEST - len(note)] + note


def cleaned(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the known fields of edited texts, without blank ones and characters no database stores."""
    kept = {field: texts.get(field, "").replace("\x00", "").strip() for field in EVIDENCE_FIELDS}
    return {field: cut(text) for field, text in kept.items() if text}


def _product(charge: ChargeTold) -> str:
    places = list(dict.fromkeys(f"{session.place} ({session.energy})" for session in charge.sessions))
    listed = "; ".join(places[:5]) + (f" and {len(places) - 5} more" if len(places) > 5 else "")
    return f"Electricity for an electric vehicle, delivered at a public charging station: {listed or charge.document}."


def _activity(session: SessionTold) -> str:
    first, last = session.readings[: MOST_READINGS // 2], session.readings[MOST_READINGS // 2 :]
    if len(last) > MOST_READINGS // 2:
        hidden = len(last) - MOST_READINGS // 2
        last = [f"… {hidden} readings between …", *last[-(MOST_READINGS // 2) :]]
    return "\n".join(
        [
            f"Station {session.station}, {session.place}",
            f"Permission: {session.permission}",
            f"Began {session.began}, ended {session.ended}, delivered {session.energy}",
            *(f"Meter: {reading}" for reading in (*first, *last)),
        ]
    )


def _explanation(charge: ChargeTold) -> str:
    parts = [
        f"{charge.document} over {charge.amount} is for electricity that was drawn in person: charging begins only "
        "after the cable is plugged in at the station, and the meter registers what flows.",
    ]
    for session in charge.sessions[:MOST_SESSIONS]:
        parts.append(
            f"{session.began} at {session.place}: {session.energy} for {session.total}. "
            f"Price, shown before the start: {session.price} {session.signed}"
        )
    if len(charge.sessions) > MOST_SESSIONS:
        parts.append(f"{len(charge.sessions) - MOST_SESSIONS} more sessions are listed on the document.")
    return "\n\n".join(parts)
