"""A VAT identifier on a form or in a file: checked by its country's rule, and kept as documents print it."""

from django.core.exceptions import ValidationError
from django_countries import countries

from apps.core.domain.vat_ids import NotAVatId, valid_vat_id


def cleaned_vat_id(number: str, *, country: str) -> str:
    """Return the identifier as it is kept; "" stays "", and without a country nothing is checked.

    country  ISO 3166-1 alpha-2, or "" where the form has none yet

    :raises ValidationError: on ``vat_id``: it is none of that country
    """
    if not number.strip() or not country:
        return number.strip()
    try:
        return valid_vat_id(number, country=country)
    except NotAVatId:
        said = f"This is no VAT identifier of {countries.name(country)}: a letter or digit is wrong or missing."
        raise ValidationError({"vat_id": said}) from None
