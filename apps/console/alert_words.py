"""What alerts say, in German and English: a subject, a line a thing, and where to look."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final, Literal

Language = Literal["de", "en"]

GERMAN_SPEAKING: Final = frozenset({"AT", "CH", "DE", "LI"})
MOST_LINES: Final = 20
"""A mail lists so many; the page that it leads to has the rest."""


def language_of(country: str) -> Language:
    """Return the language in which an organisation's people are written to: nobody has said theirs anywhere."""
    return "de" if country in GERMAN_SPEAKING else "en"


def offline_line(language: Language, *, station: str, location: str, since: datetime) -> str:
    """since: on the organisation's clock."""
    when = f"{since:%Y-%m-%d %H:%M %Z}"
    if language == "de":
        return f"{station}, {location}: offline, zuletzt gehört {when}"
    return f"{station}, {location}: offline, last heard of {when}"


def faulted_line(language: Language, *, connector: str, location: str) -> str:
    return f"{connector}, {location}: " + ("gestört" if language == "de" else "faulted")


def back_line(language: Language, *, station: str, location: str) -> str:
    return f"{station}, {location}: " + ("wieder online" if language == "de" else "online again")


def review_line(language: Language, *, session: str, reason: str, is_old: bool) -> str:
    """reason: as the session has it, in English."""
    old = {"de": " (seit über drei Tagen)", "en": " (for more than three days)"}[language] if is_old else ""
    return f"{session}{old}: {reason}"


def stations_subject(language: Language, *, count: int, name: str) -> str:
    if language == "de":
        return f"{name}: {count} Störung" + ("" if count == 1 else "en")
    return f"{name}: {count} " + ("station or connector is down" if count == 1 else "stations or connectors are down")


def back_subject(language: Language, *, count: int, name: str) -> str:
    if language == "de":
        return f"{name}: {count} " + ("Station" if count == 1 else "Stationen") + " wieder online"
    return f"{name}: {count} " + ("station is" if count == 1 else "stations are") + " online again"


def review_subject(language: Language, *, count: int, name: str) -> str:
    if language == "de":
        return f"{name}: {count} " + ("Ladevorgang wartet" if count == 1 else "Ladevorgänge warten") + " auf Prüfung"
    return f"{name}: {count} " + ("session waits" if count == 1 else "sessions wait") + " for review"


def dispute_line(language: Language, *, payment: str, amount: str, by: datetime) -> str:
    """by: on the organisation's clock."""
    when = f"{by:%Y-%m-%d %H:%M %Z}"
    if language == "de":
        return f"{payment}: {amount} sind bestritten; die Bank nimmt eine Antwort bis {when}"
    return f"{payment}: {amount} are disputed; the bank takes an answer until {when}"


def disputes_subject(language: Language, *, count: int, name: str) -> str:
    if language == "de":
        return (
            f"{name}: {count} " + ("bestrittene Zahlung" if count == 1 else "bestrittene Zahlungen") + " zu beantworten"
        )
    return f"{name}: {count} " + ("dispute" if count == 1 else "disputes") + " to answer within three days"


def line_line(language: Language, *, line: str, customer: str, by: date) -> str:
    """by: the day until which it is answered · customer: "" for a driver."""
    who = {"de": customer or "ein Fahrer", "en": customer or "a driver"}[language]
    if language == "de":
        return f"{line}: {who} widerspricht; Antwort bis {by:%Y-%m-%d}"
    return f"{line}: {who} disputes it; answer by {by:%Y-%m-%d}"


def lines_subject(language: Language, *, count: int, name: str) -> str:
    if language == "de":
        return f"{name}: {count} " + ("Rechnungszeile" if count == 1 else "Rechnungszeilen") + " bestritten"
    return f"{name}: {count} disputed " + ("line" if count == 1 else "lines") + " to answer"


def body(language: Language, lines: Sequence[str], *, address: str) -> str:
    """Return the text: a line each, the first ``MOST_LINES`` of them, and the page to open."""
    more = len(lines) - MOST_LINES
    rest = {"de": f"… und {more} weitere", "en": f"… and {more} more"}[language]
    look = {"de": "Ansehen", "en": "Look at it"}[language]
    listed = [*lines[:MOST_LINES], *([rest] if more > 0 else [])]
    return "\n".join([*(" ".join(line.split()) for line in listed), "", f"{look}: {address}", ""])
