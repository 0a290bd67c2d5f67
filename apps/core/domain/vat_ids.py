"""VAT identifiers by their countries' rules: form and check digits. Whether one is in use, nobody is asked."""

from functools import lru_cache
from typing import Final

from stdnum import get_cc_module
from stdnum.eu import vat as eu_vat
from stdnum.exceptions import ValidationError

_BEGINS_WITH: Final = {"GR": "EL"}
"""Greece's do not begin with its country code."""


class NotAVatId(ValueError):
    """It is no VAT identifier of that country."""


def valid_vat_id(number: str, *, country: str) -> str:
    """Return a VAT identifier as it is written on a document: with its country's letters, without spaces.

    number   as somebody typed it; within the Union the letters may be missing
    country  ISO 3166-1 alpha-2, of the company; of a country whose rule is not known, any number is taken

    :raises NotAVatId: by form or check digits it is none of that country
    """
    try:
        if country.lower() in eu_vat.MEMBER_STATES:
            prefix = _BEGINS_WITH.get(country, country)
            compact = number.replace(" ", "").upper()
            valid: str = eu_vat.validate(compact if compact.startswith(prefix) else prefix + compact)
            return valid
        module = get_cc_module(country.lower(), "vat")
        return str(module.validate(number)) if module else number.strip()
    except ValidationError as error:
        raise NotAVatId(f"{number!r} is no VAT identifier of {country}") from error


@lru_cache(maxsize=4096)
def is_vat_id(number: str, *, country: str) -> bool:
    """Return whether it is one; a billing run asks the same of most of its contracts."""
    try:
        valid_vat_id(number, country=country)
    except NotAVatId:
        return False
    return True
