"""The text of a contract: a seller's own words with placeholders from a closed list.

Text is data, never a program: ``{name}`` of the list is replaced once, whatever the value holds; anything else in
braces is refused when the text is saved. A line that begins with ``# `` is a heading, an empty line parts paragraphs.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

PLACEHOLDERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "seller": "the seller's name",
        "seller_address": "the seller's street, postcode and city",
        "customer": "the customer's name",
        "customer_address": "the customer's street, postcode and city",
        "customer_number": "the customer's number",
        "contract": "the contract's number",
        "first_day": "the day from which it applies",
        "last_day": "the last day of its term, or “until further notice”",
        "term": "how long it runs and how it is renewed, as a sentence",
        "notice_days": "days of notice",
        "plan": "the plan's name, or a dash",
        "payment_days": "days from an invoice until it is due",
        "cards": "how many cards it has",
    }
)
_BRACES: Final = re.compile(r"\{([^{}\n]*)\}")
_HEADING: Final = "# "


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    text: str
    is_heading: bool = False


def problems_of(text: str) -> tuple[str, ...]:
    """Name what cannot be filled in, in the order in which it stands; () where all can."""
    problems = [
        f"{{{name}}} is no placeholder."
        for name in dict.fromkeys(match[1] for match in _BRACES.finditer(text))
        if name not in PLACEHOLDERS
    ]
    rest = _BRACES.sub("", text)
    if "{" in rest or "}" in rest:
        problems.append("A brace stands alone: placeholders are written {customer}.")
    if not rest.strip() and not text.strip():
        problems.append("Write the terms.")
    return tuple(problems)


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return the text with every placeholder replaced, in one pass: a value with braces stays as it is.

    values  one for each of PLACEHOLDERS

    :raises KeyError: the text names something that is no placeholder, or its value is missing
    """
    return _BRACES.sub(lambda match: values[match[1]], text)


def paragraphs(text: str) -> tuple[Paragraph, ...]:
    """Part filled-in text for print."""
    found: list[Paragraph] = []
    lines: list[str] = []

    def close() -> None:
        if lines:
            found.append(Paragraph(text="\n".join(lines)))
            lines.clear()

    for line in (raw.strip() for raw in text.splitlines()):
        if line.startswith(_HEADING):
            close()
            found.append(Paragraph(text=line[len(_HEADING) :].strip(), is_heading=True))
        elif line:
            lines.append(line)
        else:
            close()
    close()
    return tuple(found)
