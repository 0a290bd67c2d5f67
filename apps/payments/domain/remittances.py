"""What a remittance text names of documents whose numbers another system made."""

import re
from typing import Final

_SHORTEST: Final = 4
"""Characters of a number that a text can name; fewer stand in every text by chance."""


def names(text: str, *, number: str) -> bool:
    """Return whether a text names this number, in any case, as a word of its own; one without a digit is no number."""
    wanted = number.upper()
    if len(wanted) < _SHORTEST or not any(character.isdigit() for character in wanted):
        return False
    return re.search(rf"(?<![A-Z0-9]){re.escape(wanted)}(?![A-Z0-9])", text.upper()) is not None
