"""The reference by which money that comes by bank finds its invoice: a creditor reference (ISO 11649) of the number.

``INV-2026-000001`` becomes ``RF94INV2026000001``: RF, check digits (ISO 7064 mod 97-10), the number's own characters.
People type what they like, so a text is searched for both, in any grouping; what is mistyped names nothing.
"""

import re
from typing import Final

from apps.invoices.domain.numbers import PREFIXES

_LETTERS: Final = PREFIXES["invoice"]
# Between the parts of a number people type spaces, hyphens, slashes, dots or nothing.
_GAP: Final = r"[\s\-–/.:_]*"
_NUMBER: Final = re.compile(rf"(?<![A-Z0-9]){_LETTERS}{_GAP}([0-9]{{4}}){_GAP}([0-9]{{6,9}})(?![A-Z0-9])")
_CREDITOR: Final = re.compile(rf"RF[0-9]{{2}}{_LETTERS}[0-9]{{10,13}}")
_SPACES: Final = re.compile(r"\s+")


def creditor_reference(number: str) -> str:
    """Return the creditor reference of a document's number: ``RF…INV2026000001``, at most 25 characters."""
    letters = "".join(character for character in number.upper() if character.isalnum())
    return f"RF{98 - _mod_97(letters + 'RF00'):02d}{letters}"


def in_groups(code: str) -> str:
    """Write a reference or an IBAN in groups of four, as on paper (ISO 11649, ISO 13616)."""
    compact = code.replace(" ", "")
    return " ".join(compact[start : start + 4] for start in range(0, len(compact), 4))


def numbers_in(text: str) -> tuple[str, ...]:
    """Return the invoice numbers that a remittance text names, each once, in order.

    A creditor reference with wrong check digits names none, and neither does the number inside it.
    """
    said = text.upper()
    plain = (f"{_LETTERS}-{match[1]}-{match[2]}" for match in _NUMBER.finditer(said))
    compact = _SPACES.sub("", said)
    stated = (_number_of(match[0]) for match in _CREDITOR.finditer(compact))
    return tuple(dict.fromkeys(number for number in (*stated, *plain) if number))


def _number_of(stated: str) -> str:
    """Return the number of a creditor reference; "" where it is none.

    stated  may run on into digits that are not its own; then the one beginning whose check digits are right counts
    """
    shortest = len("RF00") + len(_LETTERS) + 10
    beginnings = [stated[:end] for end in range(shortest, len(stated) + 1)]
    valid = [code for code in beginnings if _mod_97(code[4:] + code[:4]) == 1]
    if stated in valid:
        valid = [stated]
    if len(valid) != 1:
        return ""
    digits = valid[0][4 + len(_LETTERS) :]
    return f"{_LETTERS}-{digits[:4]}-{digits[4:]}"


def _mod_97(code: str) -> int:
    return int("".join(str(int(character, 36)) for character in code)) % 97
